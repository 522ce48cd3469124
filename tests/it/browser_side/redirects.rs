//! Redirects stay here: whatever stands in an address, a form or a header, a browser that follows `Location` is still on this
//! host. Each is resolved against its page as the URL standard says, which is what browsers do.

use url::Url;

use super::{PUBLIC, found, public_app};
use crate::support::app::App;
use crate::support::given::PASSWORD;
use crate::support::page::Page;
use crate::support::plain_client::{FORM, FROM_OUR_PAGE, PlainClient, form, raw};

/// What leads away somewhere, in some browser, under some reading.
fn corpus() -> Vec<String> {
    let mut all: Vec<String> = [
        "//evil.example",
        "///evil.example",
        "////evil.example/..",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/\\/evil.example",
        "/%09/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ /evil.example",
        "/%5cevil.example",
        "/%5c%5cevil.example",
        "/%2f/evil.example",
        "%2f%2fevil.example",
        "/.//evil.example",
        "/..//evil.example",
        "/./\\evil.example",
        "/x/..//evil.example",
        "/x/../..//evil.example",
        "/;//evil.example",
        "/?//evil.example",
        "/#//evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https://evil.example",
        "https:\\\\evil.example",
        "HTTPS://EVIL.EXAMPLE",
        "http:evil.example",
        "http:///evil.example",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        "\u{1}javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://evil.example/x",
        "view-source:https://evil.example",
        "mailto:x@evil.example",
        "evil.example",
        "@evil.example",
        "/@evil.example",
        "//@evil.example",
        "//tasks.example@evil.example",
        "https://tasks.example@evil.example",
        "https://tasks.example.evil.example",
        "//evil.example:443\\@tasks.example",
        ".evil.example",
        ":evil.example",
        ":80",
        "?next=//evil.example",
        "/\r\nLocation: https://evil.example",
        "/\r\n\r\n<script>alert(1)</script>",
        "/%0d%0aLocation:%20https://evil.example",
        "/\u{0}/evil.example",
        "/\u{a0}/evil.example",
        "/\u{2028}/evil.example",
        "\u{feff}//evil.example",
        "\u{ff0f}\u{ff0f}evil.example",
        "/\u{ff0f}evil.example",
        "/\u{2215}evil.example",
        "\u{3002}evil.example",
        "/\u{fc}ber",
        "",
        "/",
    ]
    .map(str::to_owned)
    .into();
    all.push(format!("/{}", "a".repeat(100_000)));
    all.push(format!("{}//evil.example", "/.".repeat(2_000)));
    all.push(format!("//{}@evil.example", "a".repeat(10_000)));
    all
}

#[track_caller]
fn stays_here(page: &Page, what: &str) {
    let shown: String = what.chars().take(120).collect();
    assert_eq!(page.status, 303, "{shown}: {}", page.text());
    assert_eq!(page.headers.get_all("location").iter().count(), 1, "{shown}");
    assert!(!page.headers.contains_key("x-split"), "{shown}");
    let to = page.headers["location"].to_str().expect("a text");
    let base = Url::parse(PUBLIC).expect("a URL").join(&page.path).expect("a page");
    let landed = base
        .join(to)
        .unwrap_or_else(|error| panic!("{shown} leads to {to}: {error}"));
    assert_eq!(landed.origin().ascii_serialization(), PUBLIC, "{shown} leads to {to}");
    // A path that begins with two slashes is on our host, and a second redirect to it would not be.
    assert!(
        !landed.path().starts_with("//") && to.starts_with('/'),
        "{shown} leads to {to}"
    );
    assert!(to.len() < 8_000, "{shown} leads to an address of {} bytes", to.len());
}

