//! What strangers write: markup, text that reverses what stands after it, characters without a width, bytes that are no text. It is
//! put wherever somebody can put it, receivers included, and must be shown as text, in its place, on a page that stays as it is.

use serde_json::{Value, json};

use crate::chrome::{Chrome, Screen};
use crate::devtools::{Look, Theme};
use crate::support::api_client::ApiClient;
use crate::support::app::App;
use crate::support::given::{self, PASSWORD};
use crate::support::receiver::{Answer, Receiver};
use crate::support::wait;

/// Whoever manages to run script leaves `struck` behind.
const CORPUS: &[&str] = &[
    "<script>window.struck = 1</script>",
    "<img src=x onerror=\"window.struck = 1\">",
    "\" autofocus onfocus=\"window.struck = 1\" onmouseover=\"window.struck = 1",
    "' onclick='window.struck = 1",
    "</textarea></title></pre><svg onload=window.struck=1>",
    "javascript:window.struck=1",
    "{{ 7 * 7 }}${7*7}{% raw %}",
    "&lt;b&gt; &amp; &#x202E; &nbsp;",
    "photo\u{202E}gnp.exe",
    "\u{2067}\u{202E}\u{2066}never closed",
    "in\u{200B}vis\u{200D}ible\u{2060}\u{FEFF}\u{00AD}",
    "\u{1F469}\u{200D}\u{1F469}\u{200D}\u{1F467}\u{200D}\u{1F466} \u{1F3F3}\u{FE0F}\u{200D}\u{1F308} \u{1F1FA}\u{1F1F3}",
    "Z\u{0351}\u{036B}\u{0343}\u{036A}\u{0302}\u{036B}\u{033D}\u{0334}\u{0319}a\u{0324}\u{031E}\u{0349}\u{035A}lgo",
    "\u{645}\u{631}\u{62D}\u{628}\u{627} (\u{645}\u{634}\u{631}\u{648}\u{639}) 123",
    "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
];

/// Nobody's markup became the page's. Text that turns what follows it is the last in its element, and the text around that element
/// takes it for one character: then nothing of ours is turned. Form controls are such elements by themselves.
const LOOK_FOR_DAMAGE: &str = r#"
    const found = [];
    if (window.struck !== undefined) found.push('a script ran');
    for (const element of document.querySelectorAll('*')) {
        for (const { name, value } of element.attributes) {
            if (name.startsWith('on')) found.push(`<${element.localName} ${name}>`);
            if (/^(href|src|action|formaction)$/.test(name) && /^\s*javascript:/i.test(value)) found.push(`${name}=${value}`);
        }
    }
    for (const script of document.scripts) if (!script.src.startsWith(location.origin)) found.push('a script of somebody else');
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text; (text = texts.nextNode());) {
        if (!/[\u202A-\u202E\u2066-\u2069]/.test(text.data)) continue;
        const holder = text.parentElement, style = getComputedStyle(holder);
        if (/^(textarea|option|select|script)$/.test(holder.localName)) continue;
        const last = /(gnp\.exe|never ?closed\??|\u202E|@example\.com)"?$/.test(holder.textContent.trimEnd()) || holder.localName === 'pre';
        const shut = style.display !== 'inline' || /^(isolate|isolate-override|plaintext)$/.test(style.unicodeBidi);
        if (!last || !shut) found.push(`turns what follows: <${holder.localName}> ${text.data.trim().slice(0, 80)}`);
    }
    return [...new Set(found)];
"#;

/// The innermost elements that stick out.
const WIDEST: &str = "
    const wide = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
    return wide.filter(e => !wide.some(other => other !== e && e.contains(other))).slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join(' | ');
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_text_is_text_everywhere_and_stays_in_its_place() {
    let app = App::start().await;
    let receiver = Receiver::start();
    let scene = Scene::prepare(&app, &receiver).await;
    let chrome = Chrome::open(&app.base, "hostile", Screen::Desk).await;
    chrome.sign_in("lead").await;

    let mut damage = Vec::new();
    for page in &scene.pages {
        chrome.visit(page).await;
        damage.extend(look_for_damage(&chrome).await);
    }
    let project = format!("/projects/{}", scene.project);
    for text in CORPUS {
        chrome.visit(&format!("{project}/webhooks/new")).await;
        chrome
            .run(&format!("document.querySelector('#url').value = {}", json!(text)))
            .await;
        chrome
            .run(&format!(
                "document.querySelector('#headers').value = {} + ': x'",
                json!(text)
            ))
            .await;
        chrome.click("Add").await;
        chrome.sees("Add Webhook").await;
        damage.extend(look_for_damage(&chrome).await);
    }

    assert!(damage.is_empty(), "{}", damage.join("\n"));
    chrome.close().await;
}

