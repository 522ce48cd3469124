//! A database that an earlier version has used: its first account becomes an administrator, and its audit log is read as before, with
//! the API tokens that were used.

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::{PgConnection, SqliteConnection};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use taskview_webhooks::actions::access::Actor;
use taskview_webhooks::actions::audit::{self, Wanted};
use taskview_webhooks::clock::Clock;
use taskview_webhooks::db::audit_log::{Filter, Of};
use taskview_webhooks::db::history::Start;
use taskview_webhooks::db::{DatabaseUrl, users};
use taskview_webhooks::domain::ids::{ProjectId, UserId};
use taskview_webhooks::store::Store;

use crate::support::database::{Kind, TestDatabase, kind};

const THIS: &str = "0017";

/// As the version before wrote them.
const ROWS: &str = r#"
    INSERT INTO users (login, email, name, password_hash, created_at)
        VALUES ('ada', 'ada@example.com', 'Ada', '-', 0), ('bob', 'bob@example.com', 'Bob', '-', 0);
    INSERT INTO projects (name, description, color, creator_id, created_at, edited_at)
        VALUES ('Site', '', '#3f6fd1', 1, 0, 0);
    INSERT INTO memberships (project_id, user_id, role, created_at) VALUES (1, 1, 2, 0);
    INSERT INTO api_tokens (user_id, name, token_hash, every_project, created_at)
        VALUES (1, 'Deploy bot', 'hash', TRUE, 0);
    INSERT INTO audit_log (project_id, user_id, action, subject_id, detail, created_at) VALUES
        (NULL, 1, 'account.added', 1, '{}', 1),
        (1, 1, 'project.added', 1, '{"name":"Website"}', 2),
        (1, 1, 'project.edited', 1, '{"name":"Site","before":"Website","apiToken":1}', 3),
        (1, 1, 'webhook.edited', 9, '{"changed":["url"],"note":"a \"apiToken\":5 of a name"}', 4),
        (1, NULL, 'webhook.turned_off', 9, '{"reason":"failures","failures":10}', 5);
"#;

#[tokio::test]
async fn what_an_earlier_version_wrote_is_read_after_the_migration() {
    let database = TestDatabase::create();
    match kind() {
        Kind::Sqlite => {
            let path = database.url.trim_start_matches("sqlite:");
            let mut old = SqliteConnection::establish(path).expect("a SQLite file");
            migrate_before(&mut old, "sqlite");
            old.batch_execute(ROWS).expect("rows");
        }
        Kind::Postgres => {
            let mut old = PgConnection::establish(&database.url).expect("a PostgreSQL database");
            migrate_before(&mut old, "postgres");
            old.batch_execute(ROWS).expect("rows");
        }
    }

    let url = DatabaseUrl::parse(&database.url).expect("a URL");
    let store = Store::open(&url, Clock::default()).expect("it is migrated");

    let read = store.read(|db| {
        let ada = Actor::account(UserId(1), None);
        let wanted = Wanted {
            filter: Filter::default(),
            start: Start::Newest,
            limit: 10,
        };
        let project = audit::read(db, &ada, Of::Project(ProjectId(1)), &wanted)?;
        let installation = audit::read(db, &ada, Of::Installation, &wanted)?;
        Ok((project, installation, users::list(db)?))
    });
    let (project, installation, people) = read.await.expect("both logs");
    let rights: Vec<_> = people
        .iter()
        .map(|one| (one.login.as_str(), one.administrator))
        .collect();
    assert_eq!(rights, [("ada", true), ("bob", false)]);
    let told: Vec<_> = project
        .page
        .rows
        .iter()
        .map(|row| {
            (
                row.action.as_str(),
                row.api_token.as_deref(),
                project.detail(row).has_changes(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("webhook.turned_off", None, false),
            ("webhook.edited", None, false),
            ("project.edited", Some("Deploy bot"), true),
            ("project.added", None, false),
        ]
    );
    let seen: Vec<_> = installation.page.rows.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(seen, ["project.added", "account.added"]);
}

fn migrate_before<C>(connection: &mut C, set: &str)
where
    C: MigrationHarness<C::Backend> + Connection,
    C::Backend: diesel::backend::Backend,
{
    // Also makes the table that says which have run.
    assert_eq!(connection.applied_migrations().expect("none").len(), 0);
    let source = FileBasedMigrations::from_path(format!("migrations/{set}")).expect("a folder of migrations");
    let mut all: Vec<Box<dyn Migration<C::Backend>>> = source.migrations().expect("migrations");
    all.sort_by_key(|one| one.name().version().to_string());
    for migration in all {
        if migration.name().version().to_string().as_str() < THIS {
            connection.run_migration(&*migration).expect("a migration");
        }
    }
}
