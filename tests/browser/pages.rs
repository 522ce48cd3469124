//! Every page in every state, in one table: axe looks at each in light and dark, on a desk and on a phone; nothing may stick out;
//! a picture of each is left in `target/screenshots`. A page of the program that has no line here fails the first test.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::axe::Axe;
use crate::chrome::{Chrome, Screen};
use crate::devtools::{Look, Theme};
use crate::support::app::App;
use crate::town::Town;

/// Who looks. The first of all comes before there is an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    First,
    Nobody,
    Owner,
    Manager,
    Member,
    /// In no project.
    Newcomer,
}
use Who::{First, Manager, Member, Newcomer, Nobody, Owner};

impl Who {
    fn login(self) -> Option<&'static str> {
        match self {
            First | Nobody => None,
            Owner => Some("lead"),
            Manager => Some("mia"),
            Member => Some("max"),
            Newcomer => Some("nina"),
        }
    }
}

/// What is done on a page until it shows the state that is meant.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// A field and what is typed into it.
    Type(&'static str, &'static str),
    Press(&'static str),
    Reload,
}
use Step::{Press, Reload, Type};

/// Its name is that of its pictures; the path names places of the town.
pub type Row = (Who, &'static str, &'static str, &'static [Step]);

const WRONG_SIGN_IN: &[Step] = &[
    Type("Login or e-mail", "lead"),
    Type("Password", "wrong"),
    Press("Sign in"),
];
const ADVANCED: Step = Press("Advanced: retry schedule");
const BAD_WEBHOOK: &[Step] = &[
    Type("URL", "ftp://example.com"),
    ADVANCED,
    Type("Own headers", "Host: x"),
    Press("Add"),
];
const GOOD_WEBHOOK: &[Step] = &[
    Type("URL", "http://localhost:9/"),
    Press("All task events"),
    Press("Add"),
];
const SPENT_WEBHOOK: &[Step] = &[GOOD_WEBHOOK[0], GOOD_WEBHOOK[1], GOOD_WEBHOOK[2], Reload];
const ASKED_DEBUGGER: &[Step] = &[
    Type("Headers of the delivery", "X-Webhook-Signature: sha256=00"),
    Type("Body as your code saw it", "{\"event\":\"task.created\"}"),
    Press("Check"),
];

/// Grouped by who looks, because each change of person is a sign-in.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    (First, "setup", "/setup", &[]),
    (First, "setup-wrong", "/setup", &[Type("Login", "lead"), Type("Password", "short"), Press("Create account")]),
    (Nobody, "sign-in", "/sign-in", &[]),
    (Nobody, "sign-in-wrong", "/sign-in", WRONG_SIGN_IN),
    (Nobody, "sign-in-first", "{website}/webhooks", &[]),
    (Nobody, "invitation", "/invitations/{invitation}", &[]),
    (Nobody, "invitation-wrong", "/invitations/{invitation}", &[Type("Login", "lead"), Press("Create account and join")]),
    (Nobody, "invitation-of-an-account", "/invitations/{invitation-of-nina}", &[]),
    (Nobody, "invitation-gone", "/invitations/nothing", &[]),
    (Nobody, "nothing-there", "/nothing", &[]),
    (Nobody, "docs-events", "/docs/events", &[]),
    (Nobody, "docs-verify", "/docs/verify", &[]),
    (Nobody, "docs-api", "/docs/api", &[]),
    (Newcomer, "home", "/", &[]),
    (Newcomer, "not-yours", "{website}", &[]),
    (Newcomer, "invitation-signed-in", "/invitations/{invitation}", &[]),
    (Newcomer, "tokens-none", "/account/api-tokens", &[]),
    (Newcomer, "project-new", "/projects/new", &[]),
    (Newcomer, "project-new-wrong", "/projects/new", &[Press("Create project")]),
    (Member, "member-tasks", "{website}", &[]),
    (Member, "member-task", "{website}/tasks/{task}", &[]),
    (Member, "member-webhooks", "{website}/webhooks", &[]),
    (Member, "member-webhooks-none", "{quiet}/webhooks", &[]),
    (Member, "member-history", "{website}/webhooks/{stopped}/deliveries", &[]),
    (Member, "member-history-none", "{website}/webhooks/{never}/deliveries", &[]),
    (Member, "member-project-history", "{website}/deliveries", &[]),
    (Member, "member-labels", "{website}/labels", &[]),
    (Member, "member-delivery", "{website}/webhooks/{failing}/deliveries/{d-failed}", &[]),
    (Member, "member-members", "{website}/members", &[]),
    (Member, "member-leave", "{website}/leave", &[]),
    (Member, "forbidden", "{website}/webhooks/new", &[]),
    (Manager, "manager-webhooks", "{website}/webhooks", &[]),
    (Manager, "manager-members", "{website}/members", &[]),
    (Manager, "manager-edit", "{website}/edit", &[]),
    (Manager, "manager-audit", "{website}/audit", &[]),
    (Owner, "tasks", "{website}", &[]),
    (Owner, "tasks-menu", "{website}", &[Press("Menu of Website")]),
    (Owner, "tasks-none", "{quiet}", &[]),
    (Owner, "tasks-archived", "{attic}", &[]),
    (Owner, "tasks-complete", "{website}?show=completed", &[]),
    (Owner, "task", "{website}/tasks/{task}", &[]),
    (Owner, "task-wrong", "{website}/tasks/{task}", &[Type("Deadline date", ""), Press("Save")]),
    (Owner, "task-sub", "{website}/tasks/{subtask}", &[]),
    (Owner, "task-delete", "{website}/tasks/{task}/delete", &[]),
    (Owner, "tasks-filtered", "{website}?tag={tag}&status={status}&assignee=me", &[]),
    (Owner, "labels", "{website}/labels", &[]),
    (Owner, "labels-wrong", "{website}/labels", &[Press("Add tag")]),
    (Owner, "tag-edit", "{website}/tags/{tag}/edit", &[]),
    (Owner, "tag-remove", "{website}/tags/{tag}/remove", &[]),
    (Owner, "status-edit", "{website}/statuses/{status}/edit", &[]),
    (Owner, "status-remove", "{website}/statuses/{status}/remove", &[]),
    (Owner, "project-edit", "{website}/edit", &[]),
    (Owner, "project-archived", "{attic}/edit", &[]),
    (Owner, "project-delete", "{website}/delete", &[]),
    (Owner, "members", "{website}/members", &[]),
    (Owner, "members-wrong", "{sandbox}/members", &[Type("E-mail", "nobody"), Press("Add member")]),
    (Owner, "members-invited", "{sandbox}/members", &[Type("E-mail", "dora@example.com"), Press("Add member")]),
    (Owner, "member-remove", "{website}/members/{member}/remove", &[]),
    (Owner, "member-withdraw", "{website}/members/{waiting}/remove", &[]),
    (Owner, "member-link", "{website}/members/{waiting}/link", &[]),
    (Owner, "member-hand-over", "{website}/members/{manager}/hand-over", &[]),
    (Owner, "owner-leave", "{website}/leave", &[]),
    (Owner, "webhooks", "{website}/webhooks", &[]),
    (Owner, "webhooks-none", "{quiet}/webhooks", &[]),
    (Owner, "webhook-tested", "{sandbox}/webhooks", &[Press("Test")]),
    (Owner, "webhook-new", "{website}/webhooks/new", &[ADVANCED]),
    (Owner, "webhook-example", "{website}/webhooks/new", &[Press("Example")]),
    (Owner, "webhook-new-wrong", "{website}/webhooks/new", BAD_WEBHOOK),
    (Owner, "webhook-secret", "{sandbox}/webhooks/new", GOOD_WEBHOOK),
    (Owner, "webhook-secret-gone", "{sandbox}/webhooks/new", SPENT_WEBHOOK),
    (Owner, "webhook-edit", "{website}/webhooks/{active}/edit", &[]),
    (Owner, "webhook-rotate", "{answers}/webhooks/{patient}/rotate", &[]),
    (Owner, "webhook-rotated", "{sandbox}/webhooks/{toy}/rotate", &[Press("Rotate secret")]),
    (Owner, "webhook-delete", "{website}/webhooks/{stopped}/delete", &[]),
    (Owner, "webhook-turn-on", "{website}/webhooks/{stopped}/turn-on", &[]),
    (Owner, "debugger", "{website}/webhooks/{active}/signature", &[]),
    (Owner, "debugger-wrong", "{website}/webhooks/{active}/signature", &[Press("Check")]),
    (Owner, "debugger-result", "{website}/webhooks/{active}/signature?delivery={d-success}", ASKED_DEBUGGER),
    (Owner, "resend", "{website}/webhooks/{stopped}/resend", &[]),
    (Owner, "resend-nothing", "{website}/webhooks/{never}/resend", &[]),
    (Owner, "history", "{website}/webhooks/{active}/deliveries", &[]),
    (Owner, "history-failed", "{website}/webhooks/{stopped}/deliveries", &[]),
    (Owner, "history-picked", "{website}/webhooks/{stopped}/deliveries?status=failed", &[Press("Select all failed")]),
    (Owner, "history-nothing-matches", "{website}/webhooks/{active}/deliveries?status=failed", &[]),
    (Owner, "history-filtered", "{website}/webhooks/{active}/deliveries?status=success&event=task.created&code=2xx&time=24h&from=2026-01-01T00:00", &[]),
    (Owner, "history-not-understood", "{website}/deliveries?id=bug&to=tomorrow", &[]),
    (Owner, "project-history", "{website}/deliveries", &[]),
    (Owner, "project-history-mixed", "{answers}/deliveries", &[]),
    (Owner, "project-history-none", "{quiet}/deliveries", &[]),
    (Owner, "history-none", "{website}/webhooks/{never}/deliveries", &[]),
    (Owner, "delivery", "{website}/webhooks/{active}/deliveries/{d-success}", &[]),
    (Owner, "delivery-held", "{website}/webhooks/{stopped}/deliveries/{d-held}", &[]),
    (Owner, "delivery-test", "{website}/webhooks/{active}/deliveries/{d-test}", &[]),
    (Owner, "delivery-pending", "{answers}/webhooks/{patient}/deliveries/{d-pending}", &[]),
    (Owner, "delivery-ok", "{answers}/webhooks/{ok}/deliveries/{d-ok}", &[Press("Attempt 1")]),
    (Owner, "delivery-empty", "{answers}/webhooks/{empty}/deliveries/{d-empty}", &[]),
    (Owner, "delivery-page", "{answers}/webhooks/{page}/deliveries/{d-page}", &[]),
    (Owner, "delivery-error", "{answers}/webhooks/{error}/deliveries/{d-error}", &[Press("Raw")]),
    (Owner, "delivery-request", "{answers}/webhooks/{busy}/deliveries/{d-busy}", &[Press("Request")]),
    (Owner, "delivery-moved", "{answers}/webhooks/{moved}/deliveries/{d-moved}", &[]),
    (Owner, "delivery-locked", "{answers}/webhooks/{locked}/deliveries/{d-locked}", &[]),
    (Owner, "delivery-silent", "{answers}/webhooks/{silent}/deliveries/{d-silent}", &[]),
    (Owner, "delivery-closes", "{answers}/webhooks/{closes}/deliveries/{d-closes}", &[]),
    (Owner, "delivery-nonsense", "{answers}/webhooks/{nonsense}/deliveries/{d-nonsense}", &[]),
    (Owner, "delivery-large", "{answers}/webhooks/{large}/deliveries/{d-large}", &[]),
    (Owner, "delivery-refused", "{answers}/webhooks/{refused}/deliveries/{d-refused}", &[]),
    (Owner, "audit", "{website}/audit", &[]),
    (Owner, "audit-filtered", "{website}/audit?what=webhooks&time=24h&address=127.0.0.1", &[]),
    (Owner, "audit-nothing-matches", "{website}/audit?subject=999999999", &[]),
    (Owner, "audit-not-understood", "{website}/audit?subject=bug&address=here&from=yesterday", &[]),
    (Owner, "audit-installation", "/audit", &[]),
    (Owner, "status", "/status", &[]),
    (Owner, "account", "/account", &[]),
    (Owner, "account-wrong", "/account", &[Press("Change password")]),
    (Owner, "tokens", "/account/api-tokens", &[]),
    (Owner, "token-new", "/account/api-tokens/new", &[]),
    (Owner, "token-wrong", "/account/api-tokens/new", &[Press("Make token")]),
    (Owner, "token-secret", "/account/api-tokens/new", &[Type("Name", "Reports"), Press("Make token")]),
    (Owner, "token-gone", "/account/api-tokens/new", &[Type("Name", "Books"), Press("Make token"), Reload]),
    (Owner, "token-revoke", "/account/api-tokens/{token}/revoke", &[]),
    (Owner, "no-such-project", "/projects/999999999", &[]),
];

