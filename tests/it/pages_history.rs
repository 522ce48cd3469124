//! The history as something to search: of one webhook and of a whole project, filtered, kept true while it is open, and taken away
//! as a file.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::given;
use crate::support::page::Page;
use crate::support::process::disable_user;
use crate::support::receiver::{Answer, Receiver};
use crate::support::story::Story;
use crate::support::wait;

#[tokio::test]
async fn each_filter_narrows_the_history_and_can_be_taken_away() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    story.receiver.answer_with(Answer::status(404));
    story.fail_once().await;
    story.receiver.answer_with(Answer::status(200));
    let task = story.task("Second").await;
    story.newest("success", 1).await;
    story
        .api
        .patch("/module/tasks", json!({ "id": task["id"], "description": "Renamed" }))
        .await;
    let updated = story.newest("success", 1).await;
    let shown = async |query: &str| ids(&lead.get(&format!("{}?{query}", history(&story))).await);

    assert_eq!(shown("").await.len(), 3);
    assert_eq!(shown("event=task.updated").await, [id(&updated)]);
    assert_eq!(shown("code=4xx").await, ["1"]);
    assert_eq!(shown("code=none").await, [""; 0]);
    assert_eq!(shown(&format!("id=%23{}", task["id"])).await.len(), 2);
    assert_eq!(
        shown(&format!("id={}", updated["messageId"].as_str().expect("an id"))).await,
        [id(&updated)]
    );
    assert_eq!(shown("id=msg_0193a0000000700080000000000000ff").await, [""; 0]);
    assert_eq!(shown("time=1h&status=success").await.len(), 2);
    story.app.advance(Duration::from_secs(2 * 3_600));
    assert_eq!(shown("time=1h").await, [""; 0]);
    assert_eq!(shown("to=2020-01-01T00:00").await, [""; 0]);
    assert_eq!(shown("from=2020-01-01T00:00").await.len(), 3);

    let page = lead
        .get(&format!(
            "{}?status=success&event=task.updated&time=24h",
            history(&story)
        ))
        .await;
    assert_eq!(
        page.texts(".chip"),
        [
            "Remove filter Success",
            "Remove filter task.updated",
            "Remove filter Last 24 hours"
        ]
    );
    let without = lead.get(&page.attributes(".chip", "href")[1]).await;
    assert_eq!(ids(&without).len(), 2);
    assert_eq!(
        page.attributes("#event option[selected]", "value"),
        ["task.updated"],
        "what was chosen is chosen"
    );
}

#[tokio::test]
async fn a_filter_that_cannot_be_understood_is_told_beside_its_field() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    story.task("One").await;
    story.newest("success", 1).await;

    let page = lead.get(&format!("{}?id=bug+5&from=yesterday", history(&story))).await;

    page.assert_status(200)
        .assert_says("Enter the number of a task, such as 123, or the id of a delivery, which begins with msg_.")
        .assert_says("Enter a date and a time, such as 2026-03-22T12:00.");
    assert_eq!(page.attributes("#id", "value"), ["bug 5"]);
    assert_eq!(ids(&page), [""; 0]);
}

#[tokio::test]
async fn a_project_has_one_history_of_all_its_webhooks_and_a_selection_of_it_is_sent_again() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    let project = project(&story);
    let second = Receiver::start();
    given::webhook(&lead, &project, &second.url("/second")).await;
    for receiver in [&story.receiver, &second] {
        receiver.answer_with(Answer::status(500));
    }
    story.fail_once().await;
    second.wait_for(3).await;
    let all = format!("{}/deliveries", project.path);
    let page = wait::until(Duration::from_secs(15), "both to fail", async || {
        let page = lead.get(&format!("{all}?status=failed")).await;
        (ids(&page).len() == 2).then_some(page)
    })
    .await;

    let form = page.form("/deliveries/retry?status=failed");
    let chosen = ids(&page);
    let chosen: Vec<_> = chosen.iter().map(|id| ("d", id.as_str())).collect();
    let sent = lead.send(&form.filled(&chosen)).await;

    assert_eq!(page.texts(".c-hook").len(), 2, "each row says whose it is");
    sent.assert_says("2 deliveries are being sent again.");
    assert_eq!(sent.path, format!("{all}?status=failed"));
    story.receiver.wait_for(4).await;
    second.wait_for(4).await;
}

