//! How the installation is, on one page: what waits, the last day, receivers that stand out, the nodes, the database, and the settings that
//! explain what one sees. For administrators; a graph of it over weeks is a monitoring's work (docs/metrics.md).

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use crate::actions::status;
use crate::config::Config;
use crate::context::Context;
use crate::db::DatabaseUrl;
use crate::db::figures::{MOST, StandsOut};
use crate::domain::target::host_of;
use crate::nodes::Node;
use crate::version;
use crate::web::bars::Bars;
use crate::web::page::{Shell, html};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::words::{When, counted, duration, size, thousands};

#[derive(Template)]
#[template(path = "status/show.html")]
struct StatusPage {
    shell: Shell,
    at: When,
    queue: Vec<Fact>,
    webhooks: Vec<Fact>,
    bars: Bars,
    failing: Vec<Receiver>,
    slowest: Vec<Receiver>,
    nodes: Vec<NodeRow>,
    nobody_delivers: bool,
    node: Vec<Fact>,
    database: Vec<Fact>,
    settings: Vec<Fact>,
    version: &'static str,
}

type Fact = (&'static str, String);

/// A webhook by the host of its URL, which may hold a secret behind it.
struct Receiver {
    host: String,
    webhook: i64,
    number: String,
}

struct NodeRow {
    name: String,
    role: String,
    version: String,
    own: bool,
}

pub async fn show(who: SignedIn, ctx: Data<Context>) -> Result<HttpResponse, PageError> {
    let now = who.now;
    let (shell, status) = ctx
        .read(move |db| {
            let status = status::read(db, &who.actor, now)?;
            let mut shell = who.shell(db, "Status")?;
            shell.on_installation = "status";
            Ok((shell, status))
        })
        .await?;
    let (queue, webhooks) = (status.queue, status.webhooks);
    let oldest = match queue.oldest {
        Some(at) => duration(i64::try_from(now.since(at).as_micros()).unwrap_or(i64::MAX)),
        None => "nothing is due".to_owned(),
    };
    let failed = |number: i64| counted(number, "failed delivery", "failed deliveries");
    html(&StatusPage {
        shell,
        at: When::new(now, now),
        queue: vec![
            ("Due or on their way", up_to(queue.due)),
            ("Oldest of them waits for", oldest),
            ("For a later attempt", up_to(queue.later)),
            ("Held", up_to(queue.held)),
        ],
        webhooks: vec![
            ("Active", thousands(webhooks.active)),
            ("Failing", thousands(webhooks.failing)),
            ("Turned off automatically", thousands(webhooks.turned_off)),
            ("Off", thousands(webhooks.off)),
        ],
        bars: Bars::new(&status.chart, true),
        failing: receivers(status.failing, failed),
        slowest: receivers(status.slowest, duration),
        nodes: nodes(&ctx.nodes()),
        nobody_delivers: ctx.nobody_delivers(),
        node: this_node(&ctx),
        database: database(&ctx, status.size),
        settings: settings(ctx.config()),
        version: version::OWN,
    })
}

fn up_to(count: i64) -> String {
    let more = if count >= MOST { " or more" } else { "" };
    format!("{}{more}", thousands(count))
}

fn receivers(found: Vec<StandsOut>, words: impl Fn(i64) -> String) -> Vec<Receiver> {
    found
        .into_iter()
        .map(|one| Receiver {
            host: host_of(&one.url).unwrap_or_default(),
            webhook: one.webhook_id.0,
            number: words(one.number),
        })
        .collect()
}

fn nodes(nodes: &[Node]) -> Vec<NodeRow> {
    let row = |(place, node): (usize, &Node)| NodeRow {
        name: node
            .name
            .as_ref()
            .map_or_else(|| "unnamed".to_owned(), ToString::to_string),
        role: node.role.to_string(),
        version: node
            .version
            .map_or_else(|| "–".to_owned(), |version| version.to_string()),
        own: place == 0,
    };
    nodes.iter().enumerate().map(row).collect()
}

fn this_node(ctx: &Context) -> Vec<Fact> {
    let (running, slow, direct, most) = {
        let ledger = ctx.slots().lock();
        (ledger.running, ledger.suspect, ledger.direct, ledger.budget.in_all)
    };
    let engine = if ctx.config().role.delivers() {
        let age = ctx.pulse().age();
        format!(
            "last round {} ago",
            duration(i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
        )
    } else {
        "none on this node".to_owned()
    };
    let mut facts = vec![
        ("Attempts on their way", format!("{running} of {most}")),
        ("To receivers not known as quick", slow.to_string()),
        ("That somebody waits for", direct.to_string()),
        ("Engine", engine),
        ("Open histories", ctx.live().streams().to_string()),
    ];
    if let Some(others) = ctx.others() {
        // In thousandths, and no −0.000.
        let ahead = (others.ahead_micros() / 1_000) as f64 / 1_000.0;
        facts.push(("Clock", format!("{ahead:+.3} s from the database's")));
    }
    facts
}

fn database(ctx: &Context, server_size: i64) -> Vec<Fact> {
    let bytes = |count: u64| size(usize::try_from(count).unwrap_or(usize::MAX));
    match &ctx.config().database {
        DatabaseUrl::Sqlite(path) => {
            let file = |end: &str| std::fs::metadata(format!("{}{end}", path.display())).map_or(0, |file| file.len());
            vec![
                ("Kind", "SQLite".to_owned()),
                ("Size", bytes(file(""))),
                ("Write-ahead log", bytes(file("-wal"))),
            ]
        }
        DatabaseUrl::Postgres(_) => vec![
            ("Kind", "PostgreSQL".to_owned()),
            ("Size", bytes(server_size.unsigned_abs())),
        ],
    }
}

fn settings(config: &Config) -> Vec<Fact> {
    let url = config.public_url.as_ref();
    let allowed = config.allow.to_string();
    let days = |time: std::time::Duration| (time.as_secs() / 86_400).to_string();
    vec![
        (
            "TASKVIEW_PUBLIC_URL",
            url.map_or_else(|| "none".to_owned(), ToString::to_string),
        ),
        (
            "TASKVIEW_ALLOW_TARGETS",
            if allowed.is_empty() { "none".to_owned() } else { allowed },
        ),
        ("TASKVIEW_MAX_IN_FLIGHT", config.budget.in_all.to_string()),
        (
            "TASKVIEW_MAX_IN_FLIGHT_PER_WEBHOOK",
            config.budget.per_webhook.to_string(),
        ),
        ("TASKVIEW_MAX_HELD", thousands(config.limits.held)),
        ("TASKVIEW_MAX_HELD_DAYS", days(config.limits.held_for)),
        ("TASKVIEW_RETENTION_DAYS", config.kept.days.to_string()),
        ("TASKVIEW_RETENTION_PER_WEBHOOK", thousands(config.kept.per_webhook)),
        ("TASKVIEW_AUDIT_DAYS", days(config.audit_kept_for)),
    ]
}
