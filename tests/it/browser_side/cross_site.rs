//! Requests that another site makes with a visitor's cookies: every address that changes something, and every way in which a
//! browser, an old one or an odd one says where a request comes from. Nothing is changed by any of them.

use super::{PUBLIC, found, public_app};
use crate::authorization::routes;
use crate::routes_table::{FIELDS, PAGES};
use crate::support::app::App;
use crate::support::page::Page;
use crate::support::plain_client::{FORM, FROM_OUR_PAGE, JSON, PlainClient, form, raw, status_of};
use crate::support::snapshot::{Camera, differences};

const REFUSAL: &str = "did not come from a page of this server";

/// What a request that is not ours says. `{host}` is the host and port under which the program is reached.
const FOREIGN: &[&[(&str, &str)]] = &[
    // Nothing at all: a browser from before 2020 without `Origin`, or a program.
    &[],
    &[("origin", "http://evil.example")],
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
    &[("origin", "")],
    &[("origin", "NULL")],
    &[("origin", "{host}")],
    &[("origin", "file://")],
    &[("origin", "https://evil.example/{host}")],
    &[("origin", "https://evil.example#{host}")],
    &[("origin", "https://{host}.evil.example")],
    &[("origin", "https://{host}@evil.example")],
    &[("origin", "https://evil.example@{host}")],
    &[("origin", "https://evil.{host}")],
    &[("origin", "https://{host}.")],
    &[("origin", "https://{host}/")],
    &[("origin", "https://{host}:1")],
    &[("origin", "https://{host}:")],
    &[("origin", "https://{host} ,https://evil.example")],
    &[("origin", "https://{host} https://evil.example")],
    &[("origin", "chrome-extension://{host}")],
    &[("origin", "ws://{host}")],
    &[("origin", "//{host}")],
    &[("origin", "https://{host}"), ("origin", "https://evil.example")],
    &[("origin", "https://evil.example"), ("origin", "https://{host}")],
    // The page that sends it says nothing about where it is from.
    &[("referer", "https://{host}/")],
    &[("host", "evil.example"), ("origin", "https://evil.example.evil")],
    // What browsers say today.
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    // An address that was typed or a bookmark is never a POST.
    &[("sec-fetch-site", "none")],
    &[("sec-fetch-site", "")],
    &[("sec-fetch-site", "Same-Origin")],
    &[("sec-fetch-site", "SAME-ORIGIN")],
    &[("sec-fetch-site", "same-origin, cross-site")],
    &[("sec-fetch-site", "same-origin;x")],
    &[("sec-fetch-site", "\"same-origin\"")],
    &[("sec-fetch-site", "?1")],
    // They contradict each other, or themselves: the newer header decides.
    &[("sec-fetch-site", "cross-site"), ("origin", "{own}")],
    &[("sec-fetch-site", "same-site"), ("origin", "{own}")],
    &[("sec-fetch-site", "none"), ("origin", "{own}")],
    &[("sec-fetch-site", ""), ("origin", "{own}")],
    &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-origin")],
    &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
    // A browser that has a password for a proxy in front adds it to the requests of every site.
    &[("authorization", "Basic dTpw"), ("sec-fetch-site", "cross-site")],
    &[("authorization", "Basic dTpw"), ("origin", "https://evil.example")],
    &[("authorization", "Basic dTpw")],
    &[("authorization", "Digest username=\"u\"")],
    &[("authorization", "Negotiate YIIabc"), ("sec-fetch-site", "same-site")],
    &[("authorization", "NTLM TlRMTVNTUAAB")],
    &[("authorization", "Bearer")],
    &[("authorization", "Basic dTpw"), ("authorization", "Bearer x")],
    // What a form cannot say and `fetch` may not without asking first; it proves nothing.
    &[
        ("x-requested-with", "XMLHttpRequest"),
        ("origin", "https://evil.example"),
    ],
    &[("x-http-method-override", "GET"), ("origin", "https://evil.example")],
    &[
        ("x-forwarded-host", "evil.example"),
        ("origin", "https://evil.example"),
        ("only", "public"),
    ],
    &[("x-original-host", "evil.example"), ("origin", "https://evil.example")],
];

