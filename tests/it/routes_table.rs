//! Every URL as everybody: owner, manager, member, stranger, and somebody who is not signed in. A new URL that stands in the route
//! table of the program and not in this one fails the first test.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::given;
use crate::support::page::Page;
use crate::support::receiver::Receiver;
use crate::support::wait;

/// Who may use a URL: each level includes those below it in this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Owner,
    Manager,
    Member,
    SignedIn,
    Anyone,
}
use Level::{Anyone, Manager, Member, Owner, SignedIn};

const PAGES: &[(&str, &str, Level)] = &[
    ("GET", "/healthz", Anyone),
    ("GET", "/readyz", Anyone),
    ("GET", "/openapi.json", Anyone),
    ("GET", "/docs/events", Anyone),
    ("GET", "/docs/verify", Anyone),
    ("GET", "/docs/api", Anyone),
    ("GET", "/setup", Anyone),
    ("POST", "/setup", Anyone),
    ("GET", "/sign-in", Anyone),
    ("POST", "/sign-in", Anyone),
    ("POST", "/sign-out", Anyone),
    ("POST", "/theme", Anyone),
    ("GET", "/invitations/{invitation}", Anyone),
    ("POST", "/invitations/{invitation}", SignedIn),
    ("POST", "/invitations/{invitation}/account", Anyone),
    ("GET", "/", SignedIn),
    ("GET", "/account", SignedIn),
    ("POST", "/account/password", SignedIn),
    ("POST", "/account/sessions/end-others", SignedIn),
    ("POST", "/account/sessions/end-all", SignedIn),
    ("POST", "/account/sessions/{session}/end", SignedIn),
    ("GET", "/account/api-tokens", SignedIn),
    ("GET", "/account/api-tokens/new", SignedIn),
    ("POST", "/account/api-tokens/new", SignedIn),
    ("GET", "/account/api-tokens/{token}/revoke", SignedIn),
    ("POST", "/account/api-tokens/{token}/revoke", SignedIn),
    ("GET", "/projects/new", SignedIn),
    ("POST", "/projects/new", SignedIn),
    ("GET", "/projects/{project}", Member),
    ("GET", "/projects/{project}/edit", Manager),
    ("POST", "/projects/{project}/edit", Manager),
    ("POST", "/projects/{project}/archive", Manager),
    ("GET", "/projects/{project}/delete", Owner),
    ("POST", "/projects/{project}/delete", Owner),
    ("POST", "/projects/{project}/tasks", Member),
    ("GET", "/projects/{project}/tasks/{task}", Member),
    ("POST", "/projects/{project}/tasks/{task}", Member),
    ("POST", "/projects/{project}/tasks/{task}/complete", Member),
    ("POST", "/projects/{project}/tasks/{task}/subtasks", Member),
    ("GET", "/projects/{project}/tasks/{task}/delete", Member),
    ("POST", "/projects/{project}/tasks/{task}/delete", Member),
    ("GET", "/projects/{project}/members", Member),
    ("POST", "/projects/{project}/members", Manager),
    ("POST", "/projects/{project}/members/{member}/role", Manager),
    ("GET", "/projects/{project}/members/{waiting}/remove", Manager),
    ("POST", "/projects/{project}/members/{waiting}/remove", Manager),
    ("GET", "/projects/{project}/members/{waiting}/link", Manager),
    ("POST", "/projects/{project}/members/{waiting}/link", Manager),
    ("GET", "/projects/{project}/members/{heir}/hand-over", Owner),
    ("POST", "/projects/{project}/members/{heir}/hand-over", Owner),
    ("GET", "/projects/{project}/leave", Member),
    ("POST", "/projects/{project}/leave", Member),
    ("GET", "/projects/{project}/deliveries", Member),
    ("GET", "/projects/{project}/deliveries/live", Member),
    ("GET", "/projects/{project}/deliveries/export", Member),
    ("POST", "/projects/{project}/deliveries/retry", Manager),
    ("GET", "/projects/{project}/labels", Member),
    ("POST", "/projects/{project}/tags", Member),
    ("GET", "/projects/{project}/tags/{tag}/edit", Member),
    ("POST", "/projects/{project}/tags/{tag}/edit", Member),
    ("GET", "/projects/{project}/tags/{tag}/remove", Member),
    ("POST", "/projects/{project}/tags/{tag}/remove", Member),
    ("POST", "/projects/{project}/statuses", Manager),
    ("GET", "/projects/{project}/statuses/{status}/edit", Manager),
    ("POST", "/projects/{project}/statuses/{status}/edit", Manager),
    ("POST", "/projects/{project}/statuses/{status}/move", Manager),
    ("GET", "/projects/{project}/statuses/{status}/remove", Manager),
    ("POST", "/projects/{project}/statuses/{status}/remove", Manager),
    ("GET", "/projects/{project}/webhooks", Member),
    ("GET", "/projects/{project}/webhooks/new", Manager),
    ("POST", "/projects/{project}/webhooks/new", Manager),
    ("GET", "/projects/{project}/webhooks/{webhook}/edit", Manager),
    ("POST", "/projects/{project}/webhooks/{webhook}/edit", Manager),
    ("POST", "/projects/{project}/webhooks/{webhook}/toggle", Manager),
    ("GET", "/projects/{project}/webhooks/{webhook}/turn-on", Manager),
    ("POST", "/projects/{project}/webhooks/{webhook}/turn-on", Manager),
    ("POST", "/projects/{project}/webhooks/{webhook}/test", Manager),
    ("GET", "/projects/{project}/webhooks/{webhook}/rotate", Manager),
    ("POST", "/projects/{project}/webhooks/{webhook}/rotate", Manager),
    ("GET", "/projects/{project}/webhooks/{webhook}/delete", Manager),
    ("POST", "/projects/{project}/webhooks/{webhook}/delete", Manager),
    ("GET", "/projects/{project}/webhooks/{webhook}/signature", Manager),
    ("POST", "/projects/{project}/webhooks/{webhook}/signature", Manager),
    ("GET", "/projects/{project}/webhooks/{webhook}/resend", Manager),
    ("POST", "/projects/{project}/webhooks/{webhook}/resend", Manager),
    (
        "POST",
        "/projects/{project}/webhooks/{webhook}/deliveries/retry",
        Manager,
    ),
    ("GET", "/projects/{project}/webhooks/{webhook}/deliveries", Member),
    ("GET", "/projects/{project}/webhooks/{webhook}/deliveries/live", Member),
    (
        "GET",
        "/projects/{project}/webhooks/{webhook}/deliveries/export",
        Member,
    ),
    (
        "GET",
        "/projects/{project}/webhooks/{webhook}/deliveries/{delivery}",
        Member,
    ),
    (
        "POST",
        "/projects/{project}/webhooks/{webhook}/deliveries/{delivery}/retry",
        Manager,
    ),
];

