//! What people do with webhooks and deliveries, on the database itself: who may, what is sealed, what is held, what a second
//! press does, and how rows are paged and go.

use std::sync::OnceLock;

use diesel::connection::SimpleConnection;
use taskview_webhooks::actions::access::Actor;
use taskview_webhooks::actions::deliveries::{self, Place as Whose, Wanted};
use taskview_webhooks::actions::form_tokens::{self, Once};
use taskview_webhooks::actions::webhooks::{self, Edit, NewWebhook, TurnOn};
use taskview_webhooks::clock::Clock;
use taskview_webhooks::db::history::{CodeClass, Filter, Show, Start};
use taskview_webhooks::db::{self, DatabaseUrl, Db, Tx, key_checks};
use taskview_webhooks::domain::form_token::Bound;
use taskview_webhooks::domain::ids::{DeliveryId, ProjectId, SessionId, TaskId, UserId, WebhookId};
use taskview_webhooks::domain::moment::Moment;
use taskview_webhooks::domain::target::AllowList;
use taskview_webhooks::error::AppError;
use taskview_webhooks::press_limit::PressLimit;
use taskview_webhooks::store::Store;
use taskview_webhooks::vault::{KeyRing, MasterKey, Root, Sealer, Vault, check_of};

use crate::support::database::{MASTER_KEY, TestDatabase};

const PROJECT: ProjectId = ProjectId(1);
const OWNER: Actor = actor(1);
const MEMBER: Actor = actor(2);
const STRANGER: Actor = actor(3);

#[tokio::test]
async fn only_those_who_manage_change_webhooks_and_a_stranger_sees_nothing() {
    let place = Place::new().await;
    let hook = place.add().await;

    let as_member = place
        .act(move |tx| webhooks::turn_off(tx, &MEMBER, PROJECT, hook))
        .await;
    let as_stranger = place
        .act(move |tx| webhooks::turn_off(tx, &STRANGER, PROJECT, hook))
        .await;
    let elsewhere = place
        .act(move |tx| webhooks::turn_off(tx, &STRANGER, ProjectId(2), hook))
        .await;
    let seen_by_stranger = place.read(move |db| webhooks::find(db, &STRANGER, PROJECT, hook)).await;
    let (_, seen) = place
        .read(move |db| webhooks::find(db, &MEMBER, PROJECT, hook))
        .await
        .expect("seen");

    assert!(matches!(as_member, Err(AppError::Forbidden(_))));
    assert!(matches!(as_stranger, Err(AppError::NotFound)));
    assert!(matches!(elsewhere, Err(AppError::NotFound)));
    assert!(matches!(seen_by_stranger, Err(AppError::NotFound)));
    assert_eq!(seen.webhook.url, "https://ci.example.com/…");
}

#[tokio::test]
async fn the_secret_is_sealed_for_its_row_and_rotating_replaces_it() {
    let place = Place::new().await;
    let vault = vault();
    let added = place.add_with_secret().await;
    let sealed = place.sealed(added.0).await;

    assert_eq!(vault.open_secret(added.0, &sealed).expect("opens").expose(), added.1);
    assert!(vault.open_secret(WebhookId(99), &sealed).is_err());
    assert!(!String::from_utf8_lossy(&sealed).contains(&added.1));

    let hook = added.0;
    let rotated = place
        .act(move |tx| webhooks::rotate(tx, &OWNER, PROJECT, hook, &self::vault()))
        .await
        .expect("rotated");

    let sealed = place.sealed(hook).await;
    assert_ne!(rotated.secret.expose(), added.1);
    assert_eq!(
        vault.open_secret(hook, &sealed).expect("opens").expose(),
        rotated.secret.expose()
    );
}

#[tokio::test]
async fn a_form_sent_twice_changes_something_once() {
    let place = Place::new().await;
    let bound = Bound {
        session: SessionId(1),
        user: OWNER.user,
        action: "add webhook in project 1",
    };
    let now = Clock::default().now();
    let token = form_tokens::token(&vault(), bound, now);
    let token = form_tokens::checked(&vault(), bound, &token, now).expect("good");
    let send =
        move |tx: &mut Tx<'_>| webhooks::add_once(tx, &OWNER, PROJECT, &new(), token, &vault(), &AllowList::default());

    let first = place.act(send).await.expect("first");
    let second = place.act(send).await.expect("second");

    let Once::Done(added) = first else {
        panic!("it was the first")
    };
    let Once::Already(spent) = second else {
        panic!("it was the second")
    };
    assert_eq!(spent.subject, Some(added.webhook.0));
    assert_eq!(place.count("webhooks").await, 1);
}

