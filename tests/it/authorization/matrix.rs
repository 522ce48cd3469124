//! Every route as everybody. Who is refused meets one project, of which nothing may change; who is let in and changes something
//! gets a project of their own for that one request, so that every allowed cell is really tried.

use serde_json::{Value, json};

use super::ground::{Ground, Knocker, Proof, filled, token};
use super::{CALLS, Kind, shape};
use crate::api_token_scopes::{ALL, needs};
use crate::routes_table::{FIELDS, Ids, Level, PAGES, calls};
use crate::support::page::Page;
use crate::support::plain_client::form;
use crate::support::snapshot::{Camera, differences};

/// What must happen in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    LetIn,
    /// A page leads to the sign-in, a call says 401.
    SignInFirst,
    NotThere,
    Forbidden,
}

/// A page's cell. A level includes those above it.
fn page_cell(path: &str, least: Level, who: &Knocker) -> Cell {
    match who.level {
        _ if least == Level::Anyone => Cell::LetIn,
        None => Cell::SignInFirst,
        // Somebody must own the project.
        Some(Level::Owner) if path.ends_with("/leave") => Cell::Forbidden,
        // The owner made the first account, and is an administrator; others do not learn that there is something.
        Some(own) if (path == "/status" || path.starts_with("/audit")) && own > least => Cell::NotThere,
        Some(own) if own <= least => Cell::LetIn,
        Some(Level::SignedIn) => Cell::NotThere,
        Some(_) => Cell::Forbidden,
    }
}

/// A call's cell for somebody who signed in, or did not.
fn call_cell(kind: Kind, who: &Knocker) -> Cell {
    match (kind, who.level) {
        (Kind::Open, _) => Cell::LetIn,
        (_, None) => Cell::SignInFirst,
        (Kind::Of(least), Some(own)) if own > least => Cell::Forbidden,
        _ => Cell::LetIn,
    }
}

/// Where a press that is let in does something else than lead on (303) or show what was made (200).
fn pressed(path: &str, who: &Knocker) -> &'static [u16] {
    match path {
        // Without a password there is nothing to try.
        "/sign-in" | "/account/password" | "/invitations/{invitation}/account" => &[422],
        // With wrong or no fields it says so; with an account in the database it leads to the sign-in.
        "/setup" => &[303, 422],
        // Nothing was pasted that could be checked.
        "/projects/{project}/webhooks/{webhook}/signature" => &[200, 422],
        "/invitations/{invitation}" if who.level != Some(Level::SignedIn) => &[409],
        _ => &[200, 303],
    }
}

/// Everybody whom a page refuses, and everybody who only looks: afterwards everything is as it was.
#[tokio::test]
async fn every_page_refuses_whom_it_should_and_nothing_changes_by_looking() {
    let ground = Ground::prepare().await;
    let mut camera = Camera::on(&ground.app.database);
    let fields = form(FIELDS);
    let (mut cells, mut unexpected) = (0, Vec::new());
    let mut ids = ground.still.clone();
    (ids.token, ids.session) = (NO_ID, NO_ID);

    for (method, path, least) in PAGES {
        let before = camera.shoot();
        for who in ground.people.iter().chain(&ground.nobodies) {
            let Some(proof) = &who.at_pages else { continue };
            let cell = page_cell(path, *least, who);
            if cell == Cell::LetIn && needs_its_own(method, path) {
                continue;
            }
            let page = ground.page(method, &ids.fill(path), proof, &fields).await;
            cells += 1;
            if !is(cell, &page) || cell == Cell::LetIn && !shows(&page) {
                unexpected.push(format!(
                    "{method} {path} as {}: {cell:?}, but {}",
                    who.name, page.status
                ));
            }
        }
        let changed = differences(&before, &camera.shoot());
        assert_eq!(changed, "", "{method} {path} changed something");
    }

    assert_eq!(unexpected, Vec::<String>::new(), "of {cells} cells");
    eprintln!(
        "{cells} cells of {} pages: refused, or looked at; 0 unexpected",
        PAGES.len()
    );
    assert!(cells > 900, "{cells}");
}

