//! `key …`: which master keys the database knows, and replacing the current one while servers run. It prints ids, never a key.

use std::path::Path;

use clap::Subcommand;

use super::Failure;
use super::user::{counted, open_existing};
use crate::actions::keys;
use crate::actions::keys::rotate::{self, Finished, List, State};
use crate::config::StoreSettings;
use crate::data_lock;
use crate::db::DatabaseUrl;
use crate::domain::moment::Moment;
use crate::domain::rotation::Next;
use crate::key_file::{Held, Source};
use crate::nodes::ask;
use crate::store::Store;
use crate::vault::{KeyId, KeyRing, MasterKey, Vault};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the master keys that the database knows, and what each seals
    List {
        #[command(flatten)]
        store: StoreSettings,
    },
    /// Seal everything under a new master key, while servers run; run again, it goes on where it was stopped
    Rotate {
        #[command(flatten)]
        store: StoreSettings,
    },
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List { store } => list(&store).await,
        Command::Rotate { store } => rotate(&store).await,
    }
}

/// The keys that the settings name.
pub(super) fn given(settings: &StoreSettings) -> Result<(Source, Option<KeyRing>), Failure> {
    let file = settings.master_key_file.as_deref();
    keys::given(settings.master_key.as_ref(), file, &settings.data_dir).map_err(Failure::Other)
}

/// Also with a wrong key or none: then it is needed most.
async fn list(settings: &StoreSettings) -> Result<(), Failure> {
    let store = open_existing(settings)?;
    let (here, trouble) = match given(settings) {
        Ok((_, ring)) => (ring.map(|ring| ring.ids()).unwrap_or_default(), None),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    let known = store.read(rotate::list).await?;
    for key in &known.keys {
        let state = match (key.state, key.retired_at) {
            (State::Current, _) => format!("current since {}", key.since.iso()),
            (State::Former, _) => "being replaced: run key rotate again".to_owned(),
            (State::Retired, at) => format!("retired {}", at.map(Moment::iso).unwrap_or_default()),
        };
        let mark = if here.contains(&key.id) { "given" } else { "not given" };
        println!("{}\t{} sealed\t{mark}\t{state}", key.id, key.values);
    }
    for id in here.iter().filter(|id| known.keys.iter().all(|key| key.id != **id)) {
        println!("{id}\t0 sealed\tgiven\tnot known to this database");
    }
    if known.unknown > 0 {
        println!(
            "{} values are sealed under no key that this database knows",
            known.unknown
        );
    }
    trouble.map_or(Ok(()), Err)
}

async fn rotate(settings: &StoreSettings) -> Result<(), Failure> {
    let url = settings.database()?;
    let store = open_existing(settings)?;
    if store.read(rotate::list).await?.current().is_none() {
        return Err(Failure::Other(
            "This database has no master key yet: the first start of the server gives it one.".to_owned(),
        ));
    }
    let file = settings.master_key_file.as_deref();
    // First of all: what is read from here on nobody else replaces.
    let mut held = match keys::source(settings.master_key.as_ref(), file, &settings.data_dir) {
        Source::File(path) => Some(Held::take(&path)),
        Source::Environment => None,
    };
    let (source, ring) = given(settings)?;
    let vault = keys::unlock(&store, &url, &source, ring)
        .await
        .map_err(Failure::Other)?;
    let place = Place {
        store,
        url,
        settings,
        source,
        vault,
    };
    let known = place.known().await?;
    match known.next(&place.vault.ring().ids()) {
        Next::Refuse(sentence) => return Err(Failure::Other(sentence)),
        Next::Finish => println!("a rotation that was stopped goes on"),
        Next::Tidy => {
            println!("nothing is sealed under an old key any more; another rotation needs a new key");
            return place.tidy(held, &known.retired());
        }
        Next::Switch(id) => place.switch(&known, id).await?,
        Next::NewKey => {
            let id = place.new_key(&mut held)?;
            place.switch(&known, id).await?;
        }
    }
    place.finish().await?;
    place.tidy(held, &place.known().await?.retired())
}

/// What a rotation works on.
struct Place<'a> {
    store: Store,
    url: DatabaseUrl,
    settings: &'a StoreSettings,
    source: Source,
    vault: Vault,
}