#[tokio::test]
async fn a_form_with_several_mistakes_names_them_all_and_the_fifty_first_webhook_is_refused() {
    let place = Place::new().await;
    let wrong = NewWebhook {
        url: "http://10.0.0.5/x".into(),
        name: Some("n".repeat(81)),
        ..NewWebhook::default()
    };

    let also_wrong = NewWebhook {
        events: (0..101).map(|n| format!("custom.n{n}")).collect(),
        name: Some("two\nlines\0".into()),
        ..new()
    };

    let refused = place
        .act(move |tx| webhooks::add(tx, &OWNER, PROJECT, &wrong, &vault(), &AllowList::default()))
        .await;
    let also_refused = place
        .act(move |tx| webhooks::add(tx, &OWNER, PROJECT, &also_wrong, &vault(), &AllowList::default()))
        .await;
    for _ in 0..50 {
        place.add().await;
    }
    let too_many = place
        .act(|tx| webhooks::add(tx, &OWNER, PROJECT, &new(), &vault(), &AllowList::default()))
        .await;

    for (refused, names) in [
        (refused, &["url", "events", "name"][..]),
        (also_refused, &["events", "name"]),
    ] {
        let Err(AppError::Invalid(fields)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(
            fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(),
            names
        );
    }
    assert!(matches!(too_many, Err(AppError::Conflict(_))));
}

#[tokio::test]
async fn an_edit_changes_what_is_given_and_writes_down_what() {
    let place = Place::new().await;
    let hook = place.add().await;
    let edit = Edit {
        url: Some("https://other.example.com/h".into()),
        events: Some(vec![
            "task.deleted".into(),
            "task.created".into(),
            "task.deleted".into(),
        ]),
        ..Edit::default()
    };

    place
        .act(move |tx| webhooks::edit(tx, &OWNER, PROJECT, hook, &edit, &vault(), &AllowList::default()))
        .await
        .expect("edited");
    let nothing = Edit {
        url: Some("https://other.example.com/h".into()),
        ..Edit::default()
    };
    place
        .act(move |tx| webhooks::edit(tx, &OWNER, PROJECT, hook, &nothing, &vault(), &AllowList::default()))
        .await
        .expect("same");

    let (_, seen) = place
        .read(move |db| webhooks::find(db, &OWNER, PROJECT, hook))
        .await
        .expect("seen");
    assert_eq!(seen.webhook.url, "https://other.example.com/h");
    assert_eq!(
        seen.events.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["task.deleted", "task.created"]
    );
    assert_eq!(seen.webhook.name.as_deref(), Some("CI"));
    assert_eq!(place.count("audit_log WHERE action = 'webhook.edited'").await, 1);
}

#[tokio::test]
async fn turning_on_asks_about_what_is_held_and_discarding_ends_it_in_slices() {
    let place = Place::new().await;
    let hook = place.add().await;
    place
        .act(move |tx| webhooks::turn_off(tx, &OWNER, PROJECT, hook))
        .await
        .expect("off");
    place.deliveries(hook, 5, "0, 0, NULL").await;

    let asked = place
        .act(move |tx| webhooks::turn_on(tx, &OWNER, PROJECT, hook))
        .await
        .expect("asked");
    let (_, seen) = place
        .read(move |db| webhooks::find(db, &OWNER, PROJECT, hook))
        .await
        .expect("seen");
    place
        .act(move |tx| webhooks::turn_on_and_discard(tx, &OWNER, PROJECT, hook))
        .await
        .expect("on");
    place.deliveries(hook, 1, "0, 0, NULL").await;
    let mut slices = Vec::new();
    for _ in 0..4 {
        slices.push(
            place
                .act(|tx| Ok(db::resend::end_discarded_slice(tx.db, 2, tx.now)?))
                .await
                .expect("a slice"),
        );
    }

    assert_eq!(asked, TurnOn::AskFirst);
    assert_eq!((seen.held, seen.webhook.active), (5, false));
    assert_eq!(slices, [2, 2, 1, 0]);
    assert_eq!(place.count("deliveries WHERE status = 2 AND outcome = 8").await, 5);
    assert_eq!(place.count("deliveries WHERE status = 0").await, 1);
    assert_eq!(place.count("webhooks WHERE discarded_to = 0 AND active").await, 1);
}

#[tokio::test]
async fn of_two_retries_one_runs_and_tests_are_never_retried() {
    let place = Place::new().await;
    let hook = place.add().await;
    place.deliveries(hook, 1, "2, 0, 1").await;
    let limit = PressLimit::of_sending();
    let press = |delivery| {
        let limit = limit.clone();
        place.act(move |tx| deliveries::retry(tx, &OWNER, PROJECT, hook, DeliveryId(delivery), &limit))
    };

    let first = press(1).await;
    let second = press(1).await;
    let for_test = limit.clone();
    let test = place
        .act(move |tx| deliveries::test(tx, &OWNER, PROJECT, hook, &for_test))
        .await
        .expect("tested");
    let of_test = press(test.0).await;
    for _ in 0..8 {
        limit.press(hook).expect("still allowed");
    }
    place.deliveries(hook, 1, "2, 0, 1").await;
    let eleventh = press(3).await;

    assert!(first.is_ok());
    assert!(matches!(second, Err(AppError::Conflict(_))));
    assert!(matches!(of_test, Err(AppError::Conflict(_))));
    assert!(matches!(eleventh, Err(AppError::TooMany { .. })), "{eleventh:?}");
    assert_eq!(
        place
            .count("deliveries WHERE id = 1 AND status = 0 AND trigger = 1")
            .await,
        1
    );
    assert_eq!(place.count("events WHERE kind = 'webhook.test'").await, 1);
}

#[tokio::test]
async fn the_history_is_paged_by_id_and_filtered_by_state() {
    let place = Place::new().await;
    let hook = place.add().await;
    for _ in 0..4 {
        place.deliveries(hook, 1, "1, 0, 0").await;
        place.deliveries(hook, 1, "2, 0, 1").await;
        place.deliveries(hook, 1, "0, 0, NULL").await;
    }
    let page = |show, start| {
        place.read(move |db| {
            let wanted = Wanted {
                filter: Filter {
                    show,
                    ..Filter::default()
                },
                start,
                limit: 3,
            };
            let history = deliveries::history(db, &MEMBER, Whose::of(PROJECT, hook), &wanted)?;
            Ok((
                history.page.rows.iter().map(|row| row.id.0).collect::<Vec<_>>(),
                history.page.more,
            ))
        })
    };

    assert_eq!(page(Show::All, Start::Newest).await.unwrap(), (vec![12, 11, 10], true));
    assert_eq!(
        page(Show::All, Start::Before(DeliveryId(3))).await.unwrap(),
        (vec![2, 1], false)
    );
    assert_eq!(
        page(Show::All, Start::After(DeliveryId(8))).await.unwrap(),
        (vec![11, 10, 9], true)
    );
    assert_eq!(
        page(Show::Success, Start::Newest).await.unwrap(),
        (vec![10, 7, 4], true)
    );
    assert_eq!(
        page(Show::Failed, Start::Before(DeliveryId(5))).await.unwrap(),
        (vec![2], false)
    );
    assert_eq!(
        page(Show::Pending, Start::Newest).await.unwrap(),
        (vec![12, 9, 6], true)
    );
    assert_eq!(
        page(Show::Pending, Start::After(DeliveryId(3))).await.unwrap(),
        (vec![12, 9, 6], false)
    );
    assert_eq!(page(Show::Held, Start::Newest).await.unwrap(), (vec![], false));

    place
        .act(move |tx| webhooks::turn_off(tx, &OWNER, PROJECT, hook))
        .await
        .expect("off");
    assert_eq!(
        page(Show::Held, Start::Before(DeliveryId(9))).await.unwrap(),
        (vec![6, 3], false)
    );

    place
        .act(move |tx| webhooks::discard_held(tx, &OWNER, PROJECT, hook))
        .await
        .expect("discarded");
    assert_eq!(page(Show::Held, Start::Newest).await.unwrap(), (vec![], false));
}

#[tokio::test]
async fn the_history_of_a_project_lays_those_of_its_webhooks_together() {
    let place = Place::new().await;
    let (first, second, third) = (place.add().await, place.add().await, place.add().await);
    for _ in 0..3 {
        place.deliveries(first, 1, "1, 0, 0").await;
        place.deliveries(second, 2, "2, 0, 1").await;
        place.deliveries(third, 1, "0, 0, NULL").await;
    }
    place
        .act(move |tx| webhooks::delete(tx, &OWNER, PROJECT, third))
        .await
        .expect("deleted");
    place
        .sql("UPDATE deliveries SET created_at = id * 1000000".to_owned())
        .await;
    let page = |filter: Filter, start| {
        place.read(move |db| {
            let wanted = Wanted {
                filter,
                start,
                limit: 4,
            };
            let all = Whose {
                project: PROJECT,
                webhook: None,
            };
            let page = deliveries::history(db, &MEMBER, all, &wanted)?.page;
            Ok((page.rows.iter().map(|row| row.id.0).collect::<Vec<_>>(), page.more))
        })
    };
    let any = Filter::default;

    assert_eq!(page(any(), Start::Newest).await.unwrap(), (vec![11, 10, 9, 7], true));
    assert_eq!(
        page(any(), Start::Before(DeliveryId(7))).await.unwrap(),
        (vec![6, 5, 3, 2], true)
    );
    assert_eq!(
        page(any(), Start::Before(DeliveryId(2))).await.unwrap(),
        (vec![1], false)
    );
    assert_eq!(
        page(any(), Start::After(DeliveryId(2))).await.unwrap(),
        (vec![7, 6, 5, 3], true)
    );
    let failed = Filter {
        show: Show::Failed,
        ..any()
    };
    assert_eq!(page(failed, Start::Newest).await.unwrap(), (vec![11, 10, 7, 6], true));
    let no_answer = Filter {
        code: Some(CodeClass::None),
        ..any()
    };
    assert_eq!(
        page(no_answer, Start::Before(DeliveryId(7))).await.unwrap(),
        (vec![6, 3, 2], false)
    );
    let between = Filter {
        since: Some(Moment(3_000_000)),
        until: Some(Moment(7_000_000)),
        ..any()
    };
    assert_eq!(page(between, Start::Newest).await.unwrap(), (vec![6, 5, 3], false));
    let later = Filter {
        since: Some(Moment(99_000_000)),
        ..any()
    };
    assert_eq!(page(later, Start::Newest).await.unwrap(), (vec![], false));
}

#[tokio::test]
async fn a_tasks_history_is_searched_through_all_its_events_and_its_pages_end() {
    let place = Place::new().await;
    let hook = place.add().await;
    let body = if place.is_sqlite() {
        "CAST('{}' AS BLOB)"
    } else {
        "'{}'::bytea"
    };
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)";
    place
        .sql(format!(
            "{numbers} INSERT INTO events (project_id, kind, body, occurred_at, published, task_id) \
             SELECT 1, 'task.updated', {body}, i, FALSE, 7 FROM n"
        ))
        .await;
    place
        .sql(format!(
            "{numbers} INSERT INTO deliveries (project_id, webhook_id, event_id, task_id, kind, message_id, status, trigger, outcome, \
             response_code, attempts, last_attempt_at, duration_us, claims, due_at, leased_until, created_at) \
             SELECT 1, {hook}, i, 7, 'task.updated', 'msg', CASE WHEN i IN (1, 3, 449) THEN 2 ELSE 1 END, 0, 0, \
             CASE WHEN i IN (1, 3, 449) THEN 500 ELSE 200 END, 1, 1, 1, 0, 1, 0, 1 FROM n"
        ))
        .await;
    let page = |show, start| {
        place.read(move |db| {
            let filter = Filter {
                show,
                task: Some(TaskId(7)),
                ..Filter::default()
            };
            let wanted = Wanted {
                filter,
                start,
                limit: 2,
            };
            let page = deliveries::history(db, &MEMBER, Whose::of(PROJECT, hook), &wanted)?.page;
            let ids: Vec<_> = page.rows.iter().map(|row| row.id.0).collect();
            Ok((ids, page.more, page.searched_to))
        })
    };
    let before = |id| Start::Before(DeliveryId(id));

    assert_eq!(
        page(Show::Failed, Start::Newest).await.unwrap(),
        (vec![449, 3], true, None)
    );
    assert_eq!(page(Show::Failed, before(3)).await.unwrap(), (vec![1], false, None));
    assert_eq!(page(Show::Failed, before(1)).await.unwrap(), (vec![], false, None));
    assert_eq!(
        page(Show::Failed, Start::After(DeliveryId(1))).await.unwrap(),
        (vec![449, 3], false, None)
    );
    assert_eq!(page(Show::All, before(2)).await.unwrap(), (vec![1], false, None));
    place.sql("DELETE FROM deliveries WHERE id = 448".to_owned()).await;
    assert_eq!(
        page(Show::All, before(448)).await.unwrap(),
        (vec![447, 446], true, None),
        "a cursor that is gone is a place all the same"
    );
}

