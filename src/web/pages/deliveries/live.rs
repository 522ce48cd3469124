//! Server-sent events for an open history: the rows it shows, as they change, and how many newer ones there are. A stream looks
//! twice a second whether its webhooks had news on this node, and every few seconds in any case, because other nodes deliver too,
//! sessions end and memberships are taken away.

use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::header::{self, ContentEncoding};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::At;
use super::asked::Asked;
use super::list::PAGE;
use super::row::Row;
use crate::actions::deliveries::{self, Place};
use crate::actions::sessions;
use crate::context::Context;
use crate::db::history::{Delivery, Filter};
use crate::domain::delivery::{OutcomeKind, Status};
use crate::domain::ids::{DeliveryId, WebhookId};
use crate::domain::moment::{Moment, micros};
use crate::error::AppError;
use crate::live::{TooMany, Watch};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;
use crate::web::words::counted;

/// How soon news is seen; also the most that a page is given to do.
const LOOK: Duration = Duration::from_millis(500);
/// What each of many streams adds to the pause of all: together they look about a hundred times a second, however many they are.
const EACH: Duration = Duration::from_millis(8);
/// Without news on this node. Whoever was shut out gets nothing after this.
const LOOK_ANYWAY: Duration = Duration::from_secs(3);
/// Newer ones are counted up to here: `100+`.
const COUNTED: i64 = 100;
/// A browser comes back after so long; further and further apart while it is refused.
const RETRY: Duration = Duration::from_secs(2);
/// An attempt that began so long before the page was made may have ended after it.
const ATTEMPT: Duration = Duration::from_secs(15);

/// The page that watches, as its address says it.
#[derive(Debug, Deserialize)]
pub struct Shown {
    /// The ids of its rows, with commas.
    #[serde(default)]
    rows: String,
    /// Its newest row; newer ones are counted only with it.
    newest: Option<DeliveryId>,
    /// When it was made.
    made: Option<i64>,
    /// The `id` of the last message, from a page that comes back: any of its rows may have changed meanwhile.
    since: Option<String>,
    /// Its rows have a box to tick.
    #[serde(default)]
    picks: bool,
}

/// The address of the stream that keeps a page true.
pub fn address(asked: &Asked, place: Place, rows: &[Row], counts: bool, picks: bool, now: Moment) -> String {
    let ids: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
    let mut address = format!(
        "{}/live{}&made={}&picks={picks}",
        place.history(),
        asked.query_with("rows", &ids.join(",")),
        now.0
    );
    if counts {
        let newest = rows.first().map_or(DeliveryId(0), |row| row.id);
        address.push_str(&format!("&newest={newest}"));
    }
    address
}

pub async fn live(
    who: SignedIn,
    ctx: web::Data<Context>,
    At(place): At,
    asked: web::Query<Asked>,
    shown: web::Query<Shown>,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let mut filter = asked.filter(ctx.now()).map_err(AppError::Invalid)?;
    // What comes is newer than any beginning, and neither before an end nor a delivery that is there already.
    let counts = filter.until.is_none() && filter.message.is_none();
    filter.since = None;
    // A browser that comes back by itself says so in a header.
    let is_back = shown.since.is_some() || request.headers().contains_key("last-event-id");
    let watch = ctx.live().watch(who.session).map_err(too_many)?;
    let ids = shown.rows.split(',').filter_map(|id| id.parse().ok().map(DeliveryId));
    let mut page = OpenPage {
        ctx: ctx.clone(),
        who,
        place,
        filter,
        rows: ids.take(PAGE as usize).collect(),
        newest: shown.newest.filter(|_| counts),
        made: if is_back { None } else { shown.made.map(Moment) },
        picks: shown.picks,
        sent: HashMap::new(),
        fresh: 0,
        webhooks: Vec::new(),
        news: 0,
        looked: Instant::now(),
        watch,
    };
    // The first look also says whether this person may.
    let first = page.look().await?;
    let first = format!("retry: {}\n\n{}", RETRY.as_millis(), first.unwrap_or_default());
    let rest = stream::unfold(page, |mut page| async move { Some((page.next().await?, page)) });
    let first = stream::once(async move { Bytes::from(first) });
    let body = stream::StreamExt::map(stream::StreamExt::chain(first, rest), Ok::<_, actix_web::Error>);
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Compressed it would be held back until there is enough of it; so it would be by some proxies.
        .insert_header(ContentEncoding::Identity)
        .insert_header(("x-accel-buffering", "no"))
        .streaming(body))
}

/// What a browser shows and has been told.
struct OpenPage {
    ctx: web::Data<Context>,
    who: SignedIn,
    place: Place,
    filter: Filter,
    rows: Vec<DeliveryId>,
    newest: Option<DeliveryId>,
    /// `None`: longer ago than anybody knows.
    made: Option<Moment>,
    picks: bool,
    /// The rows as they were told last.
    sent: HashMap<DeliveryId, Sign>,
    fresh: usize,
    webhooks: Vec<WebhookId>,
    news: u64,
    looked: Instant,
    watch: Watch,
}

/// What a row looks like depends on nothing else.
type Sign = (Status, i32, Option<i64>, Moment, bool);

