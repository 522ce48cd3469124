//! The keys that are given or kept, and proof that they belong to this database. A new one is made for an empty database only:
//! anything else would make every secret in it unreadable for good.

use std::path::Path;

use crate::config::Concealed;
use crate::db::{DatabaseUrl, key_checks};
use crate::error::AppError;
use crate::key_file::{self, Source, Stamp};
use crate::store::Store;
use crate::vault::{KeyId, KeyRing, MasterKey, Root, Vault, check_of};

/// In the data folder.
const KEY_FILE: &str = "master.key";

/// Where the settings say that the keys are.
pub fn source(variable: Option<&Concealed>, file: Option<&Path>, data_dir: &Path) -> Source {
    match (variable, file) {
        (Some(_), _) => Source::Environment,
        (None, Some(file)) => Source::File(file.to_owned()),
        (None, None) => Source::File(data_dir.join(KEY_FILE)),
    }
}

/// The ring as it is given. It is `None` when there is no key file where one may be made.
pub fn given(
    variable: Option<&Concealed>,
    file: Option<&Path>,
    data_dir: &Path,
) -> Result<(Source, Option<KeyRing>), String> {
    let path = match (source(variable, file, data_dir), variable) {
        (Source::File(path), _) => path,
        (source, text) => {
            let text = text.map_or("", |text| text.0.as_str());
            let keys = MasterKey::parse_all(text).map_err(|reason| format!("TASKVIEW_MASTER_KEY: {reason}."))?;
            return Ok((source, Some(KeyRing::given(&keys))));
        }
    };
    let stamp = Stamp::of(&path);
    let keys = key_file::read(&path)?;
    if keys.is_none() && file.is_some() {
        return Err(format!(
            "The master key file {} does not exist: TASKVIEW_MASTER_KEY_FILE must name one that does.",
            path.display()
        ));
    }
    if let Some(sentence) = key_file::open_to_others(&path) {
        tracing::warn!("{sentence}");
    }
    let ring = keys.map(|keys| KeyRing::of_file(path.clone(), &keys, stamp));
    Ok((Source::File(path), ring))
}

/// Opens the vault of this database, or says in one sentence why these keys do not.
pub async fn unlock(store: &Store, url: &DatabaseUrl, source: &Source, ring: Option<KeyRing>) -> Result<Vault, String> {
    let unreadable = |error: AppError| {
        format!(
            "The database cannot be read: {error} {}",
            error.detail().unwrap_or_default()
        )
    };
    let ring = match (ring, source) {
        (Some(ring), _) => ring,
        (None, Source::File(path)) => {
            let empty = store.read(|db| Ok(key_checks::database_is_empty(db)?)).await;
            first_key(url, path, empty.map_err(unreadable)?)?
        }
        (None, Source::Environment) => return Err("TASKVIEW_MASTER_KEY holds no key.".to_owned()),
    };
    let (known, sealing) = match read(store).await.map_err(unreadable)? {
        (known, Some(sealing)) => (known, sealing),
        (known, None) => {
            begin(store, url, &ring, &known).await?;
            match read(store).await.map_err(unreadable)? {
                (known, Some(sealing)) => (known, sealing),
                (_, None) => return Err(does_not_open(url, &ring, &known[..known.len().min(1)])),
            }
        }
    };
    let missing: Vec<_> = known
        .into_iter()
        .filter(|one| one.key_id == sealing.current_key || one.retired_at.is_none())
        .filter(|one| !ring.opens_check(&one.sealed))
        .collect();
    if !missing.is_empty() {
        return Err(does_not_open(url, &ring, &missing));
    }
    let root = Root::open(&ring, &sealing.root_sealed).map_err(|_| {
        format!(
            "The root of the keys of cookies and forms in {url} is damaged: delete the row of the table `vault`, and the next \
             start makes another. People then have to sign in again."
        )
    })?;
    Ok(Vault::new(ring, root))
}

/// Before anything is changed in a database that others use too: it has no key of its own making.
pub fn must_be_given(url: &DatabaseUrl, ring: Option<&KeyRing>) -> Result<(), String> {
    if ring.is_some() || url.is_sqlite() {
        return Ok(());
    }
    Err(
        "TASKVIEW_MASTER_KEY is not set; with PostgreSQL it must be given, because every node needs the same: the key that the \
         database was begun with (another one does not open this database), or for a new database one from openssl rand \
         -base64 32."
            .to_owned(),
    )
}

fn first_key(url: &DatabaseUrl, path: &Path, database_is_empty: bool) -> Result<KeyRing, String> {
    if !database_is_empty {
        return Err(format!(
            "The master key of the database {url} is missing, and nothing else opens it: put it back at {} or set \
             TASKVIEW_MASTER_KEY. A new key does not open this database.",
            path.display()
        ));
    }
    must_be_given(url, None)?;
    let key = key_file::make(path)?;
    Ok(KeyRing::of_file(path.to_owned(), &[key], Stamp::of(path)))
}

type Read = (Vec<key_checks::Known>, Option<key_checks::Sealing>);

async fn read(store: &Store) -> Result<Read, AppError> {
    store
        .read(|db| Ok((key_checks::load(db)?, key_checks::sealing(db)?)))
        .await
}

/// The first key that is given becomes that of a new database. One that has had its key, from an earlier version or because its row of
/// the vault was given up, gets a root under the newest key that is not retired: the current one, as far as anybody can still tell.
async fn begin(store: &Store, url: &DatabaseUrl, ring: &KeyRing, known: &[key_checks::Known]) -> Result<(), String> {
    let newest = known.iter().rfind(|one| one.retired_at.is_none());
    let id = match (known, newest) {
        ([], _) => ring.ids().first().copied(),
        (_, Some(newest)) => KeyId::parse(&newest.key_id).filter(|_| ring.opens_check(&newest.sealed)),
        (_, None) => None,
    };
    let Some(key) = id.and_then(|id| ring.key(id)) else {
        let needed: Vec<_> = known.iter().filter(|one| one.retired_at.is_none()).cloned().collect();
        return Err(does_not_open(url, ring, &needed));
    };
    let (id, check, root) = (key.id().to_string(), check_of(&key), Root::random().seal(&key));
    let begun = store
        .write(move |tx| Ok(key_checks::begin(tx.db, &id, &check, &root, tx.now)?))
        .await;
    begun.map(drop).map_err(|error| {
        format!(
            "The database does not take its key: {error} {}",
            error.detail().unwrap_or_default()
        )
    })
}

fn does_not_open(url: &DatabaseUrl, ring: &KeyRing, missing: &[key_checks::Known]) -> String {
    let needed: Vec<&str> = missing.iter().map(|one| one.key_id.as_str()).collect();
    let given: Vec<String> = ring.ids().iter().map(KeyId::to_string).collect();
    format!(
        "The master key does not open this database ({url}): give the key that it was made with, or those to which it was \
         rotated since. Needed by id: {}; given: {}.",
        needed.join(", "),
        given.join(", ")
    )
}
