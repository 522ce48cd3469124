//! What lies sealed in a test's database, looked at and changed from beside the program.

use diesel::connection::SimpleConnection as _;
use taskview_webhooks::db::webhooks::{NewWebhook, SealedSecret};
use taskview_webhooks::db::{DatabaseUrl, Db, Purpose, key_checks, sealed, webhooks};
use taskview_webhooks::domain::ids::{ProjectId, UserId, WebhookId};
use taskview_webhooks::domain::moment::Moment;
use taskview_webhooks::domain::retry::Schedule;
use taskview_webhooks::domain::secret::Secret;
use taskview_webhooks::vault::{KeyRing, MasterKey, Root, Sealer, Vault, seal_secret};

use super::database::{Kind, TestDatabase, kind};

fn open(database: &TestDatabase) -> Db {
    let url = DatabaseUrl::parse(&database.url).expect("a URL");
    Db::open(&url, Purpose::Write).expect("the database opens")
}

pub fn sql(database: &TestDatabase, statement: &str) {
    open(database).batch_execute(statement).expect(statement);
}

/// Bytes as a literal of this run's database.
pub fn literal(bytes: &[u8]) -> String {
    match kind() {
        Kind::Sqlite => format!("x'{}'", hex::encode(bytes)),
        Kind::Postgres => format!("'\\x{}'::bytea", hex::encode(bytes)),
    }
}

/// All that is sealed of webhooks, and the root.
pub fn all(database: &TestDatabase) -> (Vec<sealed::Sealed>, Vec<u8>) {
    let mut db = open(database);
    // Nothing begins like this.
    let hooks = sealed::others(&mut db, &[0; 9], WebhookId(0), 100_000).expect("rows");
    let sealing = key_checks::sealing(&mut db).expect("a row").expect("a current key");
    (hooks, sealing.root_sealed)
}

/// So many more webhooks in a project of the first account, for no events, sealed under this key.
pub fn add_webhooks(database: &TestDatabase, project: i64, count: usize, key: &str) {
    let mut db = open(database);
    let key = Sealer::new(&MasterKey::parse(key).expect("a key"));
    db.batch_execute("BEGIN").expect("a transaction");
    for _ in 0..count {
        let new = NewWebhook {
            project: ProjectId(project),
            name: None,
            url: "http://localhost:9/",
            schedule: Schedule::Standard,
            by: UserId(1),
        };
        let id = webhooks::insert(&mut db, &new, Moment(0)).expect("a webhook");
        let secret = Secret::from_random(rand::random());
        let sealed = SealedSecret {
            sealed: &seal_secret(&key, id, &secret),
            hint: secret.hint(),
        };
        webhooks::set_secret(&mut db, id, sealed, UserId(1), Moment(0)).expect("a secret");
    }
    db.batch_execute("COMMIT").expect("a commit");
}

/// The webhooks of which something does not open with this key alone.
pub fn unreadable(database: &TestDatabase, key: &str) -> Vec<i64> {
    let (hooks, root) = all(database);
    let ring = KeyRing::given(&[MasterKey::parse(key).expect("a key")]);
    let root = Root::open(&ring, &root).expect("the root opens");
    let vault = Vault::new(ring, root);
    let opens = |hook: &sealed::Sealed| {
        vault.open_secret(hook.id, &hook.secret).is_ok() && vault.open_headers(hook.id, hook.headers.as_deref()).is_ok()
    };
    hooks.iter().filter(|hook| !opens(hook)).map(|hook| hook.id.0).collect()
}