/// What is sent: rows to put in the place of those with their ids, and how many newer ones there are.
#[derive(Serialize)]
struct News {
    rows: Vec<NewRow>,
    /// Empty: none any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    fresh: Option<String>,
}

#[derive(Serialize)]
struct NewRow {
    id: String,
    html: String,
}

#[derive(Template)]
#[template(
    source = "{%- import \"deliveries/row.html\" as row -%}{{ row::line(d, picks, hooked) }}",
    ext = "html"
)]
struct RowHtml<'a> {
    d: &'a Row,
    picks: bool,
    hooked: bool,
}

impl OpenPage {
    /// The next piece of the stream; `None` ends it.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            sleep(LOOK).await;
            if self.watch.is_over() {
                return None;
            }
            if self.looked.elapsed() < EACH * u32::try_from(self.watch.streams()).unwrap_or(u32::MAX) {
                continue;
            }
            let news = self.watch.news_of(&self.webhooks);
            if news == self.news && self.looked.elapsed() < LOOK_ANYWAY {
                continue;
            }
            match self.look().await {
                Ok(Some(message)) => return Some(message.into()),
                // A line that says nothing: writing it is how one finds out that the browser has gone.
                Ok(None) => return Some(Bytes::from_static(b":\n\n")),
                // A database that is away comes back.
                Err(AppError::Unavailable(_)) => return Some(Bytes::from_static(b":\n\n")),
                Err(_) => return None,
            }
        }
    }

    /// What has changed since the last look, as a message.
    async fn look(&mut self) -> Result<Option<String>, AppError> {
        self.looked = Instant::now();
        self.news = self.watch.news_of(&self.webhooks);
        let (who, session, place, now) = (self.who.actor, self.who.session, self.place, self.ctx.now());
        let (filter, rows) = (self.filter.clone(), self.rows.clone());
        // `100+` stays that.
        let newest = self.newest.filter(|_| (self.fresh as i64) < COUNTED);
        let _turn = self.ctx.live().turn().await;
        let (history, fresh) = self
            .ctx
            .read(move |db| {
                sessions::must_go_on(db, &who, session, now)?;
                deliveries::news(db, &who, place, &filter, &rows, newest, COUNTED)
            })
            .await?;
        self.webhooks = history.webhooks.iter().map(|seen| seen.webhook.id).collect();
        let mut changed = Vec::new();
        for delivery in &history.page.rows {
            let is_on = history.webhook_of(delivery).webhook.active;
            let sign = (
                delivery.status,
                delivery.attempts,
                delivery.lease_id,
                delivery.due_at,
                is_on,
            );
            let before = self.sent.insert(delivery.id, sign);
            if before.map_or_else(|| self.may_be_old(delivery), |before| before != sign) {
                let html = RowHtml {
                    d: &Row::new(delivery, &history, now),
                    picks: self.picks,
                    hooked: place.webhook.is_none(),
                };
                changed.push(NewRow {
                    id: format!("d-{}", delivery.id),
                    html: html.render().map_err(|error| AppError::Internal(error.to_string()))?,
                });
            }
        }
        let more = (newest.is_some() && fresh != self.fresh).then(|| in_words(fresh));
        if more.is_some() {
            self.fresh = fresh;
        }
        if changed.is_empty() && more.is_none() {
            return Ok(None);
        }
        let news = News {
            rows: changed,
            fresh: more,
        };
        let json = serde_json::to_string(&news).map_err(|error| AppError::Internal(error.to_string()))?;
        Ok(Some(format!("id: {}\nevent: news\ndata: {json}\n\n", now.0)))
    }

    /// It may have changed between the making of the page and the first look.
    fn may_be_old(&self, delivery: &Delivery) -> bool {
        let Some(made) = self.made else { return true };
        let edge = Moment(made.0.saturating_sub(micros(ATTEMPT)));
        // What was discarded or held too long has no attempt to tell when.
        let by_itself = matches!(delivery.outcome, Some(OutcomeKind::Discarded | OutcomeKind::Expired));
        let recent = delivery.last_attempt_at.is_some_and(|at| at >= edge);
        delivery.status == Status::Pending || by_itself || recent
    }
}

fn too_many(full: TooMany) -> AppError {
    let (watching, setting) = match full {
        TooMany::OfSession(most) => (
            format!("Pages of yours that watch already: {most}"),
            "TASKVIEW_MAX_STREAMS_PER_SESSION",
        ),
        TooMany::InAll(most) => (format!("Pages that watch already: {most}"), "TASKVIEW_MAX_STREAMS"),
    };
    AppError::TooMany {
        message: format!(
            "{watching}, which is the limit. This one shows what is new when it is reloaded. Close others, or have \
             whoever runs the server raise {setting}."
        ),
        retry_after: Duration::from_secs(60),
    }
}

fn in_words(fresh: usize) -> String {
    let most = COUNTED as usize;
    if fresh == 0 {
        String::new()
    } else if fresh >= most {
        format!("{most}+ new deliveries")
    } else {
        counted(fresh as i64, "new delivery", "new deliveries")
    }
}
