//! Who may use which URL, and what is sent there: the tables of `authorization/`, which walks all of them as everybody. A route of
//! the program without a row here fails there.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::given;
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

pub(crate) const PAGES: &[(&str, &str, Level)] = &[
    ("GET", "/healthz", Anyone),
    ("GET", "/readyz", Anyone),
    ("GET", "/metrics", Anyone),
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
    ("GET", "/status", Owner),
    ("GET", "/audit", Owner),
    ("GET", "/audit/export", Owner),
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
    ("GET", "/projects/{project}/audit", Manager),
    ("GET", "/projects/{project}/audit/export", Manager),
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

/// Enough for every form to be understood: who may not press the button must not get as far as what is wrong with the form.
pub(crate) const FIELDS: &[(&str, &str)] = &[
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
    pub(crate) ids: Ids,
    _receiver: Receiver,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Ids {
    pub(crate) project: i64,
    pub(crate) task: i64,
    pub(crate) tag: i64,
    pub(crate) status: i64,
    pub(crate) member: i64,
    pub(crate) webhook: i64,
    pub(crate) delivery: i64,
    /// An API token of the owner.
    pub(crate) token: i64,
    /// What an invitation's link ends with.
    pub(crate) invitation: String,
    /// A member who has not accepted yet.
    pub(crate) waiting: i64,
    /// A manager.
    pub(crate) heir: i64,
    /// One's own, beside the one that asks.
    pub(crate) session: i64,
}

impl Ids {
    pub(crate) fn fill(&self, path: &str) -> String {
        path.replace("{project}", &self.project.to_string())
            .replace("{session}", &self.session.to_string())
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

pub(crate) async fn town() -> Town {
    let app = App::start().await;
    let receiver = Receiver::start();
    let owner = given::lead(&app).await;
    let project = given::project(&owner, "Website").await;
    for login in ["manager", "member", "stranger"] {
        given::person(&app, login).await;
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
    let tags = api.get("/module/tags").await;
    let invited = json!({ "goalId": project.id, "email": "cleo@example.com" });
    let invited = api.post("/module/collaboration", invited).await.response()["id"].clone();
    let link = json!({ "goalId": project.id, "id": invited });
    let link = api.post("/module/collaboration/link", link).await.response()["url"].clone();
    let made = api.post("/module/api-tokens", json!({ "name": "ci" })).await;
    let statuses = owner.get(&task.path).await.attributes("#statusId option", "value");
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
        session: 1,
    };
    Town {
        app,
        ids,
        _receiver: receiver,
    }
}
