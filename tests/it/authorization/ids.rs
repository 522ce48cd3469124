//! Ids that are somebody else's, in every place where a request may name one: in the address, the query, a form, the JSON, a
//! selection. Somebody who owns a project, and may do everything there, hears the same as if they did not exist; nothing changes,
//! and nothing of the other project is in the answer.

use serde_json::{Value, json};

use super::ground::{Ground, Proof};
use crate::routes_table::{FIELDS, Ids, PAGES, calls};
use crate::support::api_client::ApiClient;
use crate::support::page::Page;
use crate::support::plain_client::form;
use crate::support::snapshot::{Camera, differences};

/// What stands in an address and belongs to a project.
const PLACES: [&str; 9] = [
    "{project}",
    "{task}",
    "{tag}",
    "{status}",
    "{member}",
    "{waiting}",
    "{heir}",
    "{webhook}",
    "{delivery}",
];

/// In every name of the other project.
const CANARY: &str = "stranger's";

struct Two {
    ground: Ground,
    /// The owner of `own`.
    cookie: Proof,
    bearer: Proof,
    own: Ids,
    /// Of the stranger's project.
    foreign: Ids,
    /// Of no project.
    nowhere: Ids,
    /// Another webhook of `own`, and what it delivered.
    sibling: Ids,
}

impl Two {
    async fn projects() -> Two {
        let ground = Ground::prepare().await;
        let lead = &ground.people[0];
        let (cookie, bearer) = (lead.at_pages.clone(), lead.at_calls.clone());
        let Some(Proof::Bearer(access)) = &ground.people[3].at_calls else {
            panic!("the stranger signed in");
        };
        let stranger = ApiClient::with_token(&ground.app.base, access);
        let foreign = ground.project_of(&stranger, "stranger", &["manager", "member"]).await;
        let own = ground.project(&["manager", "member"]).await;
        let hook = json!({ "goalId": own.project, "url": ground.receiver.url("/2"), "events": ["task.created"] });
        let hook = ground.owner.post("/module/webhooks", hook).await.response()["webhook"]["id"].clone();
        let task = json!({ "goalId": own.project, "description": "Second" });
        ground.owner.post("/module/tasks", task).await.response();
        let made = ground.owner.get(&format!("/module/webhooks/deliveries/{hook}")).await;
        let sibling = Ids {
            webhook: hook.as_i64().expect("an id"),
            delivery: made.response()[0]["id"].as_i64().expect("an id"),
            ..own.clone()
        };
        ground.quiet().await;
        let no = 987_654_321;
        let nowhere = Ids {
            project: no,
            task: no,
            tag: no,
            status: no,
            member: no,
            webhook: no,
            delivery: no,
            token: no,
            waiting: no,
            heir: no,
            session: no,
            invitation: "0".to_owned(),
        };
        Two {
            cookie: cookie.expect("a cookie"),
            bearer: bearer.expect("a token"),
            own,
            foreign,
            nowhere,
            sibling,
            ground,
        }
    }

    /// The words of an answer without the ids that were asked for.
    fn words(&self, page: &Page) -> String {
        let text = if page.html.contains("<html") {
            page.text()
        } else {
            page.html.clone()
        };
        assert!(
            !page.html.contains(CANARY),
            "{} tells of another project: {text}",
            page.path
        );
        assert!(
            !page.html.contains("Project of stranger"),
            "{} tells of another project: {text}",
            page.path
        );
        numbers_out(&text)
    }
}