/// Of one's own account; their tests are in `api_auth.rs` and `api_tokens.rs`.
const CALLS_WITHOUT_A_PROJECT: [&str; 5] = [
    "/api-tokens",
    "/api-tokens/permissions",
    "/auth/login",
    "/auth/logout",
    "/auth/refresh/token",
];

/// Enough for every form to be understood: who may not press the button must not get as far as what is wrong with the form.
const FIELDS: &[(&str, &str)] = &[
    ("active", "true"),
    ("archived", "1"),
    ("complete", "true"),
    ("d", "1"),
    ("description", "Changed"),
    ("subtask", "Changed"),
    ("email", "stranger@example.com"),
    ("events", "task.created"),
    ("held", "send"),
    ("name", "Changed"),
    ("role", "member"),
    ("since", "2026-03-22T12:00"),
    ("to", "up"),
    ("url", "https://example.com"),
];

/// A project with one of everything, and everybody beside it.
pub(crate) struct Town {
    pub(crate) app: App,
    /// Owner, manager, member, stranger, anonymous.
    people: [(Browser, Option<Level>, &'static str); 5],
    pub(crate) ids: Ids,
    _receiver: Receiver,
}

pub(crate) struct Ids {
    pub(crate) project: i64,
    pub(crate) task: i64,
    pub(crate) tag: i64,
    status: i64,
    pub(crate) member: i64,
    pub(crate) webhook: i64,
    pub(crate) delivery: i64,
    /// An API token of the owner.
    pub(crate) token: i64,
    /// What an invitation's link ends with.
    invitation: String,
    /// A member who has not accepted yet.
    waiting: i64,
    /// A manager.
    heir: i64,
}

const ANY_IDS: Ids = Ids {
    invitation: String::new(),
    waiting: 1,
    heir: 1,
    project: 1,
    task: 1,
    tag: 1,
    status: 1,
    member: 1,
    webhook: 1,
    delivery: 1,
    token: 1,
};

impl Ids {
    fn fill(&self, path: &str) -> String {
        path.replace("{project}", &self.project.to_string())
            .replace("{session}", "1")
            .replace("{token}", &self.token.to_string())
            .replace("{task}", &self.task.to_string())
            .replace("{tag}", &self.tag.to_string())
            .replace("{status}", &self.status.to_string())
            .replace("{invitation}", &self.invitation)
            .replace("{waiting}", &self.waiting.to_string())
            .replace("{heir}", &self.heir.to_string())
            .replace("{member}", &self.member.to_string())
            .replace("{webhook}", &self.webhook.to_string())
            .replace("{delivery}", &self.delivery.to_string())
    }
}

#[test]
fn every_url_of_the_program_is_in_the_tables() {
    let source = std::fs::read_to_string("src/web/routes.rs").expect("the route table of the program");
    let (pages, api) = source.split_once("pub fn api(").expect("pages first, then the API");
    let known_pages = PAGES.iter().map(|(_, path, _)| shape(path)).collect();
    let known_calls: BTreeSet<String> = calls(&ANY_IDS)
        .iter()
        .map(|(_, path, _)| shape(path.split('?').next().unwrap_or_default()))
        .collect();

    let calls_for_those_without_a_project = BTreeSet::from(CALLS_WITHOUT_A_PROJECT.map(str::to_owned));
    let missing_pages: BTreeSet<_> = urls(pages).difference(&known_pages).cloned().collect();
    let missing_calls: BTreeSet<_> = urls(api).difference(&known_calls).cloned().collect();

    assert_eq!(
        missing_pages,
        BTreeSet::new(),
        "pages without a line in this file's table"
    );
    assert_eq!(
        missing_calls, calls_for_those_without_a_project,
        "calls without a line in this file's table"
    );
}

#[tokio::test]
async fn every_page_answers_everybody_as_it_should() {
    let town = town().await;

    for (method, path, level) in PAGES {
        let address = town.ids.fill(path);
        for (browser, own, name) in &town.people {
            let allowed = *level == Anyone || own.is_some_and(|own| own <= *level);
            // Whoever may change something is left out: the others must find the same project.
            if allowed && *method == "POST" {
                continue;
            }
            let page = match *method {
                "GET" => browser.get_only(&address).await,
                _ => browser.post_only(&address, FIELDS).await,
            };
            let what = format!("{method} {address} as {name}: {}\n{}", page.status, page.text());
            // Somebody must own the project.
            if path.ends_with("/leave") && *own == Some(Owner) {
                assert_eq!(page.status, 403, "{what}");
                continue;
            }
            // Everybody has their own.
            if path.contains("{token}") && allowed && *own != Some(Owner) {
                assert_eq!(page.status, 404, "{what}");
                continue;
            }
            match own {
                _ if allowed => assert!(page.status == 200 || leads_home(&page), "{what}"),
                None => assert!(page.status == 303 && leads_to_sign_in(&page), "{what}"),
                Some(SignedIn) => assert_eq!(page.status, 404, "{what}"),
                Some(_) => assert_eq!(page.status, 403, "{what}"),
            }
        }
    }
}

#[tokio::test]
async fn an_id_of_another_project_does_not_exist() {
    let town = town().await;
    let (owner, ..) = &town.people[0];
    let other = given::project(owner, "Another").await;
    let through_other = |path: &str| town.ids.fill(&path.replace("{project}", &other.id.to_string()));

    for (method, path, _) in PAGES
        .iter()
        .filter(|(_, path, _)| path.contains("/{") && path.matches('{').count() > 1)
    {
        let address = through_other(path);
        let page = match *method {
            "GET" => owner.get_only(&address).await,
            _ => owner.post_only(&address, FIELDS).await,
        };

        assert_eq!(page.status, 404, "{method} {address} says:\n{}", page.text());
    }
}

#[tokio::test]
async fn the_api_tells_a_stranger_nothing() {
    let town = town().await;
    let stranger = given::api(&town.app, "stranger").await;
    let nobody = crate::support::api_client::ApiClient::new(&town.app.base);

    for (method, path, body) in calls(&town.ids) {
        let path = format!("/module{path}");
        let method: reqwest::Method = method.parse().expect("a method");
        let body = Some(body).filter(|body| !body.is_null());
        let denied = stranger.call(method.clone(), &path, body.clone()).await;
        let unknown = nobody.call(method.clone(), &path, body).await;

        assert_eq!(denied.status, 403, "{method} {path} as a stranger: {}", denied.body);
        assert_eq!(unknown.status, 401, "{method} {path} without a token: {}", unknown.body);
        assert!(denied.body["error"]["message"].is_string(), "{}", denied.body);
    }
}

/// Every call that names something of a project, with a body that would be understood.
pub(crate) fn calls(ids: &Ids) -> Vec<(&'static str, String, Value)> {
    let Ids {
        project,
        task,
        tag,
        member,
        webhook,
        delivery,
        waiting,
        ..
    } = *ids;
    vec![
        (
            "POST",
            "/tags".into(),
            json!({ "goalId": project, "name": "Mine", "color": "#000000" }),
        ),
        (
            "PATCH",
            "/tags".into(),
            json!({ "id": tag, "name": "Ours", "color": "#000000" }),
        ),
        ("DELETE", "/tags".into(), json!({ "tagId": tag })),
        ("PATCH", "/tags/toggle".into(), json!({ "tagId": tag, "taskId": task })),
        (
            "POST",
            "/collaboration".into(),
            json!({ "goalId": project, "email": "stranger@example.com" }),
        ),
        (
            "PATCH",
            "/collaboration".into(),
            json!({ "goalId": project, "userId": member, "roles": [1] }),
        ),
        (
            "DELETE",
            "/collaboration".into(),
            json!({ "goalId": project, "id": member }),
        ),
        (
            "POST",
            "/collaboration/link".into(),
            json!({ "goalId": project, "id": waiting }),
        ),
        (
            "POST",
            "/collaboration/owner".into(),
            json!({ "goalId": project, "id": waiting }),
        ),
        ("GET", format!("/collaborationroles/{project}"), Value::Null),
        (
            "POST",
            "/webhooks/held".into(),
            json!({ "id": webhook, "action": "send" }),
        ),
        ("GET", format!("/tasks?goalId={project}"), Value::Null),
        ("GET", format!("/tasks/{task}"), Value::Null),
        (
            "POST",
            "/tasks".into(),
            json!({ "goalId": project, "description": "Mine" }),
        ),
        ("PATCH", "/tasks".into(), json!({ "id": task, "description": "Mine" })),
        (
            "PATCH",
            "/tasks/task-users".into(),
            json!({ "taskId": task, "userIds": [] }),
        ),
        ("DELETE", "/tasks".into(), json!({ "taskId": task })),
        ("PATCH", "/goals".into(), json!({ "id": project, "name": "Mine" })),
        ("DELETE", "/goals".into(), json!({ "goalId": project })),
        ("GET", format!("/collaboration/{project}"), Value::Null),
        ("GET", format!("/webhooks?goalId={project}"), Value::Null),
        (
            "POST",
            "/webhooks".into(),
            json!({ "goalId": project, "url": "https://example.com", "events": ["task.created"] }),
        ),
        (
            "PATCH",
            "/webhooks".into(),
            json!({ "id": webhook, "url": "https://example.com" }),
        ),
        ("DELETE", "/webhooks".into(), json!({ "id": webhook })),
        ("POST", "/webhooks/rotate-secret".into(), json!({ "id": webhook })),
        ("POST", "/webhooks/test".into(), json!({ "id": webhook })),
        ("GET", format!("/webhooks/deliveries/{webhook}"), Value::Null),
        ("POST", "/webhooks/retry".into(), json!({ "id": delivery })),
        (
            "POST",
            "/webhooks/retry-failed".into(),
            json!({ "id": webhook, "since": "2026-03-22T12:00:00Z" }),
        ),
        ("GET", format!("/webhooks/attempts/{delivery}"), Value::Null),
        (
            "POST",
            "/events".into(),
            json!({ "goalId": project, "event": "build.finished", "data": {} }),
        ),
    ]
}

/// `/…` as it stands between quotes in the code, ids as `{}`.
fn urls(code: &str) -> BTreeSet<String> {
    let texts = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2));
    texts.filter(|text| text.starts_with('/')).map(shape).collect()
}

