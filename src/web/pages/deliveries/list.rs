//! A page of the history: filters as a form whose address can be shared, rows that open a delivery and can be selected, and the
//! way to older ones.

use actix_web::{HttpResponse, web};
use askama::Template;

use super::At;
use super::asked::Asked;
use super::row::Row;
use super::{live, resend};
use crate::actions::deliveries::{self, History, Place, Wanted};
use crate::actions::resend_runs;
use crate::actions::webhooks::{self, COUNTED, Seen};
use crate::context::Context;
use crate::db::Db;
use crate::db::history::{Filter, Page, Start};
use crate::domain::ids::EventId;
use crate::domain::moment::Moment;
use crate::domain::retention::Kept;
use crate::error::AppError;
use crate::web::attempt_wait;
use crate::web::bars::Bars;
use crate::web::delivery_words::{counted_up_to, kept_in_words, webhook_state};
use crate::web::filters::{Chip, Choice};
use crate::web::form::FieldErrors;
use crate::web::page::{Shell, Tab, html};
use crate::web::page_error::PageError;
use crate::web::pager::{Read, Ways};
use crate::web::pages::webhooks::view::{Tested, path_of};
use crate::web::signed_in::SignedIn;

pub(super) const PAGE: i64 = 20;

#[derive(Template)]
#[template(path = "deliveries/list.html")]
struct HistoryPage {
    shell: Shell,
    webhooks_path: String,
    /// Of this history.
    path: String,
    manages: bool,
    /// None: of the whole project.
    hook: Option<Hook>,
    tested: Option<Tested>,
    asked: Asked,
    errors: FieldErrors,
    statuses: Vec<Choice>,
    events: Vec<Choice>,
    codes: Vec<Choice>,
    times: Vec<Choice>,
    chips: Vec<Chip>,
    /// Where the stream is that keeps this page true; empty when there is nothing to keep.
    stream: String,
    /// The newest page with these filters.
    newest: String,
    /// The same rows and all older ones as a file; its format is still to be added.
    export: String,
    rows: Vec<Row>,
    /// Some rows can be selected, to be sent again.
    selectable: bool,
    /// Of this page's address, to come back to it.
    query: String,
    ways: Ways,
    /// There is no delivery here.
    is_empty: bool,
    /// There were some that are not kept any more.
    was_pruned: bool,
    /// At the end of the history: for how long it is kept. Else empty.
    kept: String,
}

/// The webhook whose history this is.
#[derive(Debug)]
struct Hook {
    path: String,
    title: String,
    url: String,
    state: &'static str,
    state_words: String,
    failures: i32,
    /// The last 24 hours.
    bars: Bars,
    /// `34 deliveries are held`, empty when none is.
    held: String,
    /// How much of a re-send is left, while one is under way.
    left: Option<String>,
}