/// What a request that is ours says.
const OURS: &[&[(&str, &str)]] = &[
    &[("sec-fetch-site", "same-origin")],
    &[("origin", "{own}")],
    // The newer header decides, and a page of another site cannot write it.
    &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
    &[("sec-fetch-site", "same-origin"), ("origin", "null")],
    &[("sec-fetch-site", "same-origin"), ("referer", "https://evil.example/")],
];

struct Site {
    app: App,
    client: PlainClient,
    session: String,
    host: String,
    own: String,
    project: String,
}

impl Site {
    async fn laptop() -> Site {
        let app = App::start().await;
        let (host, own) = (app.base.trim_start_matches("http://").to_owned(), app.base.clone());
        Self::of(app, host, own).await
    }

    async fn public() -> Site {
        let app = public_app().await;
        Self::of(app, PUBLIC.trim_start_matches("https://").to_owned(), PUBLIC.to_owned()).await
    }

    async fn of(app: App, host: String, own: String) -> Site {
        let client = found(&app).await;
        let session = client.sign_in("lead").await;
        let headers = [FROM_OUR_PAGE, FORM, ("cookie", session.as_str())];
        let made = client.send("POST", "/projects/new", &headers, "name=Website").await;
        let project = made.headers["location"].to_str().expect("a path").to_owned();
        let tasks = format!("{project}/tasks");
        client.send("POST", &tasks, &headers, "description=Fix").await;
        Site {
            app,
            client,
            session,
            host,
            own,
            project,
        }
    }

    fn is_public(&self) -> bool {
        self.own == PUBLIC
    }