/// `Task #12 of 3` → `Task #· of ·`
fn numbers_out(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            digit if digit.is_ascii_digit() => {
                if !out.ends_with('·') {
                    out.push('·');
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// The address with the places of `mask` from `other` and the rest one's own.
fn mixed(path: &str, mask: usize, own: &Ids, other: &Ids) -> String {
    let mut address = path.to_owned();
    for (at, place) in places(path).into_iter().enumerate() {
        let ids = if mask >> at & 1 == 1 { other } else { own };
        address = address.replace(place, &ids.fill(place));
    }
    address
}

fn places(path: &str) -> Vec<&'static str> {
    PLACES.into_iter().filter(|place| path.contains(place)).collect()
}

#[tokio::test]
async fn an_address_with_an_id_of_another_project_does_not_exist() {
    let two = Two::projects().await;
    let mut camera = Camera::on(&two.ground.app.database);
    let before = camera.shoot();
    let fields = form(FIELDS);
    let (mut cases, mut addresses) = (0, 0);

    for (method, path, _) in PAGES.iter().filter(|(_, path, _)| places(path).len() > 1) {
        addresses += 1;
        let all = 1 << places(path).len();
        for mask in 1..all {
            let asked = async |other: &Ids| {
                two.ground
                    .page(method, &mixed(path, mask, &two.own, other), &two.cookie, &fields)
                    .await
            };
            let foreign = asked(&two.foreign).await;
            let unknown = asked(&two.nowhere).await;

            assert_eq!(foreign.status, 404, "{method} {}: {}", foreign.path, foreign.text());
            assert_eq!(unknown.status, 404, "{method} {}: {}", unknown.path, unknown.text());
            assert_eq!(two.words(&foreign), two.words(&unknown), "{method} {}", foreign.path);
            cases += 1;
        }
        // Of the same project, but of another webhook.
        if path.contains("{delivery}") {
            let mask = 1
                << places(path)
                    .iter()
                    .position(|place| *place == "{delivery}")
                    .expect("there");
            let page = two
                .ground
                .page(method, &mixed(path, mask, &two.own, &two.sibling), &two.cookie, &fields)
                .await;

            assert_eq!(page.status, 404, "{method} {}: {}", page.path, page.text());
            cases += 1;
        }
        assert_eq!(
            differences(&before, &camera.shoot()),
            "",
            "{method} {path} changed something"
        );
    }

    eprintln!("{cases} addresses with foreign ids, of {addresses} pages");
    assert!(cases > 130, "{cases}");
}

/// One's own account is no project: tokens and sessions of others.
#[tokio::test]
async fn an_api_token_and_a_session_of_somebody_else_do_not_exist() {
    let two = Two::projects().await;
    let mut theirs = two.own.clone();
    two.ground.own_things(&two.ground.people[3], &mut theirs).await;
    let mut camera = Camera::on(&two.ground.app.database);
    let before = camera.shoot();

    for (method, path) in [
        ("GET", "/account/api-tokens/{token}/revoke"),
        ("POST", "/account/api-tokens/{token}/revoke"),
        ("POST", "/account/sessions/{session}/end"),
    ] {
        let foreign = two.ground.page(method, &theirs.fill(path), &two.cookie, "").await;
        let unknown = two.ground.page(method, &two.nowhere.fill(path), &two.cookie, "").await;

        assert_eq!((foreign.status, unknown.status), (404, 404), "{method} {path}");
        assert_eq!(two.words(&foreign), two.words(&unknown), "{method} {path}");
    }
    let revoke = json!({ "id": theirs.token });
    let foreign = two
        .ground
        .call("DELETE", "/module/api-tokens", &two.bearer, &revoke)
        .await;

    assert_eq!(foreign.status, 403, "{}", foreign.html);
    assert_eq!(differences(&before, &camera.shoot()), "");
    let still = &two.ground.people[3];
    let account = two
        .ground
        .page("GET", "/account", still.at_pages.as_ref().expect("a cookie"), "")
        .await;
    assert!(
        account
            .html
            .contains(&format!("/account/sessions/{}/end", theirs.session)),
        "their session goes on"
    );
}

/// Each number of an address or a body that differs between two projects is an id.
#[tokio::test]
async fn a_call_with_an_id_of_another_project_is_refused_like_one_that_does_not_exist() {
    let two = Two::projects().await;
    let mut camera = Camera::on(&two.ground.app.database);
    let before = camera.shoot();
    let mut cases = 0;

    let (own, foreign, nowhere) = (calls(&two.own), calls(&two.foreign), calls(&two.nowhere));
    for ((own, foreign), nowhere) in own.iter().zip(&foreign).zip(&nowhere) {
        let (method, ..) = own;
        let spots = spots(&own.2, &foreign.2);
        let in_path = usize::from(own.1 != foreign.1);
        let count = spots.len() + in_path;
        assert!(count > 0, "{method} {} names nothing of a project", own.1);
        for mask in 1..1_usize << count {
            let with = |other: &(&'static str, String, Value)| {
                let mut body = own.2.clone();
                for (at, spot) in spots.iter().enumerate() {
                    if mask >> at & 1 == 1 {
                        *body.pointer_mut(spot).expect("a spot") = other.2.pointer(spot).expect("a spot").clone();
                    }
                }
                let moved = in_path == 1 && mask >> spots.len() & 1 == 1;
                (format!("/module{}", if moved { &other.1 } else { &own.1 }), body)
            };
            let ((address, body), (no_address, no_body)) = (with(foreign), with(nowhere));
            let answer = two.ground.call(method, &address, &two.bearer, &body).await;
            let unknown = two.ground.call(method, &no_address, &two.bearer, &no_body).await;

            assert_eq!(answer.status, 403, "{method} {address} {body}: {}", answer.html);
            assert_eq!(unknown.status, 403, "{method} {no_address} {no_body}: {}", unknown.html);
            assert_eq!(two.words(&answer), two.words(&unknown), "{method} {address} {body}");
            cases += 1;
        }
        assert_eq!(
            differences(&before, &camera.shoot()),
            "",
            "{method} {} changed something",
            own.1
        );
    }

    eprintln!("{cases} calls with foreign ids");
    assert!(cases > 35, "{cases}");
}

/// JSON pointers to what differs.
fn spots(one: &Value, other: &Value) -> Vec<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => one
            .iter()
            .flat_map(|(name, value)| {
                let below = spots(value, &other[name]);
                below.into_iter().map(move |spot| format!("/{name}{spot}"))
            })
            .collect(),
        (one, other) if one != other => vec![String::new()],
        _ => Vec::new(),
    }
}

