//! A database with three accounts, for tests that call actions without the program around them. Ada makes the projects.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use taskview_webhooks::actions::access::Actor;
use taskview_webhooks::actions::{members, projects, tasks};
use taskview_webhooks::clock::Clock;
use taskview_webhooks::db::schema::{audit_log, events};
use taskview_webhooks::db::{DatabaseUrl, Db, Tx};
use taskview_webhooks::domain::ids::{MemberId, ProjectId, UserId};
use taskview_webhooks::domain::project::ProjectDraft;
use taskview_webhooks::domain::role::Role;
use taskview_webhooks::domain::task::{TaskDraft, TaskPatch};
use taskview_webhooks::error::AppError;
use taskview_webhooks::store::Store;

use super::database::TestDatabase;

pub const ADA: Actor = actor(1);
pub const BOB: Actor = actor(2);
pub const CLEO: Actor = actor(3);

const fn actor(user: i64) -> Actor {
    Actor::account(UserId(user), None)
}

pub fn named(name: &str) -> ProjectDraft {
    ProjectDraft {
        name: name.to_owned(),
        ..ProjectDraft::blank()
    }
}

pub struct Place {
    store: Store,
    _database: TestDatabase,
}

impl Place {
    pub async fn new() -> Place {
        let database = TestDatabase::migrated();
        let url = DatabaseUrl::parse(&database.url).expect("a URL");
        let store = Store::open(&url, Clock::default()).expect("the database opens");
        let place = Place {
            store,
            _database: database,
        };
        for name in ["Ada", "Bob", "Cleo"] {
            let login = name.to_lowercase();
            place
                .sql(format!(
                    "INSERT INTO users (login, email, name, password_hash, created_at) \
                     VALUES ('{login}', '{login}@example.com', '{name}', '-', 0)"
                ))
                .await;
        }
        place
    }

    pub async fn act<T: Send + 'static>(
        &self,
        action: impl FnOnce(&mut Tx<'_>) -> Result<T, AppError> + Clone + Send + 'static,
    ) -> Result<T, AppError> {
        self.store.write(action).await.map(|(done, _)| done)
    }

    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Db) -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        self.store.read(query).await
    }

    pub async fn sql(&self, statement: String) {
        self.act(move |tx| Ok(tx.db.batch_execute(&statement)?))
            .await
            .expect("a statement");
    }

    pub async fn project(&self, name: &'static str) -> ProjectId {
        self.act(move |tx| Ok(projects::create(tx, &ADA, &named(name))?.project.id))
            .await
            .expect("a project")
    }

    pub async fn add_bob(&self, project: ProjectId, role: Role) -> MemberId {
        self.act(move |tx| Ok(members::add(tx, &ADA, project, "bob@example.com", role)?.person().id))
            .await
            .expect("a member")
    }

    pub async fn member_of(&self, project: ProjectId, name: &'static str) -> MemberId {
        let (_, people) = self
            .read(move |db| members::list(db, &ADA, project))
            .await
            .expect("the members");
        people.iter().find(|person| person.name == name).expect(name).id
    }

    pub async fn task(&self, project: ProjectId, assignees: &[MemberId]) {
        let assignees = assignees.to_vec();
        let draft = TaskDraft {
            description: "a task".to_owned(),
            ..TaskDraft::blank()
        };
        self.act(move |tx| {
            let (_, task) = tasks::add(tx, &ADA, project, &draft)?;
            tasks::edit(tx, &ADA, task.id, &TaskPatch::default(), Some(&assignees))
        })
        .await
        .expect("a task");
    }

    pub async fn webhook(&self, project: ProjectId) {
        use taskview_webhooks::db::webhooks::{self, NewWebhook, SealedSecret};
        self.act(move |tx| {
            let new = NewWebhook {
                project,
                name: None,
                url: "http://receiver.test/",
                schedule: taskview_webhooks::domain::retry::Schedule::Standard,
                by: ADA.user,
            };
            let id = webhooks::insert(tx.db, &new, tx.now)?;
            let secret = SealedSecret {
                sealed: b"sealed",
                hint: "abcd",
            };
            Ok(webhooks::set_secret(tx.db, id, secret, ADA.user, tx.now)?)
        })
        .await
        .expect("a webhook");
    }

    pub async fn events(&self) -> Vec<serde_json::Value> {
        let bodies: Vec<Vec<u8>> = self
            .read(|db| Ok(events::table.order(events::id).select(events::body).load(db)?))
            .await
            .expect("events");
        bodies
            .iter()
            .map(|body| serde_json::from_slice(body).expect("JSON"))
            .collect()
    }

    pub async fn audit(&self) -> Vec<String> {
        self.read(|db| {
            Ok(audit_log::table
                .order(audit_log::id)
                .select(audit_log::action)
                .load(db)?)
        })
        .await
        .expect("the audit log")
    }
}