/// Everybody who may, with a project of their own for each press.
#[tokio::test]
async fn every_page_lets_in_whom_it_should() {
    let ground = Ground::prepare().await;
    let (mut cells, mut unexpected) = (0, Vec::new());

    // At the end what takes the sessions away that the others are tried with.
    let ends = |path: &str| path.starts_with("/account/sessions/end-");
    let pages = PAGES.iter().filter(|(method, path, _)| needs_its_own(method, path));
    let (last, first): (Vec<&(&str, &str, Level)>, Vec<_>) = pages.partition(|(_, path, _)| ends(path));
    for (method, path, least) in first.into_iter().chain(last) {
        for who in ground.people.iter().chain(&ground.nobodies) {
            let Some(proof) = &who.at_pages else { continue };
            if page_cell(path, *least, who) != Cell::LetIn {
                continue;
            }
            let mut ids = Ids::default();
            if path.contains('{') {
                ids = ground.project(&["manager", "member"]).await;
            }
            if path.contains("{token}") || path.contains("{session}") {
                ground.own_things(who, &mut ids).await;
            }
            let page = press(&ground, method, path, &ids, who, proof).await;
            cells += 1;
            let expected: &[u16] = if *method == "GET" { &[200] } else { pressed(path, who) };
            let leads_out =
                leads_to_sign_in(&page) && !matches!(*path, "/sign-out" | "/setup" | "/account/sessions/end-all");
            if !expected.contains(&page.status) || leads_out {
                unexpected.push(format!(
                    "{method} {path} as {}: {expected:?}, but {}\n{}",
                    who.name,
                    page.status,
                    page.text()
                ));
            }
            ground
                .owner
                .delete("/module/goals", json!({ "goalId": ids.project }))
                .await;
        }
    }

    assert_eq!(unexpected, Vec::<String>::new(), "of {cells} cells");
    eprintln!("{cells} cells of pages: changes that were let in; 0 unexpected");
    assert!(cells > 150, "{cells}");
}

/// It changes something, or is about something of one's own account.
fn needs_its_own(method: &str, path: &str) -> bool {
    method != "GET" || path.contains("{token}")
}

const NO_ID: i64 = 987_654_321;

/// Presses the button as somebody would: with the form as the page shows it, where there is one.
async fn press(ground: &Ground, method: &str, path: &str, ids: &Ids, who: &Knocker, proof: &Proof) -> Page {
    let address = ids.fill(path);
    let delivery = ids.delivery.to_string();
    // A name of its own, because failed sign-ins are counted for each.
    let more = [("color", "#123456"), ("category", "to do"), ("login", who.name)];
    let pasted = [("headers", "webhook-id: msg_1"), ("body", "{}")];
    let own = FIELDS.iter().map(|&(name, value)| match name {
        "d" => (name, delivery.as_str()),
        _ => (name, value),
    });
    let mut typed: Vec<(&str, &str)> = own.chain(more).collect();
    if path.ends_with("/signature") {
        typed.extend(pasted);
    }
    // There `to` is where tasks go, and the form says it.
    typed.retain(|(name, _)| *name != "to" || !path.ends_with("/remove"));
    // A session of its own, because the button ends it.
    let fresh = match proof {
        Proof::Cookie(_) if path == "/sign-out" && who.level.is_some() => {
            Some(Proof::Cookie(ground.client.sign_in(who.name).await))
        }
        _ => None,
    };
    let proof = fresh.as_ref().unwrap_or(proof);
    let shown = if method == "POST" {
        ground.page("GET", &address, proof, "").await
    } else {
        return ground.page(method, &address, proof, "").await;
    };
    let password = path.ends_with("/password");
    let body = match filled(&shown, &address, &typed) {
        Some(body) if shown.status == 200 && !password => body,
        _ => form(&typed),
    };
    ground.page("POST", &address, proof, &body).await
}

