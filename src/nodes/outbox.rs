//! What this node has to tell the others, and how it is written. It gathers for a few milliseconds: whatever is said twice is
//! said once, and what is too much to list becomes "look yourself".

use std::collections::BTreeMap;

use crate::context::Recorded;
use crate::db::notify::LONGEST;
use crate::db::{Due, Lane};
use crate::domain::delivery::Trigger;
use crate::domain::ids::{DeliveryId, ProjectId, WebhookId};
use crate::domain::moment::Moment;
use crate::master_key::KeyId;
use crate::node_role::{NodeName, NodeRole};
use crate::nodes::Node;
use crate::version::Version;

/// Lanes that are listed; when there are more, a look at the database is cheaper.
const MOST_DUE: usize = 1_000;
/// Results that are listed; whoever waits for one that is not looks by itself.
const MOST_RECORDED: usize = 2_000;

/// One thing that nodes tell each other. What a newer version says beyond this is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// I am here, and this is what I am. Said every few seconds.
    Here(Node),
    /// I am going.
    Gone,
    /// Something is due, or more than can be listed: look into the database.
    Look,
    Due(Due),
    Recorded(Recorded),
    /// Asked before the master key is rotated; answered by each node.
    WhoHas(KeyId),
    Has(KeyId),
    Lacks(KeyId),
}

#[derive(Debug, Default)]
pub struct Outbox {
    look: bool,
    due: BTreeMap<(WebhookId, Lane), (ProjectId, Moment)>,
    recorded: Vec<Recorded>,
}

impl Outbox {
    pub fn is_empty(&self) -> bool {
        !self.look && self.due.is_empty() && self.recorded.is_empty()
    }

    /// Of one lane the earliest instant is enough.
    pub fn due(&mut self, due: Due) {
        if self.look {
            return;
        }
        let (_, at) = self.due.entry((due.webhook, due.lane)).or_insert((due.project, due.at));
        *at = due.at.min(*at);
        if self.due.len() > MOST_DUE {
            self.look();
        }
    }

    pub fn look(&mut self) {
        self.look = true;
        self.due.clear();
    }

    pub fn recorded(&mut self, recorded: Recorded) {
        if self.recorded.len() < MOST_RECORDED {
            self.recorded.push(recorded);
        }
    }

    /// All of it, written down in payloads that PostgreSQL takes; afterwards it is empty.
    pub fn take(&mut self) -> Vec<String> {
        let Outbox { look, due, recorded } = std::mem::take(self);
        let due = due.into_iter().map(|((webhook, lane), (project, at))| {
            News::Due(Due {
                webhook,
                project,
                lane,
                at,
            })
        });
        let look = look.then_some(News::Look);
        let mut payloads: Vec<String> = Vec::new();
        for news in look
            .into_iter()
            .chain(due)
            .chain(recorded.into_iter().map(News::Recorded))
        {
            let line = news.to_string();
            match payloads.last_mut() {
                Some(payload) if payload.len() + 1 + line.len() <= LONGEST => {
                    payload.push('\n');
                    payload.push_str(&line);
                }
                _ => payloads.push(line),
            }
        }
        payloads
    }
}

impl std::fmt::Display for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            News::Here(Node { role, version, name }) => {
                write!(f, "here {role}")?;
                // By their places: without a version there is no name.
                let Some(version) = version else { return Ok(()) };
                write!(f, " {version}")?;
                name.iter().try_for_each(|name| write!(f, " {name}"))
            }
            News::Gone => f.write_str("gone"),
            News::Look => f.write_str("look"),
            News::Due(due) => {
                let lane = match due.lane {
                    Lane::Automatic => "a",
                    Lane::Direct => "d",
                };
                write!(f, "due {} {} {lane} {}", due.webhook, due.project, due.at.0)
            }
            News::WhoHas(key) => write!(f, "whohas {key}"),
            News::Has(key) => write!(f, "has {key}"),
            News::Lacks(key) => write!(f, "lacks {key}"),
            News::Recorded(done) => write!(f, "done {} {} {}", done.webhook, done.delivery, done.trigger),
        }
    }
}

/// Reads a payload. Anybody who may connect to the database can write one: what makes no sense is passed over.
pub fn read(payload: &str) -> impl Iterator<Item = News> + '_ {
    payload.lines().filter_map(read_line)
}