#[tokio::test]
async fn a_filter_without_an_index_looks_at_a_window_and_says_where_to_go_on() {
    let place = Place::new().await;
    let hook = place.add().await;
    place.deliveries(hook, 1, "1, 0, 0").await;
    place.deliveries(hook, 1, "2, 0, 1").await;
    place
        .sql(format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5200) \
             INSERT INTO deliveries (project_id, webhook_id, event_id, kind, message_id, status, trigger, outcome, \
             attempts, last_attempt_at, duration_us, claims, due_at, leased_until, created_at) \
             SELECT 1, {hook}, 1, 'task.created', 'msg', 2, 0, 1, 1, 1, 1, 0, 1, 0, 1 FROM n"
        ))
        .await;
    let page = |start, far: bool| {
        place.read(move |db| {
            let wanted = Wanted {
                filter: Filter {
                    show: Show::Success,
                    ..Filter::default()
                },
                start,
                limit: 3,
            };
            let look = if far {
                deliveries::history_far
            } else {
                deliveries::history
            };
            let page = look(db, &OWNER, Whose::of(PROJECT, hook), &wanted)?.page;
            Ok((
                page.rows.iter().map(|row| row.id.0).collect::<Vec<_>>(),
                page.searched_to,
            ))
        })
    };

    let (none, edge) = page(Start::Newest, false).await.unwrap();
    let edge = edge.expect("older ones were not looked at");
    let further = page(Start::Before(edge), false).await.unwrap();
    let far = page(Start::Newest, true).await.unwrap();

    assert!(none.is_empty());
    assert_eq!(edge, DeliveryId(203));
    assert_eq!(further, (vec![1], None));
    assert_eq!(far, (vec![1], None));
}