/// States that only a phone has.
#[rustfmt::skip]
const ON_A_PHONE: &[Row] = &[
    (Owner, "drawer", "{website}", &[Press("Projects")]),
    (Owner, "drawer-menu", "{website}", &[Press("Projects"), Press("Menu of Website")]),
];

/// Half a day after the sign-in, when some forms want the password again.
#[rustfmt::skip]
const HALF_A_DAY_LATER: &[Row] = &[
    (Owner, "rotate-again", "{answers}/webhooks/{patient}/rotate", &[]),
    (Owner, "rotate-again-wrong", "{answers}/webhooks/{patient}/rotate", &[Type("Your password", "wrong"), Press("Rotate secret")]),
    (Owner, "delete-again", "{website}/delete", &[]),
    (Owner, "hand-over-again", "{website}/members/{manager}/hand-over", &[]),
    (Owner, "token-again-wrong", "/account/api-tokens/new", &[Type("Name", "Nightly"), Press("Make token")]),
    (Owner, "account-much-later", "/account", &[]),
];

/// Not pages: JSON for programs, streams, files.
const NO_PAGES: &[&str] = &[
    "/openapi.json",
    "/audit/export",
    "/projects/{project}/audit/export",
    "/projects/{project}/deliveries/live",
    "/projects/{project}/deliveries/export",
    "/projects/{project}/webhooks/{webhook}/deliveries/live",
    "/projects/{project}/webhooks/{webhook}/deliveries/export",
];

