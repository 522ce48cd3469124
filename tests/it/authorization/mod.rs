//! Who may do what: every route and method of the program, as everybody there is, and with ids that are somebody else's. The
//! routes are read from the program's own table; who may use them stands in `routes_table.rs` and in [`CALLS`].

mod ground;
mod ids;
mod matrix;

use std::collections::BTreeSet;

use crate::routes_table::{Level, PAGES};
use Kind::{Account, Lists, Makes, Of, Open, Token};
use Level::{Manager, Member, Owner};

/// How the API decides who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Asks for no token.
    Open,
    /// Somebody who signed in: an API token is refused.
    Account,
    /// Whoever has a token; shows what that token may see.
    Token,
    /// As [`Kind::Token`], with a right.
    Lists,
    /// Makes a project: not with a token that is limited to some.
    Makes,
    /// Something of a project, for those who are at least this there.
    Of(Level),
}

/// Below `/module`, one row for each method.
const CALLS: &[(&str, &str, Kind)] = &[
    ("POST", "/auth/login", Open),
    ("POST", "/auth/refresh/token", Open),
    ("POST", "/auth/logout", Account),
    ("GET", "/api-tokens", Account),
    ("POST", "/api-tokens", Account),
    ("DELETE", "/api-tokens", Account),
    ("GET", "/api-tokens/permissions", Account),
    ("GET", "/goals", Token),
    ("POST", "/goals", Makes),
    ("PATCH", "/goals", Of(Manager)),
    ("DELETE", "/goals", Of(Owner)),
    ("GET", "/collaboration", Lists),
    ("POST", "/collaboration", Of(Manager)),
    ("PATCH", "/collaboration", Of(Manager)),
    ("DELETE", "/collaboration", Of(Manager)),
    ("POST", "/collaboration/link", Of(Manager)),
    ("POST", "/collaboration/owner", Of(Owner)),
    ("GET", "/collaboration/{}", Of(Member)),
    ("GET", "/collaborationroles/{}", Of(Member)),
    ("GET", "/tags", Lists),
    ("POST", "/tags", Of(Member)),
    ("PATCH", "/tags", Of(Member)),
    ("DELETE", "/tags", Of(Member)),
    ("PATCH", "/tags/toggle", Of(Member)),
    ("GET", "/tasks", Of(Member)),
    ("POST", "/tasks", Of(Member)),
    ("PATCH", "/tasks", Of(Member)),
    ("DELETE", "/tasks", Of(Member)),
    ("PATCH", "/tasks/task-users", Of(Member)),
    ("GET", "/tasks/{}", Of(Member)),
    ("POST", "/events", Of(Manager)),
    ("GET", "/webhooks", Of(Member)),
    ("POST", "/webhooks", Of(Manager)),
    ("PATCH", "/webhooks", Of(Manager)),
    ("DELETE", "/webhooks", Of(Manager)),
    ("POST", "/webhooks/rotate-secret", Of(Manager)),
    ("POST", "/webhooks/test", Of(Manager)),
    ("POST", "/webhooks/retry", Of(Manager)),
    ("POST", "/webhooks/held", Of(Manager)),
    ("POST", "/webhooks/retry-failed", Of(Manager)),
    ("GET", "/webhooks/deliveries/{}", Of(Member)),
    ("GET", "/webhooks/attempts/{}", Of(Member)),
];

/// Method and path of every route, calls with `/module` before them and ids as `{}`.
pub(crate) fn routes() -> BTreeSet<(String, String)> {
    let source = std::fs::read_to_string("src/web/routes.rs").expect("the route table of the program");
    let (pages, api) = source.split_once("pub fn api(").expect("pages first, then the API");
    let of = |code: &str, base: &str| -> Vec<(String, String)> {
        let found = routes_in(code);
        found
            .into_iter()
            .map(|(method, path)| (method, format!("{base}{path}")))
            .collect()
    };
    let all = [of(pages, ""), of(api, "/module")].concat();
    let count = all.len();
    let all: BTreeSet<_> = all.into_iter().collect();
    assert_eq!(all.len(), count, "a route stands in the table twice");
    assert_eq!(
        count,
        source.matches("().to(").count(),
        "a route of the table was not understood"
    );
    all
}

fn routes_in(code: &str) -> Vec<(String, String)> {
    let (mut found, mut resource) = (Vec::new(), "");
    for (number, piece) in code.split(".route(").enumerate() {
        if number > 0 {
            let (path, rest) = match piece.strip_prefix('"') {
                Some(quoted) => quoted.split_once("\", ").expect("a path and what answers it"),
                None => (resource, piece),
            };
            let (method, _) = rest.trim_start().split_once("().to(").expect("a method");
            found.push((method.to_uppercase(), shape(path)));
        }
        if let Some((_, named)) = piece.rsplit_once("resource(\"") {
            resource = named.split('"').next().unwrap_or_default();
        }
    }
    found
}

/// `/projects/{p}/tasks/{t}` and `/projects/7/tasks/9?x=1` are one.
fn shape(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let is_id = |part: &str| part.starts_with('{') || part.parse::<i64>().is_ok();
    let parts = path.split('/').map(|part| if is_id(part) { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn every_route_and_method_of_the_program_has_a_row() {
    let pages = PAGES
        .iter()
        .map(|(method, path, _)| ((*method).to_owned(), shape(path)));
    let calls = CALLS
        .iter()
        .map(|(method, path, _)| ((*method).to_owned(), format!("/module{path}")));
    let rows: BTreeSet<_> = pages.chain(calls).collect();

    let mut routes = routes();
    // The same answer without its body.
    let heads: Vec<_> = routes.iter().filter(|(method, _)| method == "HEAD").cloned().collect();
    for (method, path) in heads {
        assert!(routes.contains(&("GET".to_owned(), path.clone())), "{path}");
        routes.remove(&(method, path));
    }

    let missing: Vec<_> = routes.difference(&rows).collect();
    assert!(
        missing.is_empty(),
        "routes without a row in routes_table.rs or here: {missing:?}"
    );
    let gone: Vec<_> = rows.difference(&routes).collect();
    assert!(gone.is_empty(), "rows without a route: {gone:?}");
    assert_eq!(rows.len(), PAGES.len() + CALLS.len(), "a row stands there twice");
}