/// Ids that the calls of the table leave out because they may be left out. `F` is where the foreign one stands.
#[tokio::test]
async fn what_a_call_may_name_besides_is_looked_for_in_the_project_too() {
    let two = Two::projects().await;
    let mut camera = Camera::on(&two.ground.app.database);
    let before = camera.shoot();
    let (project, task, webhook) = (two.own.project, two.own.task, two.own.webhook);

    let asked = |ids: &Ids| -> Vec<(&str, String, Value)> {
        let new = |field: &str, value: Value| json!({ "goalId": project, "description": "x", field: value });
        let edit = |field: &str, value: Value| json!({ "id": task, field: value });
        let event = |goal: i64| json!({ "goalId": goal, "event": "build.finished", "data": {} });
        vec![
            ("POST", "/tasks".into(), new("parentId", json!(ids.task))),
            ("POST", "/tasks".into(), new("statusId", json!(ids.status))),
            ("POST", "/tasks".into(), new("tags", json!([ids.tag]))),
            ("POST", "/tasks".into(), new("tags", json!([two.own.tag, ids.tag]))),
            ("PATCH", "/tasks".into(), edit("parentId", json!(ids.task))),
            ("PATCH", "/tasks".into(), edit("statusId", json!(ids.status))),
            ("PATCH", "/tasks".into(), edit("tags", json!([ids.tag]))),
            ("PATCH", "/tasks".into(), edit("tags", json!([ids.tag, two.own.tag]))),
            (
                "PATCH",
                "/tasks/task-users".into(),
                json!({ "taskId": task, "userIds": [ids.member] }),
            ),
            (
                "PATCH",
                "/tasks/task-users".into(),
                json!({ "taskId": task, "userIds": [two.own.member, ids.member] }),
            ),
            (
                "PATCH",
                "/tasks/task-users".into(),
                json!({ "taskId": task, "userIds": [ids.waiting] }),
            ),
            (
                "PATCH",
                "/tags/toggle".into(),
                json!({ "tagId": ids.tag, "taskId": task }),
            ),
            (
                "PATCH",
                "/collaboration".into(),
                json!({ "goalId": project, "userId": ids.heir, "roles": [] }),
            ),
            (
                "DELETE",
                "/collaboration".into(),
                json!({ "goalId": project, "id": ids.waiting }),
            ),
            (
                "POST",
                "/collaboration/link".into(),
                json!({ "goalId": project, "id": ids.waiting }),
            ),
            (
                "POST",
                "/collaboration/owner".into(),
                json!({ "goalId": project, "id": ids.heir }),
            ),
            (
                "POST",
                "/api-tokens".into(),
                json!({ "name": "x", "allowedGoalIds": [ids.project] }),
            ),
            (
                "POST",
                "/api-tokens".into(),
                json!({ "name": "x", "allowedGoalIds": [project, ids.project] }),
            ),
            ("POST", "/events".into(), json!([event(project), event(ids.project)])),
            ("POST", "/events".into(), json!([event(ids.project), event(project)])),
            (
                "POST",
                "/webhooks/retry-failed".into(),
                json!({ "id": ids.webhook, "since": "2026-03-22T12:00:00Z", "dryRun": true }),
            ),
            (
                "POST",
                "/webhooks/held".into(),
                json!({ "id": ids.webhook, "action": "discard" }),
            ),
            // Programs write numbers as text.
            (
                "POST",
                "/webhooks/retry".into(),
                json!({ "id": ids.delivery.to_string() }),
            ),
            ("DELETE", "/webhooks".into(), json!({ "id": ids.webhook.to_string() })),
            (
                "PATCH",
                "/webhooks".into(),
                json!({ "id": ids.webhook, "goalId": project, "isActive": false }),
            ),
            (
                "PATCH",
                "/tasks".into(),
                json!({ "id": ids.task, "goalId": project, "complete": true }),
            ),
            (
                "PATCH",
                "/tags".into(),
                json!({ "id": ids.tag, "goalId": project, "name": "x", "color": "#000000" }),
            ),
            (
                "GET",
                format!("/tasks?goalId={}&goalId={project}", ids.project),
                Value::Null,
            ),
        ]
    };
    let (foreign, nowhere) = (asked(&two.foreign), asked(&two.nowhere));
    for ((method, path, body), (_, no_path, no_body)) in foreign.iter().zip(&nowhere) {
        let answer = two
            .ground
            .call(method, &format!("/module{path}"), &two.bearer, body)
            .await;
        let unknown = two
            .ground
            .call(method, &format!("/module{no_path}"), &two.bearer, no_body)
            .await;

        assert!(
            matches!(answer.status, 400 | 403),
            "{method} {path} {body}: {} {}",
            answer.status,
            answer.html
        );
        assert_eq!(
            answer.status, unknown.status,
            "{method} {path} {body}: {}",
            unknown.html
        );
        assert_eq!(two.words(&answer), two.words(&unknown), "{method} {path} {body}");
        assert_eq!(
            differences(&before, &camera.shoot()),
            "",
            "{method} {path} {body} changed something"
        );
    }

    // A cursor is a place between ids, whoever's; what is shown of it is one's own.
    for cursor in [two.foreign.delivery, two.own.delivery, two.sibling.delivery] {
        let address = format!("/module/webhooks/deliveries/{webhook}?cursor={cursor}");
        let answer = two.ground.call("GET", &address, &two.bearer, &Value::Null).await;
        let all: Value = serde_json::from_str(&answer.html).expect("JSON");
        for row in all["response"].as_array().expect("a list") {
            assert_eq!(row["webhookId"], json!(webhook));
        }
        two.words(&answer);
    }
    // A tag stays where it is, whatever `goalId` says beside it.
    let moved = json!({ "id": two.own.tag, "goalId": two.foreign.project, "name": "moved", "color": "#000000" });
    let answer = two.ground.call("PATCH", "/module/tags", &two.bearer, &moved).await;
    let answer: Value = serde_json::from_str(&answer.html).expect("JSON");
    assert_eq!(answer["response"]["goalId"], json!(project));
    eprintln!("{} calls that name something besides", foreign.len());
}