#[tokio::test]
async fn every_call_answers_everybody_as_it_should() {
    let ground = Ground::prepare().await;
    let mut camera = Camera::on(&ground.app.database);
    let (mut cells, mut let_in, mut unexpected) = (0, 0, Vec::new());

    for (method, path, kind) in CALLS {
        let (address, body) = call(method, path, &ground.still);
        let before = camera.shoot();
        for who in ground.people.iter().chain(&ground.nobodies) {
            let Some(proof) = &who.at_calls else { continue };
            let cell = call_cell(*kind, who);
            if cell == Cell::LetIn && *method != "GET" {
                continue;
            }
            let page = ground.call(method, &address, proof, &body).await;
            cells += 1;
            if !is(cell, &page) {
                unexpected.push(format!(
                    "{method} {path} as {}: {cell:?}, but {}: {}",
                    who.name, page.status, page.html
                ));
            }
        }
        let changed = differences(&before, &camera.shoot());
        assert_eq!(
            changed, "",
            "{method} {path} changed something for somebody whom it refused, or by looking"
        );
    }

    for (method, path, kind) in CALLS.iter().filter(|(method, ..)| *method != "GET") {
        for who in ground.people.iter().chain(&ground.nobodies) {
            let Some(proof) = &who.at_calls else { continue };
            if call_cell(*kind, who) != Cell::LetIn {
                continue;
            }
            let mut ids = ground.project(&["manager", "member"]).await;
            if *path == "/api-tokens" {
                ground.own_things(who, &mut ids).await;
            }
            let (address, body) = call(method, path, &ids);
            // The session that the call ends is not the one that the next cells show.
            let fresh = match proof {
                Proof::Bearer(_) if *path == "/auth/logout" => {
                    Some(Proof::Bearer(super::ground::access(&ground.client, who.name).await))
                }
                _ => None,
            };
            let page = ground
                .call(method, &address, fresh.as_ref().unwrap_or(proof), &body)
                .await;
            cells += 1;
            let_in += 1;
            let expected: &[u16] = match *path {
                "/auth/login" | "/auth/refresh/token" => &[400],
                "/auth/logout" => &[204],
                // It has not failed; who waits is no manager.
                "/webhooks/retry" | "/collaboration/owner" => &[409],
                _ => &[200],
            };
            if !expected.contains(&page.status) {
                unexpected.push(format!(
                    "{method} {path} as {}: {expected:?}, but {}: {}",
                    who.name, page.status, page.html
                ));
            }
            ground
                .owner
                .delete("/module/goals", json!({ "goalId": ids.project }))
                .await;
        }
    }

    assert_eq!(
        unexpected,
        Vec::<String>::new(),
        "of {cells} cells {} were not as expected",
        unexpected.len()
    );
    eprintln!(
        "{cells} cells of {} calls, {let_in} of them changes that were let in; 0 unexpected",
        CALLS.len()
    );
    assert!(cells > 450 && let_in > 60, "{cells} cells, {let_in} let in");
}