pub async fn history(
    who: SignedIn,
    ctx: web::Data<Context>,
    At(place): At,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, PageError> {
    let (asked, now, pending) = (asked.into_inner(), ctx.now(), attempt_wait::reason(&ctx));
    let kept = ctx.config().kept;
    let page = ctx
        .read(move |db| {
            let tested = super::super::webhooks::tested(db, &who, place.project, asked.tested, now, pending)?;
            let mut page = page_of(db, &who, place, asked, kept, now)?;
            page.tested = tested.map(|(_, tested)| tested);
            Ok(page)
        })
        .await?;
    html(&page)
}

fn page_of(
    db: &mut Db,
    who: &SignedIn,
    place: Place,
    asked: Asked,
    kept: Kept,
    now: Moment,
) -> Result<HistoryPage, AppError> {
    let (filter, errors) = match asked.filter(now) {
        Ok(filter) => (Some(filter), Vec::new()),
        Err(errors) => (None, errors),
    };
    let mut history = searched(db, who, place, &asked, filter)?;
    let rows: Vec<Row> = history
        .page
        .rows
        .iter()
        .map(|row| Row::new(row, &history, now))
        .collect();
    let path = place.history();
    let read = Read {
        start: asked.start(),
        first: rows.first().map(|row| row.id),
        last: rows.last().map(|row| row.id),
        more: history.page.more,
        searched_to: history.page.searched_to,
    };
    let ways = read.ways(|word, id| format!("{path}{}", asked.query_with(word, &id.to_string())));
    let is_empty = rows.is_empty() && !asked.is_filtered() && ways.newer.is_empty();
    // Where nothing is shown for want of a match, what comes would have to be looked for from the very first row on.
    let counts = asked.start() == Start::Newest && (is_empty || !rows.is_empty());
    let hook = match place.webhook {
        Some(_) => {
            webhooks::count_held(db, &mut history.webhooks[0])?;
            Some(Hook::of(db, &history.webhooks, now)?)
        }
        None => None,
    };
    Ok(HistoryPage {
        shell: who.shell_in(db, "Deliveries", &history.member, tab(place))?,
        manages: history.member.manages(),
        webhooks_path: path_of(place.project),
        hook,
        tested: None,
        statuses: asked.statuses(),
        events: asked.events(history.webhooks.iter().flat_map(|seen| seen.events.clone())),
        codes: asked.codes(),
        times: asked.times(),
        // A filter that was not understood is not applied.
        chips: if errors.is_empty() {
            asked.chips(&path)
        } else {
            Vec::new()
        },
        stream: if counts || !rows.is_empty() {
            live::address(&asked, place, &rows, counts, rows.iter().any(|row| row.can_retry), now)
        } else {
            String::new()
        },
        newest: format!("{path}{}", asked.newest_query()),
        export: format!("{path}/export{}", asked.query_with("format", "")),
        query: asked.query(),
        selectable: rows.iter().any(|row| row.can_retry),
        is_empty,
        was_pruned: history.webhooks.iter().any(|seen| seen.webhook.pruned_to > EventId(0)),
        kept: if ways.older.is_empty() && ways.further.is_empty() {
            kept_in_words(kept)
        } else {
            String::new()
        },
        ways,
        errors: errors.into(),
        asked,
        rows,
        path,
    })
}

/// Nothing, when it was not understood what is looked for.
fn searched(
    db: &mut Db,
    who: &SignedIn,
    place: Place,
    asked: &Asked,
    filter: Option<Filter>,
) -> Result<History, AppError> {
    let understood = filter.is_some();
    let wanted = Wanted {
        filter: filter.unwrap_or_default(),
        start: asked.start(),
        limit: PAGE,
    };
    let mut history = deliveries::history(db, &who.actor, place, &wanted)?;
    if !understood {
        history.page = Page::default();
    }
    Ok(history)
}

fn tab(place: Place) -> Tab {
    match place.webhook {
        Some(_) => Tab::Webhooks,
        None => Tab::Deliveries,
    }
}

impl Hook {
    /// Of the one webhook of a history.
    fn of(db: &mut Db, one: &[Seen], now: Moment) -> Result<Self, AppError> {
        let seen = &one[0];
        let webhook = &seen.webhook;
        let used = webhooks::recent(db, seen)?.used;
        let (state, state_words) = webhook_state(seen, used);
        let chart = webhooks::charts(db, one, now)?.remove(&webhook.id);
        Ok(Hook {
            path: format!("{}/{}", path_of(webhook.project_id), webhook.id),
            title: seen.title().to_owned(),
            url: webhook.url.clone(),
            state,
            state_words,
            failures: webhook.consecutive_failures,
            bars: Bars::new(&chart.unwrap_or_default(), used),
            held: match seen.held {
                0 => String::new(),
                n => format!("{} held", counted_up_to(n, COUNTED, "delivery", "deliveries")),
            },
            left: resend_runs::left(db, seen)?.map(resend::left_in_words),
        })
    }
}
