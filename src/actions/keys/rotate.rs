//! Replacing the master key, step by step; each step is a transaction or several small ones, and may be cut off and done again.
//! The order is what makes it safe: everybody has the new key → it becomes current → everything else is sealed under it → the
//! old one is retired.

use std::time::Duration;

use crate::db::key_checks::{self, Known};
use crate::db::{self, Db, Tx, sealed};
use crate::domain::ids::WebhookId;
use crate::domain::moment::Moment;
use crate::domain::rotation::{self, Next};
use crate::error::AppError;
use crate::store::Store;
use crate::vault::{KeyId, KeyRing, Root, Sealer, check_of, headers_row, secret_row};

/// Webhooks of one transaction.
const SLICE: i64 = 100;
/// A busy or absent database is waited for.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_millis(500);
/// Passes over all rows until none is left; one is enough, unless something is wrong.
const PASSES: u32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Seals everything from now on.
    Current,
    /// May still seal something.
    Former,
    Retired,
}

/// A key that the database knows.
#[derive(Debug)]
pub struct Listed {
    pub id: KeyId,
    pub state: State,
    pub since: Moment,
    pub retired_at: Option<Moment>,
    /// How many values are sealed under it.
    pub values: i64,
}

/// All that it knows, oldest first, and how many values are under none of them.
#[derive(Debug)]
pub struct List {
    pub keys: Vec<Listed>,
    pub unknown: i64,
}

impl List {
    pub fn current(&self) -> Option<&Listed> {
        self.keys.iter().find(|key| key.state == State::Current)
    }

    fn ids(&self, states: &[State]) -> Vec<KeyId> {
        let of_state = self.keys.iter().filter(|key| states.contains(&key.state));
        of_state.map(|key| key.id).collect()
    }

    pub fn retired(&self) -> Vec<KeyId> {
        self.ids(&[State::Retired])
    }

    /// What is to be done, with these keys at hand.
    pub fn next(&self, given: &[KeyId]) -> Next<KeyId> {
        let retired = self.keys.iter().filter(|key| key.state == State::Retired);
        let leftovers = self.unknown + retired.map(|key| key.values).sum::<i64>();
        rotation::next(rotation::Keys {
            former: &self.ids(&[State::Former]),
            known: &self.ids(&[State::Current, State::Former, State::Retired]),
            retired: &self.retired(),
            given,
            leftovers: leftovers > 0,
        })
    }
}

pub fn list(db: &mut Db) -> Result<List, AppError> {
    let current = key_checks::sealing(db)?.map(|row| row.current_key);
    let mut keys = Vec::new();
    for known in key_checks::load(db)? {
        let Some(id) = KeyId::parse(&known.key_id) else {
            continue;
        };
        keys.push(Listed {
            id,
            state: state_of(&known, current.as_deref()),
            since: known.created_at,
            retired_at: known.retired_at,
            values: sealed::count(db, &id.head())?,
        });
    }
    // One question, because what others change between two would look like a difference.
    let heads: Vec<Vec<u8>> = keys.iter().map(|key| key.id.head()).collect();
    Ok(List {
        unknown: sealed::count_others(db, &heads)?,
        keys,
    })
}

fn state_of(known: &Known, current: Option<&str>) -> State {
    match known.retired_at {
        _ if current == Some(&known.key_id) => State::Current,
        None => State::Former,
        Some(_) => State::Retired,
    }
}

/// Makes a key current that the database does not know yet. Whoever seals under the one before is waited for, so that from here on
/// nothing is sealed under it any more. `false`: another rotation was quicker.
pub async fn switch(store: &Store, key: &Sealer, from: KeyId) -> Result<bool, AppError> {
    let (id, check, from) = (key.id().to_string(), check_of(key), from.to_string());
    patiently(store, move |tx: &mut Tx<'_>| {
        db::turn::to_change_keys(tx.db)?;
        let current = key_checks::sealing(tx.db)?.map(|row| row.current_key);
        let known = key_checks::load(tx.db)?;
        let others = known.iter().any(|one| one.retired_at.is_none() && one.key_id != from);
        if current.as_deref() != Some(&from) || others || known.iter().any(|one| one.key_id == id) {
            return Ok(false);
        }
        key_checks::insert(tx.db, &id, &check, tx.now)?;
        key_checks::set_current(tx.db, &id)?;
        Ok(true)
    })
    .await
}

/// What came of sealing everything anew.
#[derive(Debug, Default)]
pub struct Finished {
    /// Values that were sealed anew.
    pub resealed: usize,
    pub retired: Vec<KeyId>,
    /// Webhooks of which something does not open, under whatever key.
    pub stuck: Vec<WebhookId>,
}