async fn look_for_damage(chrome: &Chrome) -> Vec<String> {
    let path = chrome.path().await;
    let found = chrome.run(LOOK_FOR_DAMAGE).await;
    let found = found.as_array().expect("a list").iter();
    let mut damage: Vec<String> = found
        .map(|what| format!("{path}: {}", what.as_str().unwrap_or_default()))
        .collect();
    for screen in [Screen::Phone, Screen::Desk] {
        let look = Look(screen, Theme::Light);
        chrome.look(look).await;
        if chrome.overhang().await > 0 {
            chrome.shoot("too-wide").await;
            damage.push(format!(
                "{path}: wider than the screen ({look}): {}",
                chrome.run(WIDEST).await
            ));
        }
    }
    damage
}

/// A project full of it.
struct Scene {
    project: i64,
    pages: Vec<String>,
}

impl Scene {
    async fn prepare(app: &App, receiver: &Receiver) -> Scene {
        let email = "lead@example.com";
        let me = [
            ("login", "lead"),
            ("name", CORPUS[9]),
            ("email", email),
            ("password", PASSWORD),
        ];
        app.visitor().submit("/setup", "/setup", &me).await.assert_status(200);
        let api = given::api(app, "lead").await;
        for text in CORPUS {
            post(&api, "goals", json!({ "name": text, "description": text })).await;
        }
        let project = post(
            &api,
            "goals",
            json!({ "name": CORPUS[8], "description": CORPUS.join("\n") }),
        )
        .await;
        let project = project["id"].as_i64().expect("an id");
        let base = format!("/projects/{project}");
        let mut pages: Vec<String> = [
            "",
            "/edit",
            "/delete",
            "/members",
            "/webhooks",
            "/audit",
            "/audit?time=24h&who=1",
        ]
        .map(|end| format!("{base}{end}"))
        .into();
        pages.extend([
            "/account".into(),
            "/audit".into(),
            "/audit?what=tokens&who=1".into(),
            "/account/api-tokens".into(),
            "/account/api-tokens/new".into(),
        ]);
        let member = invite(app, &api, project).await;
        pages.extend(["remove", "hand-over"].map(|verb| format!("{base}/members/{member}/{verb}")));
        pages.push(format!("{base}/leave"));
        for text in CORPUS {
            let token = post(&api, "api-tokens", json!({ "name": text })).await;
            pages.push(format!("/account/api-tokens/{}/revoke", token["item"]["id"]));
        }
        let listener = set_up_webhooks(&api, project, receiver, &mut pages).await;
        let tasks = write_tasks(&api, project, receiver).await;
        pages.extend(tasks.iter().map(|task| format!("{base}/tasks/{task}")));
        pages.push(format!("{base}/tasks/{}/delete", tasks[8]));
        pages.extend(
            deliveries(&api, &listener, tasks.len())
                .await
                .iter()
                .map(|delivery| format!("{base}/webhooks/{listener}/deliveries/{delivery}")),
        );
        for page in ["deliveries", "signature", "resend"] {
            pages.push(format!("{base}/webhooks/{listener}/{page}"));
        }
        Scene { project, pages }
    }
}

/// Somebody with an invitation and a name of their own choice; returns the member.
async fn invite(app: &App, api: &ApiClient, project: i64) -> Value {
    let mut member = Value::Null;
    for (n, text) in CORPUS[..12].iter().enumerate().skip(8) {
        let invited = post(
            api,
            "collaboration",
            json!({ "goalId": project, "email": format!("guest{n}@example.com") }),
        )
        .await;
        member = invited["id"].clone();
        let link = post(api, "collaboration/link", json!({ "goalId": project, "id": member })).await;
        let (_, path) = link["url"]
            .as_str()
            .and_then(|url| url.split_once("/invitations/"))
            .expect("a link");
        let (login, path) = (format!("guest{n}"), format!("/invitations/{path}"));
        let typed = [("login", login.as_str()), ("name", *text), ("password", PASSWORD)];
        app.visitor().submit(&path, "/account", &typed).await.assert_status(200);
    }
    let made = json!({ "goalId": project, "userId": member, "roles": [1] });
    api.patch("/module/collaboration", made).await.response();
    // One who stays invited; what an address may hold is more than one thinks.
    post(
        api,
        "collaboration",
        json!({ "goalId": project, "email": "<b>bold</b>'\u{202E}@example.com" }),
    )
    .await;
    member
}