fn read_line(line: &str) -> Option<News> {
    let mut words = line.split(' ');
    match words.next()? {
        "here" => {
            let role = match words.next()? {
                "all" => NodeRole::All,
                "web" => NodeRole::Web,
                "worker" => NodeRole::Worker,
                _ => return None,
            };
            let version = words.next().and_then(Version::parse);
            let name = words.next().and_then(NodeName::parse);
            Some(News::Here(Node { role, version, name }))
        }
        "gone" => Some(News::Gone),
        "look" => Some(News::Look),
        "whohas" => KeyId::parse(words.next()?).map(News::WhoHas),
        "has" => KeyId::parse(words.next()?).map(News::Has),
        "lacks" => KeyId::parse(words.next()?).map(News::Lacks),
        "due" => Some(News::Due(Due {
            webhook: WebhookId(words.next()?.parse().ok()?),
            project: ProjectId(words.next()?.parse().ok()?),
            lane: match words.next()? {
                "a" => Lane::Automatic,
                "d" => Lane::Direct,
                _ => return None,
            },
            at: Moment(words.next()?.parse().ok()?),
        })),
        "done" => Some(News::Recorded(Recorded {
            webhook: WebhookId(words.next()?.parse().ok()?),
            delivery: DeliveryId(words.next()?.parse().ok()?),
            trigger: words.next()?.parse::<Trigger>().ok()?,
        })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(webhook: i64, at: i64) -> Due {
        Due {
            webhook: WebhookId(webhook),
            project: ProjectId(7),
            lane: Lane::Automatic,
            at: Moment(at),
        }
    }

    fn recorded(delivery: i64) -> Recorded {
        Recorded {
            webhook: WebhookId(3),
            delivery: DeliveryId(delivery),
            trigger: Trigger::Test,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let direct = Due {
            lane: Lane::Direct,
            ..due(i64::MAX, i64::MIN)
        };
        for news in [
            News::Here(Node::own(NodeRole::All)),
            News::Here(Node::own(NodeRole::Web)),
            News::Here(Node {
                role: NodeRole::Worker,
                version: None,
                name: None,
            }),
            News::Here(Node {
                name: None,
                ..Node::own(NodeRole::Worker)
            }),
            News::Gone,
            News::Look,
            News::Due(due(1, 2)),
            News::Due(direct),
            News::Recorded(recorded(9)),
        ] {
            assert_eq!(read(&news.to_string()).collect::<Vec<_>>(), [news]);
        }
    }

    #[test]
    fn what_makes_no_sense_is_passed_over() {
        let payload = "due 1 2 x 3\ndue 1\nlook\n\nfuture 1 2 3\ndone a b test\nhere nobody\ndue 1 7 a 5";

        assert_eq!(read(payload).collect::<Vec<_>>(), [News::Look, News::Due(due(1, 5))]);
    }

    #[test]
    fn what_is_said_twice_is_said_once_with_the_earliest_instant() {
        let mut outbox = Outbox::default();

        outbox.due(due(1, 30));
        outbox.due(due(1, 10));
        outbox.due(due(1, 20));

        assert_eq!(outbox.take(), ["due 1 7 a 10"]);
        assert!(outbox.is_empty());
    }

    #[test]
    fn much_is_split_and_too_much_becomes_a_look() {
        let (mut much, mut too_much) = (Outbox::default(), Outbox::default());
        for webhook in 0..MOST_DUE as i64 {
            much.due(due(webhook, 1_764_000_000_000_000));
        }
        for webhook in 0..=MOST_DUE as i64 {
            too_much.due(due(webhook, 0));
        }

        let payloads = much.take();

        assert!(payloads.len() > 1);
        assert!(payloads.iter().all(|payload| payload.len() <= LONGEST));
        assert_eq!(payloads.iter().flat_map(|payload| read(payload)).count(), MOST_DUE);
        assert_eq!(too_much.take(), ["look"]);
    }

    #[test]
    fn results_are_told_up_to_a_number() {
        let mut outbox = Outbox::default();
        for delivery in 0..2 * MOST_RECORDED as i64 {
            outbox.recorded(recorded(delivery));
        }

        let told = outbox.take().iter().flat_map(|payload| read(payload)).count();

        assert_eq!(told, MOST_RECORDED);
    }
}