/// Seals what is left under the current key, and retires every key under which nothing is any more.
pub async fn finish(store: &Store, ring: &KeyRing, current: &Sealer) -> Result<Finished, AppError> {
    let mut done = Finished::default();
    for _ in 0..PASSES {
        done.stuck.clear();
        pass(store, ring, current, &mut done).await?;
        let (retired, left) = retire(store).await?;
        done.retired.extend(retired);
        if !left || !done.stuck.is_empty() {
            break;
        }
    }
    Ok(done)
}

async fn pass(store: &Store, ring: &KeyRing, current: &Sealer, done: &mut Finished) -> Result<(), AppError> {
    let mut behind = WebhookId(0);
    loop {
        let head = current.id().head();
        let slice = read_patiently(store, move |db| Ok(sealed::others(db, &head, behind, SLICE)?)).await?;
        let Some(last) = slice.last() else { break };
        behind = last.id;
        let mut anew = Vec::new();
        for row in slice {
            let seal = |name: String, value: &[u8]| match KeyId::of(value) == Some(current.id()) {
                true => Ok(None),
                false => ring.seal_anew(&name, value, current).map(Some),
            };
            let secret = seal(secret_row(row.id), &row.secret);
            let headers = row
                .headers
                .as_deref()
                .map_or(Ok(None), |value| seal(headers_row(row.id), value));
            if secret.is_err() || headers.is_err() {
                done.stuck.push(row.id);
            }
            anew.push((row, secret.ok().flatten(), headers.ok().flatten()));
        }
        done.resealed += patiently(store, move |tx: &mut Tx<'_>| {
            let mut replaced = 0;
            for (before, secret, headers) in &anew {
                if let Some(after) = secret {
                    replaced += usize::from(sealed::replace_secret(tx.db, before.id, &before.secret, after)?);
                }
                if let (Some(before_headers), Some(after)) = (&before.headers, headers) {
                    replaced += usize::from(sealed::replace_headers(tx.db, before.id, before_headers, after)?);
                }
            }
            Ok(replaced)
        })
        .await?;
    }
    let sealing = read_patiently(store, |db| Ok(key_checks::sealing(db)?)).await?;
    let root = sealing.map(|row| row.root_sealed).unwrap_or_default();
    if KeyId::of(&root) != Some(current.id()) {
        let anew = ring
            .seal_anew(Root::row(), &root, current)
            .map_err(|error| AppError::Conflict(format!("The root of the keys of cookies and forms: {error}.")))?;
        let replaced = patiently(store, move |tx: &mut Tx<'_>| {
            Ok(sealed::replace_root(tx.db, &root, &anew)?)
        })
        .await?;
        done.resealed += usize::from(replaced);
    }
    Ok(())
}

/// The keys that were retired, and whether one is left that could not be.
async fn retire(store: &Store) -> Result<(Vec<KeyId>, bool), AppError> {
    patiently(store, move |tx: &mut Tx<'_>| {
        // Whoever seals has ended or waits: what is counted now is all that there is.
        db::turn::to_change_keys(tx.db)?;
        let (mut retired, mut left) = (Vec::new(), false);
        for key in list(tx.db)?.keys.iter().filter(|key| key.state == State::Former) {
            if key.values == 0 {
                key_checks::retire(tx.db, &key.id.to_string(), tx.now)?;
                retired.push(key.id);
            } else {
                left = true;
            }
        }
        Ok((retired, left))
    })
    .await
}

/// A write beside a busy server, which may have to wait for its turn for longer than the database waits by itself.
async fn patiently<T, F>(store: &Store, action: F) -> Result<T, AppError>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T, AppError> + Clone + Send + 'static,
    T: Send + 'static,
{
    let mut tries = 0;
    loop {
        match store.write(action.clone()).await {
            Ok((done, _)) => return Ok(done),
            Err(error) => wait_or_give_up(error, &mut tries).await?,
        }
    }
}

async fn read_patiently<T, F>(store: &Store, query: F) -> Result<T, AppError>
where
    F: FnOnce(&mut Db) -> Result<T, AppError> + Clone + Send + 'static,
    T: Send + 'static,
{
    let mut tries = 0;
    loop {
        match store.read(query.clone()).await {
            Ok(found) => return Ok(found),
            Err(error) => wait_or_give_up(error, &mut tries).await?,
        }
    }
}

async fn wait_or_give_up(error: AppError, tries: &mut u32) -> Result<(), AppError> {
    let passes = matches!(error, AppError::Unavailable(_) | AppError::Collided(_));
    if !passes || *tries >= TRIES {
        return Err(error);
    }
    *tries += 1;
    tracing::warn!(detail = error.detail(), "the rotation has to wait: {error}");
    tokio::time::sleep(PAUSE).await;
    Ok(())
}