#[tokio::test]
async fn the_filtered_history_is_a_file_in_which_nothing_is_a_formula() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    let total = 230;
    for n in 1..total {
        story.task(&format!("Task {n}")).await;
    }
    story.task("=HYPERLINK(\"http://evil.example\"),\n\"x\"").await;
    wait::until(Duration::from_secs(30), "all to arrive", async || {
        let all = story.deliveries().await;
        all.iter().all(|delivery| delivery["status"] == "success").then_some(())
    })
    .await;
    story.receiver.answer_with(Answer::status(500));
    story.task("Waits").await;
    story.newest("pending", 1).await;

    let page = lead.get(&format!("{}?status=success", history(&story))).await;
    let links = page.attributes(".export a", "href");
    let csv = lead.get(&links[0]).await;
    let lines = lead.get(&links[1]).await;

    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    assert!(
        csv.headers["content-disposition"]
            .to_str()
            .expect("text")
            .starts_with("attachment; filename=\"deliveries-of-webhook-")
    );
    let mut reader = csv::Reader::from_reader(csv.html.as_bytes());
    assert_eq!(reader.headers().expect("a head").get(2), Some("status"));
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), total, "without the one that waits");
    assert_eq!(&rows[0][5], "'=HYPERLINK(\"http://evil.example\"),\n\"x\"");
    assert!(rows.windows(2).all(|pair| number(&pair[0]) > number(&pair[1])));
    let lines: Vec<Value> = lines
        .html
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), total);
    assert_eq!(lines[0]["payload"]["event"], "task.created");
    assert_eq!(lines[0]["message"], "The receiver answered 200 OK.");
    lead.get(&format!("{}/export?format=xlsx", history(&story)))
        .await
        .assert_status(422);
}

#[tokio::test]
async fn an_event_that_was_published_on_several_lines_is_one_line_of_the_file() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    story
        .change_webhook(json!({ "events": ["task.created", "invoice.paid"] }))
        .await;
    let pretty =
        "{\n  \"goalId\": 1,\r\n  \"event\": \"invoice.paid\",\n  \"data\": {\n    \"note\": \"two\\nlines\"\n  }\n}";
    story.api.post_text("/module/events", pretty).await.response();
    story.newest("success", 1).await;

    let file = lead.get(&format!("{}/export?format=jsonl", history(&story))).await;

    let lines: Vec<&str> = file.html.lines().collect();
    assert_eq!(lines.len(), 1, "{}", file.html);
    let line: Value = serde_json::from_str(lines[0]).expect("JSON");
    assert_eq!(line["payload"]["data"]["note"], "two\nlines");
    let sent = &story.receiver.requests()[0];
    assert!(sent.body.contains(&b'\n'), "it was sent as it was handed in");
}

#[tokio::test]
async fn a_member_exports_no_path_of_a_url() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    let project = project(&story);
    given::person(&story.app, "mia").await;
    given::member(&lead, &project, "mia").await;
    let mia = given::sign_in(&story.app, "mia").await;
    story.task("One").await;
    story.newest("success", 1).await;

    let file = mia.get(&format!("{}/deliveries/export?format=csv", project.path)).await;

    file.assert_status(200);
    assert!(
        file.html.contains("One") && !file.html.contains("/hook"),
        "{}",
        file.html
    );
}

#[tokio::test]
async fn an_open_history_hears_of_changed_rows_and_of_newer_ones() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    story.receiver.answer_with(Answer::status(500));
    story.task("<b>First</b>").await;
    story.newest("pending", 1).await;
    let page = lead.get(&history(&story)).await;
    let mut stream = lead.stream(&page.attributes("#fresh", "data-stream")[0]).await;

    let at_first = stream.news().await;
    story.receiver.answer_with(Answer::status(200));
    story.app.advance(Duration::from_secs(10));
    let delivered = stream
        .news_that(|news| !news["rows"].as_array().expect("rows").is_empty())
        .await;
    story.task("Second").await;
    let newer = stream.news_that(|news| news["fresh"] != Value::Null).await;

    assert_eq!(
        at_first["rows"][0]["id"], "d-1",
        "what waited when the page was made may have changed"
    );
    let row = delivered["rows"][0]["html"].as_str().expect("a row");
    assert!(row.starts_with("<tr") && row.contains("Success"), "{row}");
    assert!(row.contains("&#60;b&#62;First"), "{row}");
    assert_eq!(newer["fresh"], "1 new delivery");
}

