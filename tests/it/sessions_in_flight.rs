//! What is under way when a session ends, a password changes or an account is disabled: it does not bring a session back, and does not
//! act for it where that would matter.

use std::time::Duration;

use futures_util::future::join;
use serde_json::json;
use taskview_webhooks::actions::access::Actor;
use taskview_webhooks::actions::api_tokens::{self, NewApiToken};
use taskview_webhooks::actions::sessions as actions;
use taskview_webhooks::actions::sign_ins::{self, Proven};
use taskview_webhooks::db::sessions::{self, Device, NewTokens, Session};
use taskview_webhooks::domain::ids::UserId;
use taskview_webhooks::domain::moment::Moment;
use taskview_webhooks::error::AppError;
use zeroize::Zeroizing;

use crate::support::app::App;
use crate::support::given::{self, PASSWORD};
use crate::support::held::{Held, cookie_of, status_with};
use crate::support::process::{disable_user, set_password};
use crate::support::wait;

const LEAD: UserId = UserId(1);
const NEW: &str = "staple battery horse correct";
const RIGHT: [(&str, &str); 2] = [("login", "lead"), ("password", PASSWORD)];
/// Longer than a use of a session goes without being written down.
const A_WHILE: Duration = Duration::from_secs(20 * 60);

/// The first account, and a session of it whose cookie is known.
async fn signed_in(app: &App) -> String {
    given::lead(app).await;
    cookie_of(&app.visitor().post_only("/sign-in", &RIGHT).await)
}

async fn all(app: &App) -> Vec<Session> {
    let now = app.context().now();
    let listed = app
        .context()
        .read(move |db| Ok(sessions::of_user(db, LEAD, now)?))
        .await;
    listed.expect("the sessions")
}

/// A form that the program has begun to read, in a session that was not used for a while.
async fn held(app: &App, cookie: &str, path: &str, form: &str) -> Held {
    app.advance(A_WHILE);
    let before = app.context().now();
    let held = Held::send(app, cookie, path, form).await;
    wait::until(Duration::from_secs(10), "the session to be looked up", async || {
        let seen = all(app).await.iter().any(|session| session.last_seen_at >= before);
        seen.then_some(())
    })
    .await;
    held
}

fn new_password() -> String {
    let (old, new) = (PASSWORD.replace(' ', "+"), NEW.replace(' ', "+"));
    format!("old_password={old}&new_password={new}&new_password_again={new}")
}

#[tokio::test]
async fn who_was_signed_out_while_changing_the_password_has_changed_nothing() {
    let app = App::start().await;
    let stolen = signed_in(&app).await;
    let held = held(&app, &stolen, "/account/password", &new_password()).await;
    let owner = given::sign_in(&app, "lead").await;

    owner.submit("/account", "/end-others", &[]).await.assert_status(200);
    let (status, head) = held.finish().await;

    assert_eq!(status, 401, "{head}");
    assert_eq!(status_with(&app, &stolen, "/account").await, 303);
    assert_eq!(all(&app).await.len(), 1);
    assert_eq!(owner.get("/account").await.path, "/account");
    given::sign_in(&app, "lead").await;
}

#[tokio::test]
async fn who_signs_out_while_a_request_runs_stays_signed_out() {
    let app = App::start().await;
    let cookie = signed_in(&app).await;
    let held = held(&app, &cookie, "/projects/new", "name=Late&description=&color=").await;

    let (signed_out, _) = Held::send(&app, &cookie, "/sign-out", "").await.finish().await;
    held.finish().await;

    assert_eq!(signed_out, 303);
    assert_eq!(status_with(&app, &cookie, "/account").await, 303);
    assert_eq!(all(&app).await.len(), 1, "the one of the first start");
}

#[tokio::test]
async fn a_new_password_elsewhere_ends_a_session_that_is_just_busy() {
    let app = App::start().await;
    let cookie = signed_in(&app).await;
    let held = held(&app, &cookie, "/theme", "theme=dark").await;
    let owner = given::sign_in(&app, "lead").await;

    let typed = [
        ("old_password", PASSWORD),
        ("new_password", NEW),
        ("new_password_again", NEW),
    ];
    let changed = owner.submit("/account", "/account/password", &typed).await;
    held.finish().await;

    changed.assert_status(200).assert_says("The password is changed");
    assert_eq!(status_with(&app, &cookie, "/account").await, 303);
    assert_eq!(all(&app).await.len(), 1);
}

#[tokio::test]
async fn of_two_new_passwords_at_once_one_holds_and_its_session_is_the_only_one() {
    let app = App::start().await;
    let one = given::lead(&app).await;
    let other = given::sign_in(&app, "lead").await;
    let typed = |new| {
        [
            ("old_password", PASSWORD),
            ("new_password", new),
            ("new_password_again", new),
        ]
    };

    let (first, second) = (typed(NEW), typed("quite another password"));
    let (first, second) = join(
        one.post_only("/account/password", &first),
        other.post_only("/account/password", &second),
    )
    .await;

    let done = |status| u8::from(status == 303);
    // The one that came too late finds its session ended: it is led to the sign-in, told 401, or that its password is old.
    let changed = [&first, &second].map(|page| page.headers.get("location").is_some_and(|to| to == "/account"));
    assert_eq!(
        changed.iter().filter(|changed| **changed).count(),
        1,
        "{first:?}\n{second:?}"
    );
    assert!(done(first.status) + done(second.status) >= 1);
    assert_eq!(all(&app).await.len(), 1);
    let winner = if changed[0] { NEW } else { "quite another password" };
    let right = [("login", "lead"), ("password", winner)];
    app.visitor().post("/sign-in", &right).await.assert_status(200);
}

