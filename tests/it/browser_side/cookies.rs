//! Cookies: what they are called, what browsers may do with them, and that none can be planted from another host of the domain.

use super::{PUBLIC, found, public_app};
use crate::support::app::App;
use crate::support::page::Page;
use crate::support::plain_client::{FORM, FROM_OUR_PAGE, PlainClient, form};

/// Every answer that sets a cookie: session, flash, theme, and their ends.
async fn all_that_are_set(client: &PlainClient) -> Vec<String> {
    let session = client.sign_in("lead").await;
    let signed_in = [FROM_OUR_PAGE, FORM, ("cookie", session.as_str())];
    let mut set = Vec::new();
    for (path, fields) in [
        ("/theme", form(&[("theme", "dark")])),
        ("/theme", form(&[("theme", "")])),
        ("/projects/new", form(&[("name", "Website")])),
        ("/sign-out", String::new()),
        (
            "/sign-in",
            form(&[("login", "lead"), ("password", crate::support::given::PASSWORD)]),
        ),
    ] {
        let page = client.send("POST", path, &signed_in, &fields).await;
        assert_eq!(page.status, 303, "{path}: {}", page.text());
        set.extend(cookies_of(&page));
    }
    let flash = set
        .iter()
        .find(|cookie| cookie.contains("flash=e"))
        .expect("a flash")
        .clone();
    let shown = flash.split(';').next().expect("a cookie");
    set.extend(cookies_of(
        &client.send("GET", "/sign-in", &[("cookie", shown)], "").await,
    ));
    set
}

fn cookies_of(page: &Page) -> Vec<String> {
    let all = page.headers.get_all("set-cookie").iter();
    all.map(|value| value.to_str().expect("text").to_owned()).collect()
}

fn names(cookies: &[String]) -> Vec<&str> {
    let mut names: Vec<&str> = cookies.iter().filter_map(|cookie| cookie.split('=').next()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[tokio::test]
async fn under_https_every_cookie_is_bound_to_this_host_and_out_of_reach() {
    let app = public_app().await;
    let client = found(&app).await;

    let cookies = all_that_are_set(&client).await;

    assert_eq!(names(&cookies), ["__Host-flash", "__Host-session", "__Host-theme"]);
    for cookie in &cookies {
        for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
            assert!(cookie.split("; ").any(|own| own == part), "{cookie} lacks {part}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    assert!(cookies.len() >= 7, "{cookies:?}");
}

#[tokio::test]
async fn on_a_laptop_cookies_do_without_tls() {
    let app = App::start().await;
    let client = found(&app).await;

    let cookies = all_that_are_set(&client).await;

    assert_eq!(names(&cookies), ["flash", "session", "theme"]);
    for cookie in &cookies {
        for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.split("; ").any(|own| own == part), "{cookie} lacks {part}");
        }
        assert!(!cookie.contains("Secure") && !cookie.contains("Domain"), "{cookie}");
    }
}

/// Browsers let `evil.tasks.example` set a cookie for the whole domain, but for names that begin with `__Host-`. A name that is
/// written otherwise, and decoded to one that does, would come past that: somebody else's session, or words on our page.
#[tokio::test]
async fn another_host_of_the_domain_plants_no_cookie_by_spelling_its_name_otherwise() {
    let app = public_app().await;
    let client = found(&app).await;
    let session = client.sign_in("lead").await;
    let own = client.send("GET", "/account", &[("cookie", &session)], "").await;
    let value = session.strip_prefix("__Host-session=").expect("the cookie of https");
    let flash = "eyJraW5kIjoiR29vZCIsInRpdGxlIjoiQ2FsbCA1NTUiLCJ0ZXh0IjoiIn0";

    for planted in [
        format!("session={value}"),
        format!("%5F%5FHost-session={value}"),
        format!("__Host%2Dsession={value}"),
        format!("%5f_Host-session={value}; x=1"),
        format!("__host-session={value}"),
    ] {
        let page = client.send("GET", "/account", &[("cookie", &planted)], "").await;

        assert_eq!(page.status, 303, "{planted} opens a session");
    }
    for planted in [format!("flash={flash}"), format!("%5F_Host-flash={flash}")] {
        let page = client.send("GET", "/sign-in", &[("cookie", &planted)], "").await;

        assert!(!page.says("Call 555"), "{planted} puts words on a page");
    }
    let real = format!("__Host-flash={flash}");
    let page = client.send("GET", "/sign-in", &[("cookie", &real)], "").await;
    assert_eq!(
        (own.status, page.says("Call 555")),
        (200, true),
        "the cookies of {PUBLIC} work"
    );
}

/// Other programs of the same host, or of its domain, set what they like.
#[tokio::test]
async fn a_cookie_of_somebody_else_does_not_keep_anybody_out() {
    let app = App::start().await;
    let client = found(&app).await;
    let session = client.sign_in("lead").await;

    for others in ["x=ü", "ü=1", "x=%FF", "%5Fx=1", "=", ";;", "a=1; b"] {
        let sent = format!("{others}; {session}; {others}");
        let page = client.send("GET", "/account", &[("cookie", &sent)], "").await;
        assert_eq!(page.status, 200, "{others}: {}", page.text());
    }
}