#[tokio::test]
async fn a_deleted_webhook_is_gone_at_once_and_its_rows_go_in_slices() {
    let place = Place::new().await;
    let (hook, other) = (place.add().await, place.add().await);
    place.deliveries(hook, 5, "1, 0, 0").await;
    place.deliveries(other, 1, "1, 0, 0").await;

    place
        .act(move |tx| webhooks::delete(tx, &OWNER, PROJECT, hook))
        .await
        .expect("deleted");
    let gone = place.read(move |db| webhooks::find(db, &OWNER, PROJECT, hook)).await;
    let sealed = place.sealed(hook).await;
    let mut slices = Vec::new();
    for _ in 0..5 {
        slices.push(
            place
                .act(|tx| Ok(db::webhooks::purge_slice(tx.db, 2)?))
                .await
                .expect("a slice"),
        );
    }

    assert!(matches!(gone, Err(AppError::NotFound)));
    assert!(sealed.is_empty());
    assert_eq!(slices, [2, 2, 1, 1, 0]);
    assert_eq!((place.count("webhooks").await, place.count("deliveries").await), (1, 1));
}

const fn actor(user: i64) -> Actor {
    Actor::account(UserId(user), None)
}

fn new() -> NewWebhook {
    NewWebhook {
        headers: Vec::new(),
        url: "https://ci.example.com/hooks/9f27c1".into(),
        events: vec!["task.created".into()],
        name: Some("CI".into()),
        schedule: None,
        secret: None,
    }
}