/// Whoever was shut out gets nothing after this.
const SHUT_OUT: Duration = Duration::from_secs(5);

/// mia, a member of the story's project, as a browser; and the story's owner.
async fn two_people(story: &Story) -> (Browser, Browser) {
    let lead = given::sign_in(&story.app, "lead").await;
    let mia = given::person(&story.app, "mia").await;
    given::member(&lead, &project(story), "mia").await;
    (lead, mia)
}

#[tokio::test]
async fn a_stream_ends_with_its_session_however_that_ends() {
    let story = Story::begin().await;
    let (lead, _) = two_people(&story).await;
    let address = format!("{}/live?rows=&newest=0", history(&story));
    let (signed_out, ended) = (
        given::sign_in(&story.app, "mia").await,
        given::sign_in(&story.app, "mia").await,
    );
    let (mut by_itself, mut from_elsewhere) = (signed_out.stream(&address).await, ended.stream(&address).await);
    let mut of_lead = lead.stream(&address).await;

    signed_out.post("/sign-out", &[]).await;
    by_itself.ends_within(SHUT_OUT).await;
    let owner = given::sign_in(&story.app, "mia").await;
    owner.submit("/account", "/end-others", &[]).await;
    from_elsewhere.ends_within(SHUT_OUT).await;
    let other = given::sign_in(&story.app, "lead").await;
    let typed = [
        ("old_password", given::PASSWORD),
        ("new_password", "staple battery horse correct"),
        ("new_password_again", "staple battery horse correct"),
    ];
    other.submit("/account", "/account/password", &typed).await;
    of_lead.ends_within(SHUT_OUT).await;
}

#[tokio::test]
async fn a_stream_ends_with_the_account_the_membership_and_the_project() {
    let story = Story::begin().await;
    let (lead, mia) = two_people(&story).await;
    let max = given::person(&story.app, "max").await;
    given::member(&lead, &project(&story), "max").await;
    let address = format!("{}/live?rows=&newest=0", history(&story));
    let (mut of_member, mut of_disabled) = (mia.stream(&address).await, max.stream(&address).await);
    let mut of_owner = lead.stream(&address).await;

    let members = lead.get(&format!("{}/members", project(&story).path)).await;
    let mut remove = members.links().into_iter().filter(|link| link.ends_with("/remove"));
    let of_mia = remove.next().expect("a member to remove");
    let question = lead.get(&of_mia).await;
    question.assert_says("mia");
    lead.send(&question.form("/remove")).await;
    of_member.ends_within(SHUT_OUT).await;
    disable_user(&story.app.database, "max");
    of_disabled.ends_within(SHUT_OUT).await;
    let delete = format!("{}/delete", project(&story).path);
    lead.submit(&delete, "/delete", &[]).await.assert_says("is deleted");
    of_owner.ends_within(SHUT_OUT).await;
}

#[tokio::test]
async fn the_eleventh_stream_of_a_session_is_refused_until_another_one_ends() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    let address = format!("{}/live?rows=&newest=0", history(&story));
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(lead.stream(&address).await);
    }

    let refused = lead.get(&address).await;
    drop(open);

    refused.assert_status(429);
    assert_eq!(refused.headers["retry-after"], "60");
    wait::until(Duration::from_secs(15), "a place to become free", async || {
        lead.try_stream(&address).await.ok()
    })
    .await;
}

fn history(story: &Story) -> String {
    format!("/projects/{}/webhooks/{}/deliveries", story.goal, story.webhook)
}

/// The ids of the rows that are shown.
fn ids(page: &Page) -> Vec<String> {
    let rows = page.attributes(".dtable tbody tr", "id");
    rows.iter().map(|id| id.trim_start_matches("d-").to_owned()).collect()
}

fn id(delivery: &Value) -> String {
    delivery["id"].to_string()
}

fn number(row: &csv::StringRecord) -> i64 {
    row[0].parse().expect("a number")
}

