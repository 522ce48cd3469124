//! Everybody who can knock, and projects for them to knock at: one that must stay as it is, and a fresh one for each request that
//! is let in, because what one changes must not be what the next one finds.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use taskview_webhooks::db::{DatabaseUrl, Db, Purpose};

use crate::routes_table::{Ids, Level};
use crate::support::api_client::{Answer, ApiClient};
use crate::support::app::App;
use crate::support::page::Page;
use crate::support::plain_client::{FORM, FROM_OUR_PAGE, JSON, PlainClient, form};
use crate::support::receiver::Receiver;
use crate::support::{given, process, wait};

/// Somebody, and what they show.
#[derive(Clone)]
pub struct Knocker {
    pub name: &'static str,
    pub level: Option<Level>,
    /// `None`: is tried at pages only, or at calls only.
    pub at_pages: Option<Proof>,
    pub at_calls: Option<Proof>,
}

#[derive(Clone)]
pub enum Proof {
    Nothing,
    Cookie(String),
    Bearer(String),
}

pub struct Ground {
    pub app: App,
    pub client: PlainClient,
    /// Who is who they say: owner, manager, member, stranger.
    pub people: Vec<Knocker>,
    /// Who shows nothing, or what is good no more.
    pub nobodies: Vec<Knocker>,
    pub owner: ApiClient,
    pub receiver: Receiver,
    /// A project of the owner's that a token may be limited to instead.
    pub elsewhere: i64,
    /// The project that nobody may change.
    pub still: Ids,
}

pub const LOGINS: [(&str, Level); 4] = [
    ("lead", Level::Owner),
    ("manager", Level::Manager),
    ("member", Level::Member),
    ("stranger", Level::SignedIn),
];

impl Ground {
    pub async fn prepare() -> Ground {
        let app = App::start().await;
        let receiver = Receiver::start();
        let client = PlainClient::new(&app.base);
        given::lead(&app).await;
        for login in ["manager", "member", "stranger", "gone"] {
            process::add_user(&app.database, login, given::PASSWORD);
        }
        // What runs out is made first: the clock goes on below.
        let early = given::api(&app, "lead").await;
        let expired_access = access(&client, "manager").await;
        let soon = json!({ "name": "soon", "expiresAt": in_minutes(&app, 5) });
        let expired_token = token(&early, soon).await;
        app.advance(Duration::from_secs(16 * 60));

        let owner = given::api(&app, "lead").await;
        let elsewhere = owner.post("/module/goals", json!({ "name": "Elsewhere" })).await;
        let elsewhere = elsewhere.response()["id"].as_i64().expect("an id");
        let revoked = token(&owner, json!({ "name": "revoked" })).await;
        let limited = token(&owner, json!({ "name": "limited", "allowedGoalIds": [elsewhere] })).await;
        let full = token(&owner, json!({ "name": "full" })).await;
        let manager = given::api(&app, "manager").await;
        let ended_access = access(&client, "manager").await;
        let ended_cookie = client.sign_in("manager").await;
        let mut ground = Ground {
            people: Vec::new(),
            nobodies: Vec::new(),
            still: Ids::default(),
            owner,
            receiver,
            elsewhere,
            client,
            app,
        };
        ground.still = ground.project(&["manager", "member", "gone"]).await;
        ground.revoke(&revoked).await;
        let gone = ground.disabled().await;
        manager.get("/module/goals").await.response();
        ground.end_sessions(&ended_cookie, &ended_access).await;
        for (login, level) in LOGINS {
            let knocker = ground.person(login, level).await;
            ground.people.push(knocker);
        }
        let cookie_alone = ground.client.sign_in("lead").await;
        let nobody = |name, at_pages, at_calls| Knocker {
            name,
            level: None,
            at_pages,
            at_calls,
        };
        let bearer = |token: &String| Some(Proof::Bearer(token.clone()));
        let (cookie, access, token) = gone;
        ground.nobodies = vec![
            nobody("nobody", Some(Proof::Nothing), Some(Proof::Nothing)),
            nobody(
                "an ended session",
                Some(Proof::Cookie(ended_cookie)),
                bearer(&ended_access),
            ),
            nobody(
                "an access token that ran out",
                bearer(&expired_access),
                bearer(&expired_access),
            ),
            nobody("a disabled account", Some(Proof::Cookie(cookie)), bearer(&access)),
            nobody("a disabled account's API token", bearer(&token), bearer(&token)),
            nobody("a revoked API token", bearer(&revoked), bearer(&revoked)),
            nobody("an expired API token", bearer(&expired_token), bearer(&expired_token)),
            nobody(
                "a made-up token",
                bearer(&format!("tvk_{}", "0".repeat(64))),
                bearer(&"0".repeat(64)),
            ),
            nobody("a browser's cookie alone", None, Some(Proof::Cookie(cookie_alone))),
            // Pages know cookies only, whatever a token may do at calls.
            nobody("an API token", bearer(&full), None),
            nobody("an API token of another project", bearer(&limited), None),
        ];
        ground.quiet().await;
        ground
    }