/// One for each text, in its name and in its URL; the last, which listens, sends the hostile answers.
async fn set_up_webhooks(api: &ApiClient, project: i64, receiver: &Receiver, pages: &mut Vec<String>) -> Value {
    let mut listener = Value::Null;
    for text in CORPUS {
        let in_path: String = text.chars().filter(|c| !c.is_whitespace() && *c != '#').collect();
        let url = receiver.url(&format!("/{in_path}?{in_path}"));
        let name: String = text.chars().take(80).collect();
        for name in [json!(name), Value::Null] {
            let events = json!(["task.deleted"]);
            let headers = json!({ "X-'`|!$%&*+^~": if text.is_ascii() { *text } else { "x" } });
            let new = json!({ "goalId": project, "url": url, "name": name, "events": events, "headers": headers });
            let id = post(api, "webhooks", new).await["webhook"]["id"].clone();
            if text.contains(['\u{202E}', 'W']) {
                pages.extend(
                    ["edit", "rotate", "delete"].map(|verb| format!("/projects/{project}/webhooks/{id}/{verb}")),
                );
            }
            listener = id;
        }
    }
    let long = receiver.url(&format!("/{}", "w".repeat(1_900)));
    let change = json!({ "id": listener, "url": long, "name": CORPUS[9], "events": ["task.created"] });
    api.patch("/module/webhooks", change).await.response();
    listener
}

async fn write_tasks(api: &ApiClient, project: i64, receiver: &Receiver) -> Vec<i64> {
    let mut titles: Vec<String> = CORPUS.iter().map(|text| (*text).to_owned()).collect();
    titles.push("w".repeat(2_000));
    titles.push("\u{202E}".repeat(2_000));
    let mut ids = Vec::new();
    for (n, title) in titles.iter().enumerate() {
        let name: String = title.chars().take(50).collect();
        let tag = post(api, "tags", json!({ "name": format!("{n}{name}").chars().take(50).collect::<String>(), "color": "#cf4b3f", "goalId": project })).await;
        receiver.answer_in_turn([answer(n, title)]);
        let note = title.repeat(20_000 / title.chars().count());
        let task = json!({ "goalId": project, "description": title, "note": note, "tags": [tag["id"]] });
        let id = post(api, "tasks", task).await["id"].as_i64().expect("an id");
        post(
            api,
            "tasks",
            json!({ "goalId": project, "description": title, "parentId": id }),
        )
        .await;
        ids.push(id);
    }
    ids
}

/// A reason phrase, headers and a body, as bytes: text is the least that a receiver can send.
fn answer(n: usize, text: &str) -> Answer {
    let line: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    let body = match n % 4 {
        0 => text.as_bytes().to_vec(),
        1 => [text.as_bytes(), b"\0\x1b[31m\xff\xfe\xc3\x28", text.as_bytes()].concat(),
        2 => text.as_bytes().iter().copied().cycle().take(1_000_000).collect(),
        _ => vec![0; 2_000],
    };
    let head = format!(
        "HTTP/1.1 200 {line}\r\nContent-Length: {}\r\nX-Echo: {line}\r\nX-Long: {}\r\n\r\n",
        body.len(),
        "w".repeat(3_000)
    );
    Answer::Write([head.as_bytes(), &body].concat())
}

async fn deliveries(api: &ApiClient, webhook: &Value, enough: usize) -> Vec<i64> {
    let path = format!("/module/webhooks/deliveries/{webhook}?limit=100");
    let patience = std::time::Duration::from_secs(30);
    wait::until(patience, "an attempt of every delivery", async || {
        let all = api.get(&path).await;
        let all = all.response().as_array().expect("a list").clone();
        let tried = all.iter().filter(|one| one["attempts"].as_i64() > Some(0));
        (tried.count() >= enough && all.len() >= enough)
            .then(|| all.iter().filter_map(|one| one["id"].as_i64()).take(enough).collect())
    })
    .await
}

async fn post(api: &ApiClient, path: &str, body: Value) -> Value {
    api.post(&format!("/module/{path}"), body).await.response().clone()
}
