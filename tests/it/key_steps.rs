//! A rotation and somebody who seals at the same time, in the order that would lose something if nobody waited: the statements are the
//! program's own, only who goes when is the test's.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use taskview_webhooks::actions::keys::rotate::{self, State};
use taskview_webhooks::clock::Clock;
use taskview_webhooks::db::{DatabaseUrl, Db, Purpose, key_checks, sealed, turn};
use taskview_webhooks::domain::ids::WebhookId;
use taskview_webhooks::domain::moment::Moment;
use taskview_webhooks::domain::rotation::Next;
use taskview_webhooks::domain::secret::Secret;
use taskview_webhooks::store::Store;
use taskview_webhooks::vault::{KeyId, KeyRing, MasterKey, Root, Sealer, check_of, seal_secret};

use crate::support::database::{Kind, MASTER_KEY, TestDatabase, kind};
use crate::support::sealed::{add_webhooks, all};
use crate::support::wait;

const WORLD: &str = "
    INSERT INTO users (login, email, name, password_hash, created_at) VALUES ('ada', 'ada@example.com', 'Ada', '-', 0);
    INSERT INTO projects (name, description, color, creator_id, created_at, edited_at) VALUES ('P', '', '#000000', 1, 0, 0);
";

struct Place {
    database: TestDatabase,
    url: DatabaseUrl,
    store: Store,
    ring: KeyRing,
    old: Sealer,
    new: Sealer,
}

impl Place {
    /// With so many webhooks under the old key.
    fn new(webhooks: usize) -> Place {
        let database = TestDatabase::create();
        let url = DatabaseUrl::parse(&database.url).expect("a URL");
        let store = Store::open(&url, Clock::default()).expect("the database opens");
        let keys = [MasterKey::parse(MASTER_KEY).expect("a key"), MasterKey::random()];
        let [old, new] = [Sealer::new(&keys[0]), Sealer::new(&keys[1])];
        let mut db = Db::open(&url, Purpose::Write).expect("a connection");
        db.batch_execute(WORLD).expect("a project");
        db.batch_execute("BEGIN").expect("a transaction");
        let root = Root::random().seal(&old);
        key_checks::begin(&mut db, &old.id().to_string(), &check_of(&old), &root, Moment(0)).expect("a key");
        db.batch_execute("COMMIT").expect("a commit");
        add_webhooks(&database, 1, webhooks, MASTER_KEY);
        Place {
            ring: KeyRing::given(&keys),
            database,
            url,
            store,
            old,
            new,
        }
    }

    fn connect(&self) -> Db {
        Db::open(&self.url, Purpose::Write).expect("a connection")
    }

    async fn next(&self) -> Next<KeyId> {
        let known = self.store.read(rotate::list).await.expect("the keys");
        known.next(&self.ring.ids())
    }

    /// Under which key each webhook's secret is.
    fn keys_of_secrets(&self) -> Vec<Option<KeyId>> {
        all(&self.database)
            .0
            .iter()
            .map(|hook| KeyId::of(&hook.secret))
            .collect()
    }

    fn begin(&self) -> &'static str {
        match kind() {
            Kind::Sqlite => "BEGIN IMMEDIATE",
            Kind::Postgres => "BEGIN",
        }
    }
}

fn secret() -> Secret {
    Secret::from_random(rand::random())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_seals_under_the_old_key_while_it_is_replaced_is_waited_for() {
    let place = Place::new(3);
    let mut sealing = place.connect();
    sealing.batch_execute(place.begin()).unwrap();
    turn::to_seal(&mut sealing).unwrap();
    let current = key_checks::sealing(&mut sealing).unwrap().unwrap().current_key;

    let (store, id) = (place.store.clone(), place.old.id());
    let ring = place.ring.clone();
    let new = place.new.id();
    let switching = tokio::spawn(async move {
        let key = ring.key(new).expect("the new key");
        rotate::switch(&store, &key, id).await
    });
    wait::a_while(Duration::from_millis(300)).await;
    let early = switching.is_finished();
    // The straggler: read before, sealed under the old key, committed after the rotation has begun.
    let before = all(&place.database).0[1].secret.clone();
    let late = seal_secret(&place.old, WebhookId(2), &secret());
    assert!(sealed::replace_secret(&mut sealing, WebhookId(2), &before, &late).unwrap());
    sealing.batch_execute("COMMIT").unwrap();
    let switched = switching.await.unwrap().unwrap();
    let done = rotate::finish(&place.store, &place.ring, &place.new).await.unwrap();

    assert_eq!(current, place.old.id().to_string());
    assert!(!early && switched);
    assert_eq!(
        (done.resealed, done.retired, done.stuck),
        (4, vec![place.old.id()], vec![])
    );
    assert_eq!(place.keys_of_secrets(), vec![Some(place.new.id()); 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_between_the_reading_and_the_sealing_anew_stands() {
    let place = Place::new(2);
    let mut db = place.connect();
    let read = sealed::others(&mut db, &place.new.id().head(), WebhookId(0), 10).unwrap();

    let edited = seal_secret(&place.new, WebhookId(1), &secret());
    assert!(sealed::replace_secret(&mut db, WebhookId(1), &read[0].secret, &edited).unwrap());
    let stale = seal_secret(&place.new, WebhookId(1), &secret());
    let lost = sealed::replace_secret(&mut db, WebhookId(1), &read[0].secret, &stale).unwrap();
    let headers = sealed::replace_headers(&mut db, WebhookId(1), b"none", &stale).unwrap();

    assert!(!lost && !headers);
    assert_eq!(all(&place.database).0[0].secret, edited);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_wherever_a_rotation_stopped_the_next_one_knows_what_is_left() {
    let place = Place::new(250);
    let before = place.next().await;

    let (once, twice) = (
        rotate::switch(&place.store, &place.new, place.old.id()).await.unwrap(),
        rotate::switch(&place.store, &place.new, place.old.id()).await.unwrap(),
    );
    let switched = place.next().await;
    // One slice of three.
    let mut db = place.connect();
    for row in sealed::others(&mut db, &place.new.id().head(), WebhookId(0), 100).unwrap() {
        let after = place
            .ring
            .seal_anew(&format!("webhook {}", row.id), &row.secret, &place.new)
            .unwrap();
        assert!(sealed::replace_secret(&mut db, row.id, &row.secret, &after).unwrap());
    }
    let one_slice = place.next().await;
    let listed = place.store.read(rotate::list).await.unwrap();
    let done = rotate::finish(&place.store, &place.ring, &place.new).await.unwrap();
    let retired = place.next().await;
    let again = rotate::finish(&place.store, &place.ring, &place.new).await.unwrap();

    assert_eq!((before, once, twice), (Next::Switch(place.new.id()), true, false));
    assert_eq!((switched, one_slice, retired), (Next::Finish, Next::Finish, Next::Tidy));
    let counts: Vec<_> = listed.keys.iter().map(|key| (key.state, key.values)).collect();
    assert_eq!(counts, [(State::Former, 151), (State::Current, 100)]);
    assert_eq!((done.resealed, done.retired), (151, vec![place.old.id()]));
    assert_eq!((again.resealed, again.retired), (0, vec![]));
    assert_eq!(place.keys_of_secrets(), vec![Some(place.new.id()); 250]);
}