#[tokio::test]
async fn no_parameter_and_no_header_leads_to_another_host() {
    let app = public_app().await;
    let client = found(&app).await;
    let session = client.sign_in("lead").await;
    let signed_in = [FROM_OUR_PAGE, FORM, ("cookie", session.as_str())];
    let made = client.send("POST", "/projects/new", &signed_in, "name=Website").await;
    let project = made.headers["location"].to_str().expect("a path").to_owned();
    let task = add_task(&client, &signed_in, &project).await;
    let mut cases = 0;

    for evil in corpus() {
        let next = form(&[("next", &evil)]);
        // A longer address is refused before it is read.
        if next.len() < 8_000 {
            let page = client.send("GET", &format!("/sign-in?{next}"), &signed_in, "").await;
            stays_here(&page, &format!("next of somebody who is signed in: {evil:?}"));
            let visit = client.send("GET", &format!("/sign-in?{next}"), &[], "").await;
            let kept = &visit.form("/sign-in").fields;
            let kept = kept
                .iter()
                .find(|(name, _)| name == "next")
                .map(|(_, value)| value.clone());
            assert!(
                kept.is_none_or(|next| next.starts_with('/') && !next.starts_with("//")),
                "{evil:?}"
            );
            cases += 2;
            // And everything else that is read of an address or a form and could end up in one.
            for (path, fields) in [
                (
                    format!(
                        "{task}/complete?{}",
                        form(&[("task", &evil), ("show", &evil), ("tag", &evil)])
                    ),
                    "complete=true".to_owned(),
                ),
                (
                    format!(
                        "{project}/tasks?{}",
                        form(&[("show", &evil), ("status", &evil), ("assignee", &evil)])
                    ),
                    "description=x".to_owned(),
                ),
                (
                    format!("{project}/edit"),
                    form(&[("name", "Website"), ("next", &evil), ("back", &evil)]),
                ),
                (
                    "/theme".to_owned(),
                    form(&[("theme", &evil), ("back", &evil), ("next", &evil)]),
                ),
            ] {
                let page = client.send("POST", &path, &signed_in, &fields).await;
                // What is no id is refused; nothing else is.
                if page.status != 400 && page.status != 422 {
                    stays_here(&page, &format!("{path} {evil:?}"));
                }
                cases += 1;
            }
        }
        let typed = form(&[("login", "lead"), ("password", PASSWORD), ("next", &evil)]);
        let page = client.send("POST", "/sign-in", &[FROM_OUR_PAGE, FORM], &typed).await;
        stays_here(&page, &format!("next of a sign-in: {evil:?}"));
        cases += 1;
        // The switch leads back to where the browser says that it was.
        for referer in [evil.clone(), format!("https://evil.example{evil}"), format!("x:{evil}")] {
            if referer.len() > 8_000 || reqwest::header::HeaderValue::from_str(&referer).is_err() {
                continue;
            }
            let headers = [FROM_OUR_PAGE, FORM, ("referer", referer.as_str())];
            stays_here(&client.send("POST", "/theme", &headers, "theme=dark").await, &referer);
            cases += 1;
        }
    }

    eprintln!("{cases} redirects");
    assert!(cases > 650, "{cases}");
}

async fn add_task(client: &PlainClient, headers: &[(&str, &str)], project: &str) -> String {
    let tasks = format!("{project}/tasks");
    client.send("POST", &tasks, headers, "description=Fix").await;
    let list = client.send("GET", project, headers, "").await;
    let marker = format!("{project}/tasks/");
    let link = list.links().into_iter().find(|link| link.starts_with(&marker));
    link.expect("a task in the list")
        .split('?')
        .next()
        .expect("a path")
        .to_owned()
}

/// The address itself is one of the ways in: somebody who is not signed in is led to the sign-in page and back to it.
#[tokio::test]
async fn an_address_that_is_odd_itself_leads_to_the_sign_in_page_of_this_host() {
    let app = App::start().await;
    found(&app).await;
    let host = app.base.strip_prefix("http://").expect("an address");

    for target in [
        "/projects/1",
        "/projects/1?next=//evil.example",
        "//evil.example/projects/1",
        "///evil.example",
        "/\\evil.example",
        "/projects/1/..//evil.example",
        "/%2f/evil.example",
        "/account?%0d%0aSet-Cookie:%20a=b",
        "/account#//evil.example",
        "/account?\\evil.example",
    ] {
        let answer = raw(
            &app.base,
            &format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        )
        .await;

        let head = answer.split("\r\n\r\n").next().unwrap_or_default().to_lowercase();
        let location = head.lines().find_map(|line| line.strip_prefix("location: "));
        assert!(
            location.is_none_or(|to| to == "/sign-in" || to.starts_with("/sign-in?next=%2f")),
            "{target}: {head}"
        );
        assert!(!head.contains("\nset-cookie: a=b"), "{target}: {head}");
    }
}