async fn prove(app: &App) -> Proven {
    let password = Zeroizing::new(PASSWORD.to_owned());
    let proven = sign_ins::prove(app.context(), "lead", password, None).await;
    proven.expect("the right password")
}

/// The two ways to a session, for who has proved that the password is right.
async fn begin(app: &App, proven: Proven) -> (bool, bool) {
    let (browser, program) = (proven.clone(), proven);
    let nowhere = Device::default();
    let (a, b) = (nowhere.clone(), nowhere);
    let in_browser = app
        .context()
        .write(move |tx| actions::begin_in_browser(tx, &browser, &a))
        .await;
    let of_program = app.context().write(move |tx| actions::begin(tx, &program, &b)).await;
    (in_browser.is_ok(), of_program.is_ok())
}

#[tokio::test]
async fn a_password_that_was_changed_while_it_was_checked_begins_no_session() {
    let app = App::start().await;
    given::lead(&app).await;
    let good = prove(&app).await;
    assert_eq!(begin(&app, good.clone()).await, (true, true));

    set_password(&app.database, "lead", NEW);

    assert_eq!(begin(&app, good).await, (false, false));
    assert_eq!(all(&app).await.len(), 0);
}

#[tokio::test]
async fn an_account_that_was_disabled_while_its_password_was_checked_begins_no_session() {
    let app = App::start().await;
    given::lead(&app).await;
    let good = prove(&app).await;

    disable_user(&app.database, "lead");

    assert_eq!(begin(&app, good).await, (false, false));
}

#[tokio::test]
async fn nothing_that_is_written_to_an_ended_session_brings_it_back() {
    let app = App::start().await;
    let cookie = signed_in(&app).await;
    let api = given::api(&app, "lead").await;
    let before = all(&app).await;
    assert_eq!(before.len(), 3);
    api.post("/module/auth/logout", json!({})).await;
    given::sign_in(&app, "lead")
        .await
        .submit("/account", "/end-all", &[])
        .await;

    for session in before {
        let written = app.context().write(move |tx| {
            let (id, far, nowhere) = (session.id, Moment(i64::MAX), Device::default());
            sessions::touch(tx.db, id, far, tx.now)?;
            sessions::set_state_by_token(tx.db, b"a hash", "{}")?;
            let tokens = NewTokens {
                token_hash: b"a",
                refresh_hash: b"b",
                token_expires_at: far,
                device: &nowhere,
            };
            Ok([
                sessions::authenticate(tx.db, LEAD, id, tx.now)?,
                sessions::rekey(tx.db, LEAD, id, b"a hash", tx.now)?,
                sessions::renew(tx.db, id, b"any", &tokens, tx.now)?,
            ])
        });
        assert_eq!(written.await.expect("no error"), [false; 3]);
    }

    assert_eq!(all(&app).await.len(), 0);
    assert_eq!(status_with(&app, &cookie, "/account").await, 303);
}

#[tokio::test]
async fn an_ended_session_makes_no_api_token_however_new_it_was() {
    let app = App::start().await;
    given::lead(&app).await;
    let session = all(&app).await.remove(0).id;
    let actor = Actor::account(LEAD, None).in_session(session);
    let new = NewApiToken {
        name: "Backdoor".to_owned(),
        ..NewApiToken::default()
    };
    let again = new.clone();

    let before = app
        .context()
        .write(move |tx| api_tokens::create(tx, &actor, &new))
        .await;
    app.context()
        .write(move |tx| actions::end_all(tx, &actor))
        .await
        .expect("ended");
    let after = app
        .context()
        .write(move |tx| api_tokens::create(tx, &actor, &again))
        .await;

    assert!(before.is_ok());
    assert!(matches!(after, Err(AppError::NotSignedIn)), "{after:?}");
}

#[tokio::test]
async fn who_presses_join_after_the_session_ran_out_comes_back_to_the_invitation() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let project = given::project(&lead, "Storefront").await;
    given::person(&app, "bob").await;
    let members = format!("{}/members", project.path);
    let link = lead
        .submit(&members, "/members", &[("email", "bobby@example.com")])
        .await;
    let link = given::secret_on(&link);
    let path = link
        .strip_prefix(app.base.as_str())
        .expect("a link to this server")
        .to_owned();
    let bob = given::sign_in(&app, "bob").await;
    let form = bob.get(&path).await.form(&path);

    bob.post("/sign-out", &[]).await;
    let door = bob.send(&form).await;
    let right = [("login", "bob"), ("password", PASSWORD)];
    let back = bob.send(&door.form("/sign-in").filled(&right)).await;

    assert!(
        door.path.starts_with("/sign-in?next=%2Finvitations%2F"),
        "{}",
        door.path
    );
    assert_eq!(back.path, path);
    bob.send(&back.form(&path))
        .await
        .assert_says("Welcome to “Storefront”.");
}