pub(crate) async fn town() -> Town {
    let app = App::start().await;
    let receiver = Receiver::start();
    let owner = given::lead(&app).await;
    let project = given::project(&owner, "Website").await;
    let mut people = Vec::new();
    for login in ["manager", "member", "stranger"] {
        people.push(given::person(&app, login).await);
        if login != "stranger" {
            given::member(&owner, &project, login).await;
        }
    }
    let webhook = given::webhook(&owner, &project, &receiver.url("/")).await;
    let task = given::task(&owner, &project, "Fix login bug").await;
    let api = given::api(&app, "lead").await;
    let members = api.get(&format!("/module/collaboration/{}", project.id)).await;
    let id_of = |login: &str| {
        let email = format!("{login}@example.com");
        let members = members.response().as_array().expect("a list").iter();
        members
            .clone()
            .find(|member| member["email"] == email.as_str())
            .expect(login)["id"]
            .as_i64()
            .expect("an id")
    };
    let promoted = format!("{}/members/{}/role", project.path, id_of("manager"));
    owner.post(&promoted, &[("role", "manager")]).await.assert_status(200);
    let deliveries = format!("/module/webhooks/deliveries/{}", webhook.id);
    let delivery = wait::until(
        std::time::Duration::from_secs(15),
        "a delivery that succeeded",
        async || {
            let all = api.get(&deliveries).await;
            let first = all.response()[0].clone();
            (first["status"] == "success").then(|| first["id"].as_i64().expect("an id"))
        },
    )
    .await;
    let [manager, member, stranger] = people.try_into().unwrap_or_else(|_| unreachable!("three people"));
    let people = [
        (owner, Some(Owner), "owner"),
        (manager, Some(Manager), "manager"),
        (member, Some(Member), "member"),
        (stranger, Some(SignedIn), "stranger"),
        (app.visitor(), None, "nobody"),
    ];
    let tags = api.get("/module/tags").await;
    let invited = json!({ "goalId": project.id, "email": "cleo@example.com" });
    let invited = api.post("/module/collaboration", invited).await.response()["id"].clone();
    let link = json!({ "goalId": project.id, "id": invited });
    let link = api.post("/module/collaboration/link", link).await.response()["url"].clone();
    let made = api.post("/module/api-tokens", json!({ "name": "ci" })).await;
    let statuses = people[0]
        .0
        .get(&task.path)
        .await
        .attributes("#statusId option", "value");
    let ids = Ids {
        project: project.id,
        task: task.id,
        tag: tags.response()[0]["id"].as_i64().expect("an id"),
        status: statuses[1].parse().expect("an id"),
        member: id_of("member"),
        webhook: webhook.id,
        delivery,
        token: made.response()["item"]["id"].as_i64().expect("an id"),
        invitation: link
            .as_str()
            .and_then(|url| url.rsplit('/').next())
            .expect("a link")
            .to_owned(),
        waiting: invited.as_i64().expect("an id"),
        heir: id_of("manager"),
    };
    Town {
        app,
        people,
        ids,
        _receiver: receiver,
    }
}

/// `/projects/{p}/tasks/{t}` and `/projects/{project}/tasks/{task}` are one URL.
fn shape(path: impl AsRef<str>) -> String {
    let is_id = |part: &str| part.starts_with('{') || part.parse::<i64>().is_ok();
    let parts = path
        .as_ref()
        .split('/')
        .map(|part| if is_id(part) { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn leads_to_sign_in(page: &Page) -> bool {
    page.headers
        .get("location")
        .is_some_and(|to| to.as_bytes().starts_with(b"/sign-in"))
}

/// The start page leads to a project; pages for those who are not signed in lead others home.
fn leads_home(page: &Page) -> bool {
    page.status == 303 && (page.path == "/setup" || !leads_to_sign_in(page))
}