impl Place<'_> {
    async fn known(&self) -> Result<List, Failure> {
        Ok(self.store.read(rotate::list).await?)
    }

    /// Puts one into the key file, where nothing is sealed under it yet.
    fn new_key(&self, held: &mut Option<Result<Held, String>>) -> Result<KeyId, Failure> {
        let by_hand = "Add a second key to it on every node (openssl rand -base64 32; a space, a comma or a line between the \
                       two), restart the nodes one after the other, then run key rotate again.";
        match held {
            Some(Ok(held)) => {
                let key = MasterKey::random();
                let id = key.id();
                let mut all = vec![key];
                all.extend(held.keys().map_err(Failure::Other)?);
                held.replace(&all)
                    .map_err(|reason| Failure::Other(format!("{reason} {by_hand}")))?;
                println!("the new key {id} is in {}", self.source);
                Ok(id)
            }
            Some(Err(reason)) => Err(Failure::Other(format!("{reason} {by_hand}"))),
            None => Err(Failure::Other(format!(
                "TASKVIEW_MASTER_KEY holds no new key, and this command cannot change it. {by_hand}"
            ))),
        }
    }

    async fn switch(&self, known: &List, id: KeyId) -> Result<(), Failure> {
        self.everybody_has(id).await?;
        let (Some(current), Some(key)) = (known.current(), self.vault.ring().key(id)) else {
            return Err(Failure::Other(format!("The new key {id} is not in {}.", self.source)));
        };
        if !rotate::switch(&self.store, &key, current.id).await? {
            return Err(Failure::Other(
                "Another rotation was quicker: see key list, and run key rotate again.".to_owned(),
            ));
        }
        println!("{id} is the current key; before it was {}", current.id);
        Ok(())
    }

    /// A server that lacks the new key could not deliver any more.
    async fn everybody_has(&self, id: KeyId) -> Result<(), Failure> {
        let advice = format!(
            "Nothing was changed in the database. Give the new key {id} beside the old one to every node, in the same way as \
             here ({}), and run key rotate again.",
            self.source
        );
        if self.url.is_sqlite() {
            let running = data_lock::running(&self.settings.data_dir)
                .map_err(|error| Failure::Other(format!("It cannot be seen whether a server runs: {error}.")))?;
            let Some(server) = running else { return Ok(()) };
            let same_file = match (&self.source, &server.key_file) {
                (Source::File(here), Some(there)) => is_same(here, there),
                _ => false,
            };
            if same_file || server.keys.contains(&id) {
                return Ok(());
            }
            let from = server
                .key_file
                .map_or_else(|| "TASKVIEW_MASTER_KEY".to_owned(), |path| path.display().to_string());
            return Err(Failure::Other(format!(
                "The server that runs has its master key from {from} and lacks the new one. {advice}"
            )));
        }
        let url = self.url.clone();
        let asked = tokio::task::spawn_blocking(move || ask::who_has(&url, id)).await;
        let answers = asked
            .map_err(|error| error.to_string())
            .and_then(|answers| answers)
            .map_err(|reason| Failure::Other(format!("The nodes cannot be asked for the new key: {reason}.")))?;
        if answers.nodes == 0 {
            println!("no server is running, so nobody was asked");
            return Ok(());
        }
        if answers.all_have_it() {
            println!("{} have it", counted(answers.nodes, "running node"));
            return Ok(());
        }
        Err(Failure::Other(format!(
            "Of {} running nodes {} without the new key, {} without an answer. {advice}",
            answers.nodes, answers.lack_it, answers.silent
        )))
    }

    async fn finish(&self) -> Result<(), Failure> {
        let known = self.known().await?;
        let current = known.current().and_then(|current| self.vault.ring().key(current.id));
        let Some(current) = current else {
            return Err(Failure::Other("The current key is not here any more.".to_owned()));
        };
        let Finished {
            resealed,
            retired,
            stuck,
        } = rotate::finish(&self.store, self.vault.ring(), &current).await?;
        println!("{resealed} values were sealed anew under {}", current.id());
        for id in &retired {
            println!("{id} is retired: it seals nothing any more");
        }
        if !stuck.is_empty() {
            let ids: Vec<String> = stuck.iter().take(20).map(ToString::to_string).collect();
            return Err(Failure::Other(format!(
                "Of {} webhooks something does not open under any key that is given, so it stays as it is: {}. Rotate their \
                 secrets and enter their headers again, then run key rotate again.",
                stuck.len(),
                ids.join(", ")
            )));
        }
        let left: Vec<String> = self
            .known()
            .await?
            .keys
            .iter()
            .filter(|key| key.state == State::Former)
            .map(|key| key.id.to_string())
            .collect();
        if !left.is_empty() {
            return Err(Failure::Other(format!(
                "Something is still sealed under {}; run key rotate again.",
                left.join(", ")
            )));
        }
        Ok(())
    }

    /// Takes retired keys out of the file. They are kept beside it, because backups need them.
    fn tidy(&self, held: Option<Result<Held, String>>, retired: &[KeyId]) -> Result<(), Failure> {
        let old: Vec<KeyId> = self
            .vault
            .ring()
            .ids()
            .into_iter()
            .filter(|id| retired.contains(id))
            .collect();
        match held {
            Some(Ok(held)) => move_old(held, retired)?,
            Some(Err(reason)) => println!("take the old key out of the file yourself: {reason}"),
            None => println!("take the old key out of TASKVIEW_MASTER_KEY on every node, whenever it suits you"),
        }
        if matches!(self.source, Source::File(_)) && !self.url.is_sqlite() {
            println!("take it out of the key files of nodes on other machines as well, whenever it suits you");
        }
        for id in old {
            println!("backups made before now still need the key {id}: keep it as long as them");
        }
        println!("done: everything is sealed under the current key");
        Ok(())
    }
}

fn move_old(mut held: Held, retired: &[KeyId]) -> Result<(), Failure> {
    let (old, stay): (Vec<MasterKey>, Vec<MasterKey>) = held
        .keys()
        .map_err(Failure::Other)?
        .into_iter()
        .partition(|key| retired.contains(&key.id()));
    for key in &old {
        held.keep_old(key).map_err(Failure::Other)?;
        println!("the old key was moved to {}", held.place_of_old(key.id()).display());
    }
    if !old.is_empty() {
        held.replace(&stay).map_err(Failure::Other)?;
    }
    Ok(())
}

fn is_same(here: &Path, there: &Path) -> bool {
    std::fs::canonicalize(here).is_ok_and(|here| here == there)
}