/// What forms and the queries of pages name: filters, selections, where to come back to.
#[tokio::test]
async fn what_a_form_or_a_query_names_is_looked_for_in_the_project_too() {
    let two = Two::projects().await;
    let mut camera = Camera::on(&two.ground.app.database);
    let before = camera.shoot();
    let own = &two.own;
    let here = format!("/projects/{}", own.project);
    let hook = format!("{here}/webhooks/{}", own.webhook);
    let task = format!("{here}/tasks/{}", own.task);
    let status = format!("{here}/statuses/{}", own.status);

    let looked = |ids: &Ids| {
        let Ids {
            task: t,
            tag,
            status,
            member,
            delivery: d,
            project,
            ..
        } = ids;
        vec![
            format!("{here}?tag={tag}"),
            format!("{here}?status={status}"),
            format!("{here}?assignee={member}"),
            format!("{here}?tag={tag}&status={status}&assignee={member}&show=completed"),
            format!("{here}/deliveries?id={t}"),
            format!("{here}/deliveries?id=%23{t}"),
            format!("{hook}/deliveries?id={t}"),
            format!("{hook}/deliveries?tested={d}"),
            format!("{here}/webhooks?tested={d}"),
            format!("{here}/deliveries/export?id={t}"),
            format!("{here}/deliveries/export?format=jsonl&id={t}"),
            format!("{hook}/deliveries/export?format=jsonl&id={t}"),
            format!("{here}/deliveries/live?rows={d},{d}"),
            format!("{hook}/deliveries/live?rows={d}"),
            format!("{hook}/signature?delivery={d}"),
            format!("{here}/deliveries?project={project}&webhook={}", ids.webhook),
        ]
    };
    for (address, nowhere) in looked(&two.foreign).iter().zip(looked(&two.nowhere)) {
        let page = two.ground.page("GET", address, &two.cookie, "").await;
        let unknown = two.ground.page("GET", &nowhere, &two.cookie, "").await;

        assert_eq!(page.status, unknown.status, "{address}: {}", page.text());
        assert_eq!(two.words(&page), two.words(&unknown), "{address}");
    }
    // Where a page begins is a number between ids; what is shown there is one's own.
    for edge in ["before", "after"] {
        for at in [two.foreign.delivery, two.foreign.delivery + 1] {
            for place in [&here, &hook] {
                let page = two
                    .ground
                    .page("GET", &format!("{place}/deliveries?{edge}={at}"), &two.cookie, "")
                    .await;
                assert_eq!(page.status, 200);
                two.words(&page);
                let live = format!("{place}/deliveries/live?newest=0&rows={at}&since=1");
                two.words(&two.ground.page("GET", &live, &two.cookie, "").await);
            }
        }
    }

    let pressed = |ids: &Ids| {
        let text = |id: i64| id.to_string();
        let edit = |name: &'static str, id: i64| {
            vec![
                ("description", "x".to_owned()),
                ("priorityId", "1".to_owned()),
                (name, text(id)),
            ]
        };
        vec![
            (task.clone(), edit("statusId", ids.status)),
            (task.clone(), edit("tags", ids.tag)),
            (task.clone(), edit("assignees", ids.member)),
            (task.clone(), edit("assignees", ids.waiting)),
            (format!("{here}/tasks"), edit("statusId", ids.status)),
            (format!("{here}/tasks?tag={}", ids.tag), edit("x", 0)),
            (format!("{here}/tasks?assignee={}", ids.member), edit("x", 0)),
            (format!("{status}/remove"), vec![("to", text(ids.status))]),
            (format!("{here}/deliveries/retry"), vec![("d", text(ids.delivery))]),
            (format!("{hook}/deliveries/retry"), vec![("d", text(ids.delivery))]),
            (
                format!("{hook}/signature"),
                vec![
                    ("delivery", text(ids.delivery)),
                    ("headers", "webhook-id: x".to_owned()),
                    ("body", "{}".to_owned()),
                ],
            ),
        ]
    };
    for ((path, fields), (no_path, no_fields)) in pressed(&two.foreign).iter().zip(pressed(&two.nowhere)) {
        let encode = |fields: &[(&str, String)]| {
            let pairs: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            form(&pairs)
        };
        let page = two.ground.page("POST", path, &two.cookie, &encode(fields)).await;
        let unknown = two
            .ground
            .page("POST", &no_path, &two.cookie, &encode(&no_fields))
            .await;

        assert_eq!(page.status, unknown.status, "{path} {fields:?}: {}", page.text());
        assert_eq!(two.words(&page), two.words(&unknown), "{path} {fields:?}");
        let to = |page: &Page| {
            page.headers
                .get("location")
                .map(|to| numbers_out(to.to_str().expect("text")))
        };
        assert_eq!(to(&page), to(&unknown), "{path} {fields:?}");
        assert_eq!(
            differences(&before, &camera.shoot()),
            "",
            "{path} {fields:?} changed something"
        );
    }
    // The delivery of another webhook of the same project is not this webhook's either.
    let other = form(&[("d", &two.sibling.delivery.to_string())]);
    two.ground
        .page("POST", &format!("{hook}/deliveries/retry"), &two.cookie, &other)
        .await;
    assert_eq!(differences(&before, &camera.shoot()), "");
    eprintln!(
        "{} queries and {} forms",
        looked(&two.foreign).len() + 8,
        pressed(&two.foreign).len()
    );
}
