//! A question to all nodes from beside them: who has this master key? Here an answer counts, unlike in the rest of what nodes tell
//! each other: a node that is there and says nothing is not taken to have it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::LONGEST_PAUSE;
use super::outbox::{self, News};
use crate::db::DatabaseUrl;
use crate::db::notify::Channel;
use crate::error::AppError;
use crate::master_key::KeyId;

/// For whoever is silent.
const PATIENCE: Duration = Duration::from_secs(10);
/// A node that has lost its connection to the others is in no list before it has made it again.
const MAY_COME_BACK: Duration = LONGEST_PAUSE.saturating_add(Duration::from_millis(500));
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A question may come before the one who is asked listens.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How many nodes there are, and what they said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    pub nodes: usize,
    pub lack_it: usize,
    pub silent: usize,
}

impl Answers {
    pub fn all_have_it(self) -> bool {
        self.lack_it + self.silent == 0
    }
}

/// Blocks for as long as a node may be out of sight, and for ten seconds when some are silent. A node looks into its key file before
/// it answers.
pub fn who_has(url: &DatabaseUrl, key: KeyId) -> Result<Answers, String> {
    let mut channel = Channel::beside(url)?;
    ask(&mut channel, key).map_err(|error| error.to_string())
}

fn ask(channel: &mut Channel, key: KeyId) -> Result<Answers, AppError> {
    let began = Instant::now();
    let mut asked: Option<Instant> = None;
    let mut said = BTreeMap::new();
    loop {
        if asked.is_none_or(|at| at.elapsed() >= ASK_EVERY) {
            asked = Some(Instant::now());
            channel.say(&News::WhoHas(key).to_string())?;
        }
        for heard in channel.heard()? {
            for news in outbox::read(&heard.text) {
                match news {
                    News::Has(of) if of == key => drop(said.insert(heard.speaker, true)),
                    News::Lacks(of) if of == key => drop(said.insert(heard.speaker, false)),
                    _ => {}
                }
            }
        }
        let nodes = channel.nodes()?;
        let count = |answer: Option<bool>| nodes.iter().filter(|node| said.get(node).copied() == answer).count();
        let answers = Answers {
            nodes: nodes.len(),
            lack_it: count(Some(false)),
            silent: count(None),
        };
        let enough = if answers.silent == 0 { MAY_COME_BACK } else { PATIENCE };
        if began.elapsed() >= enough {
            return Ok(answers);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
