//! Every URL that changes something: each is used, and writes the entries into the audit log that stand beside it here, or it has a
//! reason why it writes none. A new URL that is in neither list fails the test.

use std::collections::BTreeSet;
use std::time::Duration;

use diesel::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};
use taskview_webhooks::db::schema::audit_log;

use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::given::{self, PASSWORD};
use crate::support::page::Page;
use crate::support::receiver::Receiver;
use crate::support::wait;

const PATIENCE: Duration = Duration::from_secs(20);

const TASKS: &str = "tasks have events, which every webhook of the project can hear";

/// Those that write none.
const NO_ENTRY: &[(&str, &str, &str)] = &[
    ("POST", "/theme", "a cookie of the browser"),
    ("POST", "/projects/{}/tasks", TASKS),
    ("POST", "/projects/{}/tasks/{}", TASKS),
    ("POST", "/projects/{}/tasks/{}/complete", TASKS),
    ("POST", "/projects/{}/tasks/{}/subtasks", TASKS),
    ("POST", "/projects/{}/tasks/{}/delete", TASKS),
    (
        "POST",
        "/projects/{}/webhooks/{}/signature",
        "it looks and changes nothing",
    ),
    ("PATCH", "/module/tags/toggle", TASKS),
    ("POST", "/module/tasks", TASKS),
    ("PATCH", "/module/tasks", TASKS),
    ("DELETE", "/module/tasks", TASKS),
    ("PATCH", "/module/tasks/task-users", TASKS),
    ("POST", "/module/events", "what is handed in are events"),
    (
        "POST",
        "/module/auth/refresh/token",
        "the session goes on; one that ends for it is in its own test",
    ),
];

#[tokio::test]
async fn every_url_that_changes_something_writes_it_down_or_has_a_reason_not_to() {
    let app = App::start().await;
    let receiver = Receiver::start();
    let mut walk = Walk::begin(&app).await;
    let project = walk.account_and_project().await;
    walk.labels(&project).await;
    walk.webhooks(&project, &receiver).await;
    walk.members(&project).await;
    walk.calls(&receiver).await;
    let delete = format!("{project}/delete");
    walk.submits("/projects/{}/delete", &delete, &delete, &[], &["project.deleted"])
        .await;

    let excused = NO_ENTRY
        .iter()
        .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
    let known: BTreeSet<_> = walk.used.iter().cloned().chain(excused.clone()).collect();
    let excused: BTreeSet<_> = excused.collect();

    let all = urls_that_change_something();
    assert!(all.len() > 60, "{all:?}");
    assert_eq!(
        all.difference(&known).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new()
    );
    assert_eq!(
        known.difference(&all).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "there are no such URLs any more"
    );
    assert!(walk.used.is_disjoint(&excused));
}

#[tokio::test]
async fn a_refresh_token_that_somebody_copied_is_written_down() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    let api = ApiClient::new(&app.base);
    let credentials = json!({ "login": "lead", "password": PASSWORD });
    let tokens = api.post("/module/auth/login", credentials).await.body;
    let refresh = json!({ "refreshToken": tokens["refresh"] });
    assert_eq!(
        api.post("/module/auth/refresh/token", refresh.clone()).await.status,
        200
    );
    app.advance(Duration::from_secs(60));

    assert_eq!(api.post("/module/auth/refresh/token", refresh).await.status, 401);

    let log = lead.get("/audit?who=system").await;
    log.assert_says("Ended a session whose refresh token was shown twice: somebody had copied it")
        .assert_says("by the system session.copied AccountLead");
}

/// Uses one URL after the other, and looks after each at what was written since the one before.
struct Walk<'a> {
    app: &'a App,
    lead: Browser,
    /// Method and URL, ids as `{}`.
    used: BTreeSet<(String, String)>,
    seen: i64,
}