#[test]
fn every_page_of_the_program_has_a_line() {
    let source = std::fs::read_to_string("src/web/routes.rs").expect("the route table of the program");
    let (pages, _) = source
        .split_once("pub fn pages(")
        .and_then(|(_, rest)| rest.split_once("pub fn api("))
        .expect("pages first, then the API");
    let shown: BTreeSet<String> = ROWS.iter().map(|(_, _, path, _)| shape(path)).collect();

    let gets = pages.lines().filter(|line| line.contains(" get().to("));
    let paths = gets.filter_map(|line| line.split('"').nth(1));
    let missing: Vec<_> = paths
        .filter(|path| !NO_PAGES.contains(path) && !shown.contains(&shape(path)))
        .collect();

    assert_eq!(missing, Vec::<&str>::new(), "pages without a line in this file's table");
}

#[test]
fn no_two_lines_share_a_name() {
    let names: BTreeSet<_> = ROWS
        .iter()
        .chain(ON_A_PHONE)
        .chain(HALF_A_DAY_LATER)
        .map(|row| row.1)
        .collect();

    assert_eq!(names.len(), ROWS.len() + ON_A_PHONE.len() + HALF_A_DAY_LATER.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_accessible_and_fits_in_both_themes_on_both_screens() {
    let app = App::configured(|config| config.timing.deadline = Duration::from_millis(500)).await;
    let (first, rest): (Vec<&Row>, Vec<_>) = ROWS.iter().partition(|row| row.0 == First);
    let mut one = Gallery::open(&app).await;
    for row in first {
        one.visit(row.2, row.3).await;
        one.hang(row.1, &Screen::ALL).await;
    }
    let town = Town::found(app).await;
    let mut other = Gallery::open(&town.app).await;
    // Two browsers share the work: it is theirs, not ours.
    tokio::join!(
        one.walk(&town, rest.iter().step_by(2).copied()),
        other.walk(&town, rest.iter().skip(1).step_by(2).copied())
    );
    for row in ON_A_PHONE {
        one.chrome.turn_into(Nobody, row.0).await;
        one.chrome.look(Look(Screen::Phone, Theme::Light)).await;
        one.visit(&town.path(row.2), row.3).await;
        one.hang(row.1, &[Screen::Phone]).await;
    }

    one.chrome.turn_into(Nobody, Owner).await;
    town.app.advance(Duration::from_secs(13 * 3600));
    for row in HALF_A_DAY_LATER {
        one.visit(&town.path(row.2), row.3).await;
        one.hang(row.1, &Screen::ALL).await;
    }

    let too_wide = [one.too_wide, other.too_wide].concat();
    assert_eq!(too_wide, Vec::<String>::new(), "wider than the screen");
    one.axe.with(other.axe).assert_clean();
    one.chrome.close().await;
    other.chrome.close().await;
}

struct Gallery {
    chrome: Chrome,
    axe: Axe,
    too_wide: Vec<String>,
}

impl Gallery {
    async fn open(app: &App) -> Gallery {
        Gallery {
            chrome: Chrome::open(&app.base, "pages", Screen::Desk).await,
            axe: Axe::new(),
            too_wide: Vec::new(),
        }
    }

    async fn walk(&mut self, town: &Town, rows: impl Iterator<Item = &Row>) {
        let mut visitor = Nobody;
        for row in rows {
            visitor = self.chrome.turn_into(visitor, row.0).await;
            self.visit(&town.path(row.2), row.3).await;
            self.hang(row.1, &Screen::ALL).await;
        }
    }

    async fn visit(&self, path: &str, steps: &[Step]) {
        self.chrome.visit(path).await;
        self.chrome.follow(steps).await;
    }

    /// Looks at the page that is shown on these screens, in both themes.
    async fn hang(&mut self, name: &str, screens: &[Screen]) {
        for screen in screens {
            for theme in Theme::ALL {
                let look = Look(*screen, theme);
                self.chrome.look_at_all(look).await;
                let name = format!("{name}-{look}");
                match theme {
                    Theme::Light => self.axe.examine(&self.chrome, &name).await,
                    Theme::Dark => self.axe.examine_colors(&self.chrome, &name).await,
                }
                if self.chrome.overhang().await > 0 {
                    self.too_wide.push(name.clone());
                }
                self.chrome.shoot_as(&name).await;
            }
        }
        self.chrome.look(Look(Screen::Desk, Theme::Light)).await;
    }
}

impl Chrome {
    /// Signs in as somebody else, when it is somebody else.
    pub async fn turn_into(&self, before: Who, now: Who) -> Who {
        if before != now {
            match now.login() {
                Some(login) => self.sign_in(login).await,
                None => self.forget().await,
            }
        }
        now
    }

    pub async fn follow(&self, steps: &[Step]) {
        for step in steps {
            match step {
                Type(label, text) => self.fill(label, text).await,
                Press(words) => self.click(words).await,
                Reload => self.reload().await,
            }
        }
    }
}

/// `{website}/tasks/{task}?show=done` and `/projects/{project}/tasks/{task}` are one page.
fn shape(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let projects = ["website", "answers", "quiet", "sandbox", "attic"];
    let whole = projects.iter().fold(path.to_owned(), |path, name| {
        path.replace(&format!("{{{name}}}"), "/projects/{}")
    });
    let parts = whole
        .split('/')
        .map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}