    /// `None` for what is answered otherwise in this mode, before anybody asks where it comes from.
    fn fill(&self, headers: &[(&'static str, &str)]) -> Option<Vec<(&'static str, String)>> {
        let early = headers
            .iter()
            .any(|(name, value)| *name == "host" || (*name, *value) == ("only", "public"));
        if early && !self.is_public() {
            return None;
        }
        let filled = headers
            .iter()
            .filter(|(name, _)| *name != "only")
            .map(|(name, value)| (*name, value.replace("{host}", &self.host).replace("{own}", &self.own)));
        Some(filled.collect())
    }

    async fn post(&self, path: &str, headers: &[(&'static str, String)], body: &str) -> Page {
        let mut all = vec![FORM, ("cookie", self.session.as_str())];
        all.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
        self.client.send("POST", path, &all, body).await
    }
}

/// Every POST page, of a project and a task that are there.
fn addresses(project: &str) -> Vec<String> {
    let number = project.rsplit('/').next().expect("a number");
    let posts = PAGES.iter().filter(|(method, ..)| *method == "POST");
    posts
        .map(|(_, path, _)| {
            let mut path = path.replace("{project}", number);
            while let (Some(from), Some(to)) = (path.find('{'), path.find('}')) {
                path.replace_range(from..=to, "1");
            }
            path
        })
        .collect()
}

async fn nothing_foreign_changes_anything(site: Site) {
    let mut camera = Camera::on(&site.app.database);
    let before = camera.shoot();
    let addresses = addresses(&site.project);
    let fields = form(FIELDS);
    let mut cases = 0;

    for path in &addresses {
        for headers in FOREIGN.iter().filter_map(|headers| site.fill(headers)) {
            let page = site.post(path, &headers, &fields).await;

            assert_eq!(page.status, 403, "{path} with {headers:?}: {}", page.html);
            assert!(page.html.contains(REFUSAL), "{path} with {headers:?}: {}", page.html);
            assert!(!page.headers.contains_key("set-cookie"), "{path} with {headers:?}");
            cases += 1;
        }
        assert_eq!(
            differences(&before, &camera.shoot()),
            "",
            "POST {path} changed something"
        );
    }
    let still = site
        .client
        .send("GET", "/account", &[("cookie", &site.session)], "")
        .await;
    assert_eq!(still.status, 200, "somebody was signed out");
    // The same addresses, asked as our pages ask them, are not refused for where they come from.
    for path in addresses.iter().filter(|path| *path != "/sign-out") {
        for headers in OURS.iter().filter_map(|headers| site.fill(headers)) {
            let page = site.post(path, &headers, &fields).await;

            assert!(!page.html.contains(REFUSAL), "{path} with {headers:?}: {}", page.html);
        }
    }

    let posts = routes()
        .iter()
        .filter(|(method, path)| method == "POST" && !path.starts_with("/module"))
        .count();
    assert_eq!(addresses.len(), posts, "a POST page is not attacked");
    eprintln!("{cases} requests of other sites to {} addresses", addresses.len());
    assert!(cases > 45 * 50, "{cases}");
}

#[tokio::test]
async fn nothing_that_another_site_sends_changes_anything_on_a_laptop() {
    nothing_foreign_changes_anything(Site::laptop().await).await;
}

#[tokio::test]
async fn nothing_that_another_site_sends_changes_anything_under_a_public_url() {
    nothing_foreign_changes_anything(Site::public().await).await;
}

/// Under https the scheme is part of the origin; somebody in the middle of a plain http page is another site.
#[tokio::test]
async fn the_same_host_without_tls_or_on_another_port_is_another_site() {
    let site = Site::public().await;

    for origin in [
        "http://tasks.example",
        "https://tasks.example:8443",
        "https://tasks.example:443",
        "http://tasks.example:443",
        "HTTPS://tasks.example",
        "https://TASKS.example",
        "https://tasks.example.",
    ] {
        let page = site
            .post("/theme", &[("origin", origin.to_owned())], "theme=dark")
            .await;

        assert_eq!(page.status, 403, "{origin}");
        assert!(page.html.contains("TASKVIEW_PUBLIC_URL"), "{}", page.html);
    }
}

/// Blanks around a value are no part of it (RFC 9110, 5.5). What is within it is.
#[tokio::test]
async fn blanks_around_a_header_change_nothing_and_odd_bytes_prove_nothing() {
    let site = Site::laptop().await;

    for (line, expected) in [
        ("Sec-Fetch-Site:   same-origin   ", 303),
        ("sEC-fETCH-sITE: same-origin", 303),
        ("Sec-Fetch-Site:\tsame-origin\t", 303),
        ("Sec-Fetch-Site: same-\u{a0}origin", 403),
        ("Sec-Fetch-Site: same-origin\u{a0}", 403),
        ("Sec-Fetch-Site: \u{fc}\r\nOrigin: {own}", 403),
        ("Sec-Fetch-Site:\r\nOrigin: {own}", 403),
        ("Sec-Fetch-Site : same-origin", 400),
        ("Sec-Fetch-Site: cross-site\r\n same-origin", 400),
        ("Origin: {own}", 303),
        ("Origin: {own} ", 303),
        ("Origin: {own}\u{a0}", 403),
    ] {
        let line = line.replace("{own}", &site.own);
        let request = format!(
            "POST /theme HTTP/1.1\r\nHost: {}\r\n{line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            site.host
        );

        let answer = raw(&site.app.base, &request).await;

        assert_eq!(status_of(&answer), expected, "{line:?}: {answer}");
    }
}

/// The doors that nobody is signed in at: set-up, sign-in, invitation. Somebody who is made to use another's account tells it
/// their secrets.
#[tokio::test]
async fn the_doors_cannot_be_opened_from_another_site() {
    for app in [App::start().await, public_app().await] {
        let client = PlainClient::new(&app.base);
        let code = app.context().gate().setup_code().to_owned();
        let own = app
            .context()
            .config()
            .public_url
            .as_ref()
            .map_or(app.base.clone(), |_| PUBLIC.to_owned());
        let typed = form(&[
            ("code", &code),
            ("login", "lead"),
            ("name", "Lead"),
            ("email", "lead@example.com"),
            ("password", crate::support::given::PASSWORD),
        ]);
        for path in ["/setup", "/sign-in", "/invitations/0000/account", "/invitations/0000"] {
            for headers in FOREIGN {
                if headers.iter().any(|(_, value)| value.contains('{'))
                    || headers.iter().any(|(name, _)| matches!(*name, "host" | "only"))
                {
                    continue;
                }
                let mut all = vec![FORM];
                all.extend(*headers);
                let page = client.send("POST", path, &all, &typed).await;

                assert_eq!(page.status, 403, "{path} {headers:?}");
            }
        }
        assert_eq!(
            client.send("GET", "/setup", &[], "").await.status,
            200,
            "an account was made"
        );
        let page = client.send("POST", "/setup", &[FORM, ("origin", &own)], &typed).await;
        assert_eq!(page.status, 303, "{}", page.text());
    }
}

/// What a browser sends across sites without asking first: three types of content, and none at all.
#[tokio::test]
async fn a_page_takes_a_form_and_nothing_else() {
    let site = Site::laptop().await;
    let mut camera = Camera::on(&site.app.database);
    let before = camera.shoot();
    let fields = form(FIELDS);
    let cookie = ("cookie", site.session.as_str());

    for kind in [
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/json",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencodedx",
        "application/xml",
        "x",
        "",
    ] {
        for path in addresses(&site.project) {
            let page = site
                .client
                .send("POST", &path, &[FROM_OUR_PAGE, cookie, ("content-type", kind)], &fields)
                .await;

            assert_eq!(page.status, 415, "{path} as {kind}: {}", page.html);
        }
    }
    for headers in [
        vec![FROM_OUR_PAGE, cookie],
        vec![FROM_OUR_PAGE, cookie, FORM, ("content-type", "text/plain")],
    ] {
        let page = site
            .client
            .send("POST", "/projects/new", &headers, "name=Planted")
            .await;

        assert_eq!(page.status, 415, "{headers:?}: {}", page.html);
    }

    assert_eq!(differences(&before, &camera.shoot()), "");
    for kind in [
        "application/x-www-form-urlencoded;charset=UTF-8",
        "Application/X-WWW-Form-Urlencoded",
    ] {
        let headers = [FROM_OUR_PAGE, cookie, ("content-type", kind)];
        assert_eq!(
            site.client.send("POST", "/theme", &headers, "theme=dark").await.status,
            303,
            "{kind}"
        );
    }
}

/// The API knows no cookies, so there is nothing that another site could borrow; and it answers no preflight, so that no other
/// site's script may show a token or read an answer.
#[tokio::test]
async fn a_call_with_a_cookie_alone_is_nobodys_and_no_preflight_is_answered() {
    let site = Site::laptop().await;
    let cookie = ("cookie", site.session.as_str());
    let mut camera = Camera::on(&site.app.database);
    let before = camera.shoot();
    let mut calls = 0;

    for (method, path) in routes() {
        let address = path.replace("{}", "1");
        let asked = [
            ("origin", "https://evil.example"),
            ("access-control-request-method", method.as_str()),
            ("access-control-request-headers", "authorization,content-type"),
            cookie,
        ];
        let preflight = site.client.send("OPTIONS", &address, &asked, "").await;
        assert!(preflight.status >= 400, "{path}: {}", preflight.status);
        for (name, _) in &preflight.headers {
            assert!(!name.as_str().starts_with("access-control-"), "{path}: {name}");
        }
        if path.starts_with("/module")
            && !path.starts_with("/module/auth/login")
            && !path.starts_with("/module/auth/refresh")
        {
            let own = [cookie, JSON, FROM_OUR_PAGE, ("origin", site.own.as_str())];
            let answer = site
                .client
                .send(&method, &address, &own, "{\"goalId\":1,\"id\":1}")
                .await;
            assert_eq!(answer.status, 401, "{method} {path}: {}", answer.html);
            calls += 1;
        }
    }

    assert!(calls > 30, "{calls}");
    assert_eq!(differences(&before, &camera.shoot()), "");
}
