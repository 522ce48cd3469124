//! The filtered history as a file: CSV for a spreadsheet, or JSON lines with the payloads for programs. It is written page by page
//! while it is read, so that its size does not matter to the server.

use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use futures_util::stream;
use serde::Serialize;
use serde_json::value::RawValue;

use super::At;
use super::asked::Asked;
use crate::actions::access::Actor;
use crate::actions::deliveries::{self, History, Place, Wanted};
use crate::actions::sessions;
use crate::context::Context;
use crate::db::history::{Delivery, Filter, Start};
use crate::domain::delivery::OutcomeKind;
use crate::domain::ids::{DeliveryId, EventId, SessionId, WebhookId};
use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::web::delivery_words::delivery_state;
use crate::web::export::{As, Format, harmless};
use crate::web::page_error::PageError;
use crate::web::signed_in::SignedIn;

/// Rows that are read and written at a time. A payload has up to 256 KiB.
fn piece(format: Format) -> i64 {
    match format {
        Format::Csv => 200,
        Format::Jsonl => 20,
    }
}

/// A line. The order of the fields is that of the columns.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    id: DeliveryId,
    message_id: String,
    status: &'static str,
    event: String,
    task_id: Option<i64>,
    task: String,
    webhook_id: WebhookId,
    webhook: String,
    response_code: Option<i32>,
    outcome: Option<&'static str>,
    attempts: i32,
    duration_ms: Option<i64>,
    created_at: String,
    last_attempt_at: Option<String>,
    message: String,
    /// Only in JSON lines: a cell of a spreadsheet is not made for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
}

/// The names of a line's fields, without the payload.
const COLUMNS: [&str; 15] = [
    "id",
    "messageId",
    "status",
    "event",
    "taskId",
    "task",
    "webhookId",
    "webhook",
    "responseCode",
    "outcome",
    "attempts",
    "durationMs",
    "createdAt",
    "lastAttemptAt",
    "message",
];

pub async fn export(
    who: SignedIn,
    ctx: web::Data<Context>,
    At(place): At,
    asked: web::Query<Asked>,
    kind: web::Query<As>,
) -> Result<HttpResponse, PageError> {
    let format = kind.format;
    let mut reading = Reading {
        filter: asked.filter(ctx.now()).map_err(AppError::Invalid)?,
        actor: who.actor,
        session: who.session,
        place,
        format,
        next: Some(Start::Newest),
        is_first: true,
        ctx,
    };
    // Before the answer begins: afterwards an error could only cut it off.
    let first = reading.piece().await?.unwrap_or_default();
    let rest = stream::try_unfold(reading, |mut reading| async move {
        let piece = reading.piece().await.map_err(PageError)?;
        Ok::<_, PageError>(piece.map(|piece| (piece, reading)))
    });
    let name = match place.webhook {
        Some(webhook) => format!("deliveries-of-webhook-{webhook}"),
        None => format!("deliveries-of-project-{}", place.project),
    };
    Ok(format.attached(&name, first, rest))
}

/// How far a file is written.
struct Reading {
    ctx: web::Data<Context>,
    actor: Actor,
    session: SessionId,
    place: Place,
    filter: Filter,
    format: Format,
    next: Option<Start>,
    is_first: bool,
}

impl Reading {
    /// The next lines; `None` when all is written. Ids fall from piece to piece, so it ends.
    async fn piece(&mut self) -> Result<Option<Bytes>, AppError> {
        let Some(start) = self.next else { return Ok(None) };
        let (actor, place) = (self.actor, self.place);
        let wanted = Wanted {
            filter: self.filter.clone(),
            start,
            limit: piece(self.format),
        };
        let (session, format, now) = (self.session, self.format, self.ctx.now());
        let _turn = self.ctx.live().turn().await;
        let (history, messages, payloads) = self
            .ctx
            .read(move |db| {
                sessions::must_go_on(db, &actor, session, now)?;
                let history = deliveries::history_far(db, &actor, place, &wanted)?;
                let messages = deliveries::messages(db, &history)?;
                let payloads = match format {
                    Format::Csv => Vec::new(),
                    Format::Jsonl => deliveries::payloads(db, &history)?,
                };
                Ok((history, messages, payloads))
            })
            .await?;
        let page = &history.page;
        self.next = match (page.searched_to, page.rows.last()) {
            (Some(edge), _) => Some(Start::Before(edge)),
            (None, Some(last)) if page.more => Some(Start::Before(last.id)),
            _ => None,
        };
        let lines = page
            .rows
            .iter()
            .map(|row| Line::new(row, &history, &messages, &payloads))
            .map(|line| if format == Format::Csv { line.harmless() } else { line });
        let is_first = std::mem::take(&mut self.is_first);
        format.lines(lines, &COLUMNS, is_first).map(Some)
    }
}

impl Line {
    /// For a spreadsheet.
    fn harmless(mut self) -> Self {
        for text in [&mut self.event, &mut self.task, &mut self.webhook, &mut self.message] {
            *text = harmless(text);
        }
        self
    }

    fn new(
        delivery: &Delivery,
        history: &History,
        messages: &[(DeliveryId, String)],
        payloads: &[(EventId, Vec<u8>)],
    ) -> Self {
        let seen = history.webhook_of(delivery);
        let task = history.tasks.iter().find(|(event, _)| *event == delivery.event_id);
        let message = messages.iter().find(|(id, _)| *id == delivery.id);
        let payload = payloads.iter().find(|(event, _)| *event == delivery.event_id);
        Line {
            id: delivery.id,
            message_id: delivery.message_id.clone(),
            status: delivery_state(delivery, seen).0,
            event: delivery.kind.to_string(),
            task_id: delivery.task_id.map(|task| task.0),
            task: task.map(|(_, name)| name.clone()).unwrap_or_default(),
            webhook_id: delivery.webhook_id,
            webhook: seen.title().to_owned(),
            response_code: delivery.response_code,
            outcome: delivery.outcome.map(OutcomeKind::as_str),
            attempts: delivery.attempts,
            duration_ms: delivery.duration_us.map(|us| us / 1_000),
            created_at: delivery.created_at.iso(),
            last_attempt_at: delivery.last_attempt_at.map(Moment::iso),
            message: message.map(|(_, message)| message.clone()).unwrap_or_default(),
            payload: payload
                .and_then(|(_, body)| String::from_utf8(body.clone()).ok())
                // A host may have sent it on several lines. In JSON a line break stands between tokens only.
                .and_then(|body| RawValue::from_string(body.replace(['\n', '\r'], " ")).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_the_fields() {
        let line = Line {
            id: DeliveryId(1),
            message_id: "msg_1".to_owned(),
            status: "success",
            event: "task.created".to_owned(),
            task_id: None,
            task: String::new(),
            webhook_id: WebhookId(1),
            webhook: String::new(),
            response_code: None,
            outcome: None,
            attempts: 0,
            duration_ms: None,
            created_at: String::new(),
            last_attempt_at: None,
            message: String::new(),
            payload: None,
        };

        let json = serde_json::to_value(&line).expect("JSON");

        let names: Vec<_> = json.as_object().expect("an object").keys().collect();
        assert_eq!(names, COLUMNS);
    }
}