/// API tokens of the owner: one without just the right that the call needs, and one for another project only.
#[tokio::test]
async fn every_call_refuses_a_token_that_leaves_its_right_or_its_project_out() {
    let ground = Ground::prepare().await;
    let mut camera = Camera::on(&ground.app.database);
    let limited = token(
        &ground.owner,
        json!({ "name": "one project", "allowedGoalIds": [ground.elsewhere] }),
    )
    .await;
    let limited = Proof::Bearer(limited);
    let mut cells = 0;

    for (method, path, kind) in CALLS.iter().filter(|(.., kind)| *kind != Kind::Open) {
        let (address, body) = call(method, path, &ground.still);
        let right = match kind {
            Kind::Of(_) => needs(method, &address["/module".len()..]),
            Kind::Makes => "goal_can_edit",
            _ => "component_can_watch_content",
        };
        let implied = |one: &str| (right, one) == ("integrations_can_view", "integrations_can_manage");
        let others: Vec<&str> = ALL.into_iter().filter(|one| *one != right && !implied(one)).collect();
        let lacking = token(
            &ground.owner,
            json!({ "name": "lacking", "allowedPermissions": others }),
        )
        .await;
        let before = camera.shoot();

        let without = ground.call(method, &address, &Proof::Bearer(lacking), &body).await;
        let elsewhere = ground.call(method, &address, &limited, &body).await;

        cells += 2;
        // A list shows what the token may see; everything else is refused.
        let (lacking, other) = match kind {
            Kind::Token => (200, 200),
            Kind::Lists => (403, 200),
            _ => (403, 403),
        };
        assert_eq!(
            without.status, lacking,
            "{method} {path} without {right}: {}",
            without.html
        );
        assert_eq!(
            elsewhere.status, other,
            "{method} {path} of another project: {}",
            elsewhere.html
        );
        if other == 200 {
            assert!(
                !elsewhere.html.contains("Project of lead") && !elsewhere.html.contains("lead's"),
                "{}",
                elsewhere.html
            );
        }
        assert_eq!(
            differences(&before, &camera.shoot()),
            "",
            "{method} {path} changed something"
        );
        forget(&ground, "lacking").await;
    }

    eprintln!("{cells} cells of API tokens; 0 unexpected");
    assert!(cells >= 2 * (CALLS.len() - 2), "{cells}");
}

/// An account has room for a hundred.
async fn forget(ground: &Ground, name: &str) {
    let all = ground.owner.get("/module/api-tokens").await.response().clone();
    for one in all.as_array().expect("a list").iter().filter(|one| one["name"] == name) {
        ground
            .owner
            .delete("/module/api-tokens", json!({ "id": one["id"] }))
            .await
            .response();
    }
}

/// Address and body of a call that would be understood.
fn call(method: &str, path: &str, ids: &Ids) -> (String, Value) {
    let (address, body) = match (method, path) {
        // Another one each time, because failed tries are counted.
        ("POST", "/auth/login") => {
            let login = format!("nobody-{}", ids.project);
            (path.to_owned(), json!({ "login": login, "password": "wrong" }))
        }
        ("POST", "/auth/refresh/token") => (path.to_owned(), json!({ "refreshToken": "wrong" })),
        // With one's own id one would leave, which everybody may.
        ("DELETE", "/collaboration") => (path.to_owned(), json!({ "goalId": ids.project, "id": ids.waiting })),
        ("POST", "/goals") => (path.to_owned(), json!({ "name": "Another" })),
        ("POST", "/api-tokens") => (path.to_owned(), json!({ "name": "Another" })),
        ("DELETE", "/api-tokens") => (path.to_owned(), json!({ "id": ids.token })),
        ("POST", "/auth/logout")
        | ("GET", "/api-tokens" | "/api-tokens/permissions" | "/goals" | "/collaboration" | "/tags") => {
            (path.to_owned(), Value::Null)
        }
        _ => {
            let all = calls(ids);
            let found = all
                .into_iter()
                .find(|(own, address, _)| *own == method && shape(address) == path);
            let (_, address, body) = found.unwrap_or_else(|| panic!("{method} {path} has no line in `calls`"));
            (address, body)
        }
    };
    (format!("/module{address}"), body)
}

fn is(cell: Cell, page: &Page) -> bool {
    let is_page = !page.path.starts_with("/module");
    match cell {
        Cell::LetIn => is_page || page.status == 200,
        Cell::SignInFirst if is_page => leads_to_sign_in(page),
        Cell::SignInFirst => page.status == 401,
        Cell::NotThere => page.status == 404,
        Cell::Forbidden => page.status == 403,
    }
}

/// The start page leads to a project; pages for those who are not signed in lead others home.
fn shows(page: &Page) -> bool {
    let leads = page.status == 303 && (page.path == "/setup" || !leads_to_sign_in(page));
    page.status == 200 || leads
}

fn leads_to_sign_in(page: &Page) -> bool {
    let to = page.headers.get("location");
    page.status == 303 && to.is_some_and(|to| to.as_bytes().starts_with(b"/sign-in"))
}