#[tokio::test]
async fn a_delivery_says_what_changed_what_to_do_and_where_else_it_went() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    let project = project(&story);
    let task = story.task("It's broken").await;
    story.newest("success", 1).await;
    let second = Receiver::start();
    given::webhook(&lead, &project, &second.url("/second")).await;
    let moved = ("location", "/moved".to_owned());
    story
        .receiver
        .answer_with(Answer::Respond(301, vec![moved], Vec::new()));
    story
        .api
        .patch(
            "/module/tasks",
            json!({ "id": task["id"], "priorityId": 3, "note": "<i>Soon</i>" }),
        )
        .await;
    let failed = story.newest("pending", 1).await;
    second.wait_for(1).await;

    let page = lead.get(&format!("{}/{}", history(&story), failed["id"])).await;

    let target = story.receiver.url("/moved");
    page.assert_says(&format!(
        "It points to {target} instead. If that is right, use that URL."
    ));
    let cells = page.texts(".diff tbody tr");
    assert!(
        cells
            .iter()
            .any(|row| row.contains("priorityId") && row.contains("Low") && row.contains("High")),
        "{cells:?}"
    );
    assert!(
        cells
            .iter()
            .any(|row| row.contains("note") && row.contains("<i>Soon</i>")),
        "{cells:?}"
    );
    let curl = page.texts("#curl").concat();
    let sent = &story.receiver.requests()[1];
    assert!(
        curl.starts_with(&format!("curl --globoff -X POST '{}'", story.receiver.url("/hook"))),
        "{curl}"
    );
    assert!(
        curl.contains(&format!(
            "X-Webhook-Signature: {}",
            sent.header("x-webhook-signature").expect("signed")
        )),
        "{curl}"
    );
    assert!(curl.contains(r"It'\''s broken"), "{curl}");
    assert!(!curl.contains(&story.secret));
    assert_eq!(page.texts(".rail h2"), ["Delivery", "Same event", "Same task"]);
    let older = lead.get(&page.attributes(".rail [rel=next]", "href")[0]).await;
    older.assert_says("Task created");
    assert_eq!(older.attributes(".rail [rel=prev]", "href"), [page.path.as_str()]);
}

#[tokio::test]
async fn the_copied_curl_command_is_the_same_request_again() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    story.task("It's $HOME `id` \"quoted\" \\ é").await;
    let delivery = story.newest("success", 1).await;
    let page = lead.get(&format!("{}/{}", history(&story), delivery["id"])).await;

    let command = page.verbatim("#curl");
    let done = tokio::process::Command::new("sh")
        .args(["-c", &command])
        .output()
        .await
        .expect("a shell");

    assert!(done.status.success(), "{done:?}");
    let requests = story.receiver.wait_for(2).await;
    assert_eq!(requests[1].body, requests[0].body);
    assert!(requests[1].is_signed_with(&story.secret));
}

#[tokio::test]
async fn a_task_says_why_each_webhook_got_its_events_or_did_not() {
    let story = Story::begin().await;
    let lead = given::sign_in(&story.app, "lead").await;
    let project = project(&story);
    let only_deleted = json!({ "goalId": story.goal, "url": story.receiver.url("/deleted"), "events": ["task.deleted"], "name": "Archive" });
    story.api.post("/module/webhooks", only_deleted).await;
    story.receiver.answer_with(Answer::status(500));
    let task = story.task("Fix login bug").await;
    story.newest("pending", 1).await;
    given::webhook(&lead, &project, &story.receiver.url("/late")).await;
    story.change_webhook(json!({ "isActive": false })).await;

    let page = lead.get(&format!("{}/tasks/{}", project.path, task["id"])).await;

    let decisions = page.texts(".fired-in li");
    assert_eq!(decisions.len(), 3, "{decisions:?}");
    assert!(
        decisions[0].contains("Held") && decisions[0].contains("500"),
        "{decisions:?}"
    );
    assert!(decisions[1].contains("Archive") && decisions[1].contains("not subscribed to this event"));
    assert!(decisions[2].contains("added after it happened"));
    assert_eq!(page.texts(".fired summary .muted"), ["1 held"]);
    let all = lead.get(&page.attributes("#evs a", "href")[0]).await;
    assert_eq!(ids(&all), ["1"]);
}

fn project(story: &Story) -> given::Project {
    given::Project {
        path: format!("/projects/{}", story.goal),
        id: story.goal.as_i64().expect("an id"),
    }
}