/// The same for every place of this run.
fn vault() -> Vault {
    static VAULT: OnceLock<Vault> = OnceLock::new();
    let made = || {
        Vault::new(
            KeyRing::given(&[MasterKey::parse(MASTER_KEY).expect("a key")]),
            Root::random(),
        )
    };
    VAULT.get_or_init(made).clone()
}

/// A project with an owner and a member, and a stranger with a project of their own.
struct Place {
    store: Store,
    _database: TestDatabase,
}

impl Place {
    async fn new() -> Place {
        let database = TestDatabase::create();
        let url = DatabaseUrl::parse(&database.url).expect("an address");
        let store = Store::open(&url, Clock::default()).expect("a database");
        let place = Place {
            store,
            _database: database,
        };
        let key = Sealer::new(&MasterKey::parse(MASTER_KEY).expect("a key"));
        let (id, check, root) = (key.id().to_string(), check_of(&key), Root::random().seal(&key));
        let kept = place.act(move |tx| Ok(key_checks::begin(tx.db, &id, &check, &root, tx.now)?));
        kept.await.expect("a key");
        for name in ["owner", "member", "stranger"] {
            place.sql(format!("INSERT INTO users (login, email, name, password_hash, created_at) VALUES ('{name}', '{name}@t.test', '{name}', '', 1)")).await;
        }
        for owner in [1, 3] {
            place.sql(format!("INSERT INTO projects (name, description, color, creator_id, created_at, edited_at) VALUES ('p', '', '#112233', {owner}, 1, 1)")).await;
        }
        for (project, user, role) in [(1, 1, 2), (1, 2, 0), (2, 3, 2)] {
            place.sql(format!("INSERT INTO memberships (project_id, user_id, role, created_at) VALUES ({project}, {user}, {role}, 1)")).await;
        }
        place
    }