    async fn person(&self, login: &'static str, level: Level) -> Knocker {
        Knocker {
            name: login,
            level: Some(level),
            at_pages: Some(Proof::Cookie(self.client.sign_in(login).await)),
            at_calls: Some(Proof::Bearer(access(&self.client, login).await)),
        }
    }

    /// Cookie, access token and API token of an account that is disabled, and whose sessions are there all the same.
    async fn disabled(&self) -> (String, String, String) {
        let cookie = self.client.sign_in("gone").await;
        let access = access(&self.client, "gone").await;
        let own = token(
            &ApiClient::with_token(&self.app.base, &access),
            json!({ "name": "gone" }),
        )
        .await;
        let project = format!("/projects/{}", self.still.project);
        assert_eq!(
            self.page("GET", &project, &Proof::Cookie(cookie.clone()), "")
                .await
                .status,
            200
        );
        let url = DatabaseUrl::parse(&self.app.database.url).expect("a URL");
        let mut db = Db::open(&url, Purpose::Write).expect("the database");
        db.batch_execute("UPDATE users SET disabled_at = 1 WHERE login = 'gone'")
            .expect("disabled");
        (cookie, access, own)
    }

    async fn revoke(&self, shown: &str) {
        let program = ApiClient::with_token(&self.app.base, shown);
        program.get("/module/goals").await.response();
        let all = self.owner.get("/module/api-tokens").await.response().clone();
        let listed = all
            .as_array()
            .expect("a list")
            .iter()
            .find(|one| one["name"] == "revoked");
        let id = listed.expect("the token")["id"].clone();
        self.owner
            .delete("/module/api-tokens", json!({ "id": id }))
            .await
            .response();
    }

    /// As the manager ends them on the account page, in another browser.
    async fn end_sessions(&self, cookie: &str, access: &str) {
        let still_good = self
            .page("GET", "/account", &Proof::Cookie(cookie.to_owned()), "")
            .await;
        assert_eq!(still_good.status, 200);
        ApiClient::with_token(&self.app.base, access)
            .get("/module/goals")
            .await
            .response();
        let other = Proof::Cookie(self.client.sign_in("manager").await);
        let account = self.page("GET", "/account", &other, "").await;
        let ends = account.forms().into_iter().filter(|form| form.action.ends_with("/end"));
        for form in ends.map(|form| form.action) {
            self.page("POST", &form, &other, "").await;
        }
    }

    /// A project of the owner's with one of everything, and these people in it.
    pub async fn project(&self, logins: &[&str]) -> Ids {
        self.project_of(&self.owner, "lead", logins).await
    }

    pub async fn project_of(&self, owner: &ApiClient, login: &str, logins: &[&str]) -> Ids {
        let id = |answer: &Answer| answer.response()["id"].as_i64().expect("an id");
        let name = format!("Project of {login}");
        let project = id(&owner.post("/module/goals", json!({ "name": name })).await);
        let mut members = Vec::new();
        for login in logins {
            let email = format!("{login}@example.com");
            let added = owner
                .post("/module/collaboration", json!({ "goalId": project, "email": email }))
                .await;
            members.push((*login, id(&added)));
            if *login != "member" {
                let role = json!({ "goalId": project, "userId": id(&added), "roles": [1] });
                owner.patch("/module/collaboration", role).await.response();
            }
        }
        let member_of = |login: &str| members.iter().find(|(one, _)| *one == login).map_or(0, |(_, id)| *id);
        let invited = json!({ "goalId": project, "email": "cleo@example.com" });
        let waiting = id(&owner.post("/module/collaboration", invited).await);
        let link = json!({ "goalId": project, "id": waiting });
        let link = owner.post("/module/collaboration/link", link).await.response()["url"].clone();
        let tag = json!({ "goalId": project, "name": format!("{login}'s tag"), "color": "#123456" });
        let tag = id(&owner.post("/module/tags", tag).await);
        let hook = json!({ "goalId": project, "url": self.receiver.url("/"), "events": given::ALL_EVENTS, "name": format!("{login}'s hook") });
        let webhook = owner.post("/module/webhooks", hook).await.response()["webhook"]["id"]
            .as_i64()
            .expect("an id");
        let task = json!({ "goalId": project, "description": format!("{login}'s task"), "tags": [tag] });
        let task = id(&owner.post("/module/tasks", task).await);
        let deliveries = owner.get(&format!("/module/webhooks/deliveries/{webhook}")).await;
        let delivery = deliveries.response()[0]["id"].as_i64().expect("an id");
        Ids {
            project,
            task,
            tag,
            status: self.status_of(project),
            member: member_of("member"),
            heir: member_of("manager"),
            waiting,
            webhook,
            delivery,
            token: 0,
            session: 0,
            invitation: link
                .as_str()
                .and_then(|url| url.rsplit('/').next())
                .expect("a link")
                .to_owned(),
        }
    }