impl<'a> Walk<'a> {
    async fn begin(app: &'a App) -> Walk<'a> {
        let mut walk = Walk {
            app,
            lead: given::lead(app).await,
            used: BTreeSet::new(),
            seen: 0,
        };
        walk.wrote("POST", "/setup", &["account.added", "account.signed_in"])
            .await;
        walk
    }

    /// Fills in the form of a page.
    async fn submits(
        &mut self,
        route: &str,
        page: &str,
        action: &str,
        typed: &[(&str, &str)],
        written: &[&str],
    ) -> Page {
        let lead = self.lead.clone();
        self.submits_as(&lead, route, page, action, typed, written).await
    }

    async fn submits_as(
        &mut self,
        who: &Browser,
        route: &str,
        page: &str,
        action: &str,
        typed: &[(&str, &str)],
        written: &[&str],
    ) -> Page {
        let answer = who.submit(page, action, typed).await;
        answer.assert_status(200);
        self.wrote("POST", route, written).await;
        answer
    }

    /// Sends what a page's form would.
    async fn posts(&mut self, route: &str, path: &str, typed: &[(&str, &str)], written: &[&str]) -> Page {
        let answer = self.lead.post(path, typed).await;
        answer.assert_status(200);
        self.wrote("POST", route, written).await;
        answer
    }

    async fn call(&mut self, api: &ApiClient, method: Method, route: &str, body: Value, written: &[&str]) -> Value {
        let answer = api.call(method.clone(), route, Some(body)).await;
        assert!((200..300).contains(&answer.status), "{method} {route}: {}", answer.body);
        self.wrote(method.as_str(), route, written).await;
        answer.body
    }

    async fn wrote(&mut self, method: &str, route: &str, written: &[&str]) {
        let new = self.news().await;
        assert_eq!(new, written, "{method} {route}");
        self.used.insert((method.to_owned(), route.to_owned()));
    }

    /// What was written since it was looked at last.
    async fn news(&mut self) -> Vec<String> {
        let since = self.seen;
        let rows: Vec<(i64, String)> = self
            .app
            .context()
            .read(move |db| {
                Ok(audit_log::table
                    .filter(audit_log::id.gt(since))
                    .order(audit_log::id)
                    .select((audit_log::id, audit_log::action))
                    .load(db)?)
            })
            .await
            .expect("the audit log");
        self.seen = rows.last().map_or(since, |row| row.0);
        rows.into_iter().map(|row| row.1).collect()
    }

    async fn account_and_project(&mut self) -> String {
        for login in ["mia", "nina"] {
            crate::support::process::add_user(&self.app.database, login, PASSWORD);
        }
        assert_eq!(self.news().await, ["account.added", "account.added"]);
        let mia = self.app.visitor();
        let credentials = [("login", "mia"), ("password", PASSWORD)];
        self.submits_as(
            &mia,
            "/sign-in",
            "/sign-in",
            "/sign-in",
            &credentials,
            &["account.signed_in"],
        )
        .await;
        let passwords = [
            ("old_password", PASSWORD),
            ("new_password", "another long password"),
            ("new_password_again", "another long password"),
        ];
        let changed = ["account.password_changed"];
        self.submits_as(&mia, "/account/password", "/account", "/password", &passwords, &changed)
            .await;
        self.submits_as(&mia, "/sign-out", "/account", "/sign-out", &[], &["account.signed_out"])
            .await;
        given::sign_in(self.app, "lead").await;
        self.news().await;
        self.submits("/account/sessions/{}/end", "/account", "/end", &[], &["session.ended"])
            .await;
        given::sign_in(self.app, "lead").await;
        self.news().await;
        let (others, all) = ("/account/sessions/end-others", "/account/sessions/end-all");
        let ended = ["account.sessions_ended"];
        self.submits(others, "/account", others, &[], &ended).await;
        let again = given::sign_in(self.app, "nina").await;
        self.news().await;
        self.submits_as(&again, all, "/account", all, &[], &ended).await;
        let new = "/account/api-tokens/new";
        self.submits(new, new, new, &[("name", "ci")], &["api_token.added"])
            .await;
        let revoke = link_to(&self.lead.get("/account/api-tokens").await, "/revoke");
        let revoked = ["api_token.revoked"];
        self.submits("/account/api-tokens/{}/revoke", &revoke, &revoke, &[], &revoked)
            .await;
        let new = "/projects/new";
        let made = self
            .submits(new, new, new, &[("name", "Website")], &["project.added"])
            .await;
        let project = made.path;
        let edit = format!("{project}/edit");
        self.submits(
            "/projects/{}/edit",
            &edit,
            &edit,
            &[("name", "Site")],
            &["project.edited"],
        )
        .await;
        let archive = format!("{project}/archive");
        for (archived, written) in [("1", "project.archived"), ("0", "project.unarchived")] {
            self.posts("/projects/{}/archive", &archive, &[("archived", archived)], &[written])
                .await;
        }
        project
    }

    async fn labels(&mut self, project: &str) {
        let labels = format!("{project}/labels");
        let tag = [("name", "urgent"), ("color", "#aa0000")];
        self.posts("/projects/{}/tags", &format!("{project}/tags"), &tag, &["tag.added"])
            .await;
        let edit = link_to(&self.lead.get(&labels).await, "/tags/1/edit");
        self.posts("/projects/{}/tags/{}/edit", &edit, &tag_named("later"), &["tag.edited"])
            .await;
        let remove = edit.replace("/edit", "/remove");
        self.submits("/projects/{}/tags/{}/remove", &remove, &remove, &[], &["tag.removed"])
            .await;
        let status = |name| [("name", name), ("category", "in progress")];
        let statuses = format!("{project}/statuses");
        self.posts("/projects/{}/statuses", &statuses, &status("Waits"), &["status.added"])
            .await;
        let edit = link_to(&self.lead.get(&labels).await, "/statuses/1/edit");
        let edited = ["status.edited"];
        self.posts("/projects/{}/statuses/{}/edit", &edit, &status("Rests"), &edited)
            .await;
        let step = edit.replace("/edit", "/move");
        self.posts(
            "/projects/{}/statuses/{}/move",
            &step,
            &[("to", "down")],
            &["status.moved"],
        )
        .await;
        let remove = edit.replace("/edit", "/remove");
        self.submits(
            "/projects/{}/statuses/{}/remove",
            &remove,
            &remove,
            &[],
            &["status.removed"],
        )
        .await;
    }

    async fn webhooks(&mut self, project: &str, receiver: &Receiver) {
        let (base, route) = (format!("{project}/webhooks"), "/projects/{}/webhooks/{}");
        let new = format!("{base}/new");
        let url = receiver.url("/");
        let typed = [("url", url.as_str()), ("events", "task.created")];
        self.submits(
            "/projects/{}/webhooks/new",
            &new,
            "/webhooks/new",
            &typed,
            &["webhook.added"],
        )
        .await;
        let edit = link_to(&self.lead.get(&base).await, "/webhooks/1/edit");
        let hook = edit.trim_end_matches("/edit").to_owned();
        let on = |verb: &str| (format!("{route}/{verb}"), format!("{hook}/{verb}"));
        let (of, at) = on("edit");
        self.submits(&of, &at, &at, &[("name", "CI")], &["webhook.edited"])
            .await;
        let (of, at) = on("rotate");
        self.submits(&of, &at, &at, &[], &["webhook.rotated"]).await;
        let (of, at) = on("test");
        self.posts(&of, &at, &[], &["webhook.tested"]).await;
        let (of, at) = on("toggle");
        self.posts(&of, &at, &[("active", "false")], &["webhook.turned_off"])
            .await;
        for task in ["one", "two", "three", "four"] {
            let typed = [("description", task)];
            self.lead
                .post(&format!("{project}/tasks"), &typed)
                .await
                .assert_status(200);
        }
        let (of, at) = on("turn-on");
        self.submits(&of, &at, &at, &[("held", "discard")], &["webhook.turned_on"])
            .await;
        let failed = self.failed(&hook, 4).await;
        let one = format!("{hook}/deliveries/{}/retry", failed[0]);
        self.posts(
            "/projects/{}/webhooks/{}/deliveries/{}/retry",
            &one,
            &[],
            &["delivery.retried"],
        )
        .await;
        let (of, at) = on("deliveries/retry");
        self.posts(&of, &at, &[("d", &failed[1])], &["delivery.retried"]).await;
        let all = format!("{project}/deliveries/retry");
        let retried = ["delivery.retried"];
        self.posts("/projects/{}/deliveries/retry", &all, &[("d", &failed[2])], &retried)
            .await;
        let (of, at) = on("resend");
        let since = [("since", "2020-01-01T00:00")];
        self.posts(&of, &at, &since, &["webhook.resend_started"]).await;
        let (of, at) = on("delete");
        self.submits(&of, &at, &at, &[], &["webhook.deleted"]).await;
    }

    /// The failed deliveries of a webhook, once there are so many.
    async fn failed(&self, hook: &str, count: usize) -> Vec<String> {
        let history = format!("{hook}/deliveries?status=failed");
        wait::until(PATIENCE, "deliveries that were discarded", async || {
            let ids = self.lead.get(&history).await.attributes("input[name=d]", "value");
            (ids.len() == count).then_some(ids)
        })
        .await
    }

    async fn members(&mut self, project: &str) {
        let base = format!("{project}/members");
        let mut ids = Vec::new();
        for (email, written) in [
            ("mia@example.com", ["member.added"].as_slice()),
            ("cleo@example.com", &["member.invited", "invitation.made"]),
            ("dora@example.com", &["member.invited", "invitation.made"]),
        ] {
            let page = self
                .submits("/projects/{}/members", &base, "/members", &[("email", email)], written)
                .await;
            ids.push(page.texts("#secret").pop());
        }
        let links: Vec<String> = ids.into_iter().flatten().collect();
        let path = |link: &String| link.replace(&self.app.base, "");
        let (cleo, dora) = (path(&links[0]), path(&links[1]));
        let guest = [("login", "cleo"), ("name", "Cleo"), ("password", PASSWORD)];
        let written = ["account.added", "member.joined", "account.signed_in"];
        let visitor = self.app.visitor();
        self.submits_as(&visitor, "/invitations/{}/account", &cleo, "/account", &guest, &written)
            .await;
        let nina = given::sign_in(self.app, "nina").await;
        self.news().await;
        self.submits_as(&nina, "/invitations/{}", &dora, &dora, &[], &["member.joined"])
            .await;
        self.submits(
            "/projects/{}/members",
            &base,
            "/members",
            &[("email", "ed@example.com")],
            &["member.invited", "invitation.made"],
        )
        .await;
        let link = link_to(&self.lead.get(&base).await, "/link");
        self.submits("/projects/{}/members/{}/link", &link, &link, &[], &["invitation.made"])
            .await;
        let remove = link.replace("/link", "/remove");
        self.submits(
            "/projects/{}/members/{}/remove",
            &remove,
            &remove,
            &[],
            &["member.removed"],
        )
        .await;
        let role = self.lead.get(&base).await.form("/role").action;
        let promoted = ["member.role_changed"];
        self.posts("/projects/{}/members/{}/role", &role, &[("role", "manager")], &promoted)
            .await;
        let hand_over = role.replace("/role", "/hand-over");
        let handed = ["project.handed_over"];
        self.submits(
            "/projects/{}/members/{}/hand-over",
            &hand_over,
            &hand_over,
            &[],
            &handed,
        )
        .await;
        let leave = format!("{project}/leave");
        self.submits_as(&nina, "/projects/{}/leave", &leave, &leave, &[], &["member.left"])
            .await;
        // The new owner deletes the project in the end.
        let mia = self.app.visitor();
        let credentials = [("login", "mia"), ("password", "another long password")];
        mia.submit("/sign-in", "/sign-in", &credentials)
            .await
            .assert_status(200);
        self.news().await;
        self.lead = mia;
    }

    async fn calls(&mut self, receiver: &Receiver) {
        let nobody = ApiClient::new(&self.app.base);
        let credentials = json!({ "login": "lead", "password": PASSWORD });
        let login = "/module/auth/login";
        let tokens = self
            .call(&nobody, Method::POST, login, credentials, &["account.signed_in"])
            .await;
        let api = ApiClient::with_token(&self.app.base, tokens["access"].as_str().expect("a token"));
        let (goals, tags) = ("/module/goals", "/module/tags");
        let new = json!({ "name": "Shop" });
        let goal = self.call(&api, Method::POST, goals, new, &["project.added"]).await["response"]["id"].clone();
        let edit = json!({ "id": goal, "description": "What we sell" });
        self.call(&api, Method::PATCH, goals, edit, &["project.edited"]).await;
        let new = json!({ "goalId": goal, "name": "urgent", "color": "#aa0000" });
        let tag = self.call(&api, Method::POST, tags, new, &["tag.added"]).await["response"]["id"].clone();
        let edit = json!({ "id": tag, "name": "later", "color": "#aa0000" });
        self.call(&api, Method::PATCH, tags, edit, &["tag.edited"]).await;
        self.call(&api, Method::DELETE, tags, json!({ "tagId": tag }), &["tag.removed"])
            .await;
        self.call_members(&api, &goal).await;
        self.call_webhooks(&api, &goal, receiver).await;
        let token = "/module/api-tokens";
        let made = self
            .call(&api, Method::POST, token, json!({ "name": "ci" }), &["api_token.added"])
            .await;
        let id = json!({ "id": made["response"]["item"]["id"] });
        self.call(&api, Method::DELETE, token, id, &["api_token.revoked"]).await;
        let handed = self
            .call(
                &api,
                Method::POST,
                goals,
                json!({ "name": "Attic" }),
                &["project.added"],
            )
            .await;
        let id = json!({ "goalId": handed["response"]["id"] });
        self.call(&api, Method::DELETE, goals, id, &["project.deleted"]).await;
        self.call(
            &api,
            Method::POST,
            "/module/auth/logout",
            json!({}),
            &["account.signed_out"],
        )
        .await;
    }

    async fn call_members(&mut self, api: &ApiClient, goal: &Value) {
        let route = "/module/collaboration";
        let mut ids = Vec::new();
        for (email, written) in [
            ("nina@example.com", "member.added"),
            ("cleo@example.com", "member.added"),
            ("fay@example.com", "member.invited"),
        ] {
            let added = json!({ "goalId": goal, "email": email });
            let answer = self.call(api, Method::POST, route, added, &[written]).await;
            ids.push(answer["response"]["id"].clone());
        }
        let promoted = json!({ "goalId": goal, "userId": ids[0], "roles": [1] });
        self.call(api, Method::PATCH, route, promoted, &["member.role_changed"])
            .await;
        let of = |id: &Value| json!({ "goalId": goal, "id": id });
        self.call(
            api,
            Method::POST,
            "/module/collaboration/link",
            of(&ids[2]),
            &["invitation.made"],
        )
        .await;
        self.call(api, Method::DELETE, route, of(&ids[1]), &["member.removed"])
            .await;
        let owner = "/module/collaboration/owner";
        self.call(api, Method::POST, owner, of(&ids[0]), &["project.handed_over"])
            .await;
    }

    async fn call_webhooks(&mut self, api: &ApiClient, goal: &Value, receiver: &Receiver) {
        let route = "/module/webhooks";
        let of = |verb: &str| format!("{route}/{verb}");
        let new = json!({ "goalId": goal, "url": receiver.url("/api"), "events": ["task.created"] });
        let made = self.call(api, Method::POST, route, new, &["webhook.added"]).await;
        let id = json!({ "id": made["response"]["webhook"]["id"] });
        let with = |name: &str, value: Value| {
            let mut body = id.clone();
            body[name] = value;
            body
        };
        self.call(
            api,
            Method::PATCH,
            route,
            with("name", json!("CI")),
            &["webhook.edited"],
        )
        .await;
        self.call(
            api,
            Method::POST,
            &of("rotate-secret"),
            id.clone(),
            &["webhook.rotated"],
        )
        .await;
        self.call(api, Method::POST, &of("test"), id.clone(), &["webhook.tested"])
            .await;
        let off = with("isActive", json!(false));
        self.call(api, Method::PATCH, route, off, &["webhook.turned_off"]).await;
        for task in ["one", "two"] {
            let task = json!({ "goalId": goal, "description": task });
            api.post("/module/tasks", task).await.response();
        }
        let discard = with("action", json!("discard"));
        self.call(api, Method::POST, &of("held"), discard, &["webhook.held_discarded"])
            .await;
        let list = format!("/module/webhooks/deliveries/{}?status=failed", id["id"]);
        let failed = wait::until(PATIENCE, "deliveries that were discarded", async || {
            let all = api.get(&list).await.response().clone();
            (all.as_array().expect("a list").len() == 2).then_some(all)
        })
        .await;
        let one = json!({ "id": failed[0]["id"] });
        self.call(api, Method::POST, &of("retry"), one, &["delivery.retried"])
            .await;
        let since = with("since", json!("2020-01-01T00:00:00Z"));
        self.call(
            api,
            Method::POST,
            &of("retry-failed"),
            since,
            &["webhook.resend_started"],
        )
        .await;
        self.call(api, Method::DELETE, route, id.clone(), &["webhook.deleted"])
            .await;
    }
}

fn tag_named(name: &str) -> [(&str, &str); 2] {
    [("name", name), ("color", "#00aa00")]
}

/// The first link to such a page; `1` stands for any id.
#[track_caller]
fn link_to(page: &Page, ending: &str) -> String {
    let is_it = |link: &String| shape(link).ends_with(&shape(ending));
    let mut links = page.links().into_iter().filter(is_it);
    links
        .next()
        .unwrap_or_else(|| panic!("no link to {ending} on {}", page.text()))
}

/// Of the program's table: method and URL, ids as `{}`.
fn urls_that_change_something() -> BTreeSet<(String, String)> {
    let source = std::fs::read_to_string("src/web/routes.rs").expect("the route table of the program");
    let (pages, api) = source.split_once("pub fn api(").expect("pages first, then the API");
    let mut urls = BTreeSet::new();
    let mut collect = |code: &str, marker: &str, prefix: &str| {
        for piece in code.split(marker).skip(1) {
            let path = piece.split('"').next().expect("a path");
            for method in ["post", "patch", "delete", "put"] {
                if piece.contains(&format!("{method}().to(")) {
                    urls.insert((method.to_uppercase(), format!("{prefix}{}", shape(path))));
                }
            }
        }
    };
    collect(pages, ".route(\"", "");
    collect(api, "resource(\"", "/module");
    urls
}

fn shape(path: &str) -> String {
    let is_id = |part: &str| part.starts_with('{') || part.parse::<i64>().is_ok();
    let parts = path.split('/').map(|part| if is_id(part) { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}