    async fn act<T: Send + 'static>(
        &self,
        action: impl FnOnce(&mut Tx<'_>) -> Result<T, AppError> + Clone + Send + 'static,
    ) -> Result<T, AppError> {
        self.store.write(action).await.map(|(done, _)| done)
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Db) -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        self.store.read(query).await
    }

    async fn sql(&self, statement: String) {
        self.act(move |tx| Ok(tx.db.batch_execute(&statement)?))
            .await
            .expect("a statement");
    }

    async fn add(&self) -> WebhookId {
        self.add_with_secret().await.0
    }

    async fn add_with_secret(&self) -> (WebhookId, String) {
        let added = self
            .act(|tx| webhooks::add(tx, &OWNER, PROJECT, &new(), &vault(), &AllowList::default()))
            .await;
        let added = added.expect("added");
        (added.webhook, added.secret.expose().to_owned())
    }

    /// `state` is status, trigger, outcome.
    async fn deliveries(&self, hook: WebhookId, count: usize, state: &str) {
        let code = if state.starts_with('1') { "200" } else { "NULL" };
        let outcome = state.rsplit(", ").next().expect("an outcome");
        let tried = if outcome == "NULL" { "0, NULL, NULL" } else { "1, 1, 1" };
        self.sql("INSERT INTO events (project_id, kind, body, occurred_at, published) VALUES (1, 'task.created', '{}', 1, FALSE)".replace("'{}'", if self.is_sqlite() { "CAST('{}' AS BLOB)" } else { "'{}'::bytea" })).await;
        for _ in 0..count {
            self.sql(format!(
                "INSERT INTO deliveries (project_id, webhook_id, event_id, kind, message_id, status, trigger, outcome, response_code, \
                 attempts, last_attempt_at, duration_us, claims, due_at, leased_until, created_at) \
                 VALUES (1, {hook}, (SELECT max(id) FROM events), 'task.created', 'msg', {state}, {code}, {tried}, 0, 1, 0, 1)"
            ))
            .await;
        }
    }

    fn is_sqlite(&self) -> bool {
        self._database.url.starts_with("sqlite:")
    }

    async fn sealed(&self, hook: WebhookId) -> Vec<u8> {
        use diesel::prelude::*;
        use taskview_webhooks::db::schema::webhooks;
        self.read(move |db| Ok(webhooks::table.find(hook).select(webhooks::secret_sealed).first(db)?))
            .await
            .expect("a row")
    }

    async fn count(&self, rows: &str) -> i64 {
        use diesel::prelude::*;
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            n: i64,
        }
        let text = format!("SELECT count(*) AS n FROM {rows}");
        #[expect(clippy::disallowed_methods, reason = "run once")]
        self.read(move |db| Ok(diesel::sql_query(text).get_result::<Count>(db)?.n))
            .await
            .expect("a count")
    }
}