    /// The last one: a project can do without it.
    fn status_of(&self, project: i64) -> i64 {
        use diesel::prelude::*;
        use taskview_webhooks::db::schema::statuses;
        let url = DatabaseUrl::parse(&self.app.database.url).expect("a URL");
        let mut db = Db::open(&url, Purpose::Read).expect("the database");
        statuses::table
            .filter(statuses::project_id.eq(project))
            .order(statuses::id.desc())
            .select(statuses::id)
            .first(&mut db)
            .expect("a status")
    }

    /// An API token and a session of one's own, to end.
    pub async fn own_things(&self, who: &Knocker, ids: &mut Ids) {
        let Some(Proof::Bearer(access)) = &who.at_calls else {
            return;
        };
        let api = ApiClient::with_token(&self.app.base, access);
        let made = api.post("/module/api-tokens", json!({ "name": "mine" })).await;
        ids.token = made.response()["item"]["id"].as_i64().expect("an id");
        self::access(&self.client, who.name).await;
        let account = self
            .page("GET", "/account", who.at_pages.as_ref().expect("a cookie"), "")
            .await;
        let ends = account.forms().into_iter().filter(|form| form.action.ends_with("/end"));
        let numbers = ends.filter_map(|form| form.action.split('/').rev().nth(1)?.parse::<i64>().ok());
        ids.session = numbers.max().expect("a session to end");
    }

    pub async fn page(&self, method: &str, path: &str, proof: &Proof, body: &str) -> Page {
        let shown = proof.header();
        let mut headers = vec![FROM_OUR_PAGE, FORM];
        headers.extend(shown.as_ref().map(|(name, value)| (*name, value.as_str())));
        self.client.send(method, path, &headers, body).await
    }

    pub async fn call(&self, method: &str, path: &str, proof: &Proof, body: &Value) -> Page {
        let shown = proof.header();
        let mut headers = vec![JSON];
        headers.extend(shown.as_ref().map(|(name, value)| (*name, value.as_str())));
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.client.send(method, path, &headers, &body).await
    }

    /// Returns once nothing is on its way to a receiver any more.
    pub async fn quiet(&self) {
        use diesel::dsl::count_star;
        use diesel::prelude::*;
        use taskview_webhooks::db::schema::deliveries;
        let url = DatabaseUrl::parse(&self.app.database.url).expect("a URL");
        let mut db = Db::open(&url, Purpose::Read).expect("the database");
        wait::until(Duration::from_secs(30), "all deliveries to be made", async || {
            let pending: i64 = deliveries::table
                .filter(deliveries::last_attempt_at.is_null())
                .select(count_star())
                .first(&mut db)
                .expect("a count");
            (pending == 0).then_some(())
        })
        .await;
    }
}

impl Proof {
    fn header(&self) -> Option<(&'static str, String)> {
        match self {
            Proof::Nothing => None,
            Proof::Cookie(cookie) => Some(("cookie", cookie.clone())),
            Proof::Bearer(token) => Some(("authorization", format!("Bearer {token}"))),
        }
    }
}

/// The access token of a new session.
pub async fn access(client: &PlainClient, login: &str) -> String {
    let typed = json!({ "login": login, "password": given::PASSWORD }).to_string();
    let page = client.send("POST", "/module/auth/login", &[JSON], &typed).await;
    let tokens: Value = serde_json::from_str(&page.html).expect("JSON");
    tokens["access"]
        .as_str()
        .unwrap_or_else(|| panic!("{login}: {tokens}"))
        .to_owned()
}

pub async fn token(maker: &ApiClient, wanted: Value) -> String {
    let made = maker.post("/module/api-tokens", wanted).await.response().clone();
    made["token"].as_str().expect("a token").to_owned()
}

fn in_minutes(app: &App, minutes: u64) -> String {
    (app.context().now() + Duration::from_secs(minutes * 60)).iso()
}

/// A form as it stands on the page, with these values typed in.
pub fn filled(page: &Page, action: &str, typed: &[(&str, &str)]) -> Option<String> {
    let found = page.forms().into_iter().find(|form| form.action == action)?;
    let found = found.filled(typed);
    let pairs: Vec<_> = found
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    Some(form(&pairs))
}
