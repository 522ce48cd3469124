//! One attempt from its claim to its judgement: sign, send, judge. It holds no connection to the database and knows no
//! budget.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::context::Context;
use crate::db::attempts::Attempt;
use crate::db::deliveries::Claimed;
use crate::delivery::redact::Redactor;
use crate::delivery::request::{Identity, headers};
use crate::delivery::sender::{Exchange, Request, Sender};
use crate::delivery::settle::Settlement;
use crate::domain::delivery::{Outcome, Trigger, Verdict, judge};
use crate::domain::moment::{Moment, micros};
use crate::domain::own_header::{MASK, OwnHeader};
use crate::domain::retry::wait_asked;
use crate::domain::secret::Secret;
use crate::domain::target::{TargetUrl, host_of};

/// Claims that nobody recorded, in a row, after which the attempt counts as made: something about it ends the program.
pub const MAX_UNRECORDED_CLAIMS: i32 = 10;

/// How long a claim may be used.
#[derive(Debug, Clone, Copy)]
pub struct LeaseHold {
    pub id: i64,
    pub claimed: Instant,
    /// Past this an attempt could outlive its lease: it is dropped before it connects.
    pub usable_for: Duration,
}

/// What is sealed in the database and open for one attempt.
pub struct Keys {
    pub secret: Secret,
    /// Headers of the webhook's own.
    pub own: Vec<OwnHeader>,
}

/// Sends a claimed delivery. `None`: the lease ran out first (the process was paused), and somebody else will send it.
pub async fn make(
    mut claimed: Claimed,
    Keys { secret, own }: Keys,
    lease: LeaseHold,
    sender: &Sender,
    context: &Context,
) -> Option<Settlement> {
    if lease.claimed.elapsed() > lease.usable_for {
        return None;
    }
    let at = context.now();
    let number = claimed.attempts + 1;
    let counts = &context.metrics().deliveries;
    if number == 1 && claimed.trigger == Trigger::Automatic {
        counts.first_attempt(at.since(claimed.due_at));
    }
    let identity = Identity {
        message_id: &claimed.message_id,
        event: &claimed.kind,
        number,
        at,
    };
    let mut sent = headers(identity, &secret, &claimed.body);
    let redactor = Redactor::new(&secret, &own);
    drop(secret);
    let mut shown = sent.clone();
    for header in own {
        sent.push((header.name.clone(), header.value.as_str().to_owned()));
        shown.push((header.name, MASK.to_owned()));
    }
    let mut exchange = if claimed.claims > MAX_UNRECORDED_CLAIMS {
        unsent(Outcome::Interrupted(format!(
            "The program ended {MAX_UNRECORDED_CLAIMS} times while this delivery was being sent, so the attempt was given up."
        )))
    } else {
        match TargetUrl::stored(&claimed.url) {
            Ok(target) => {
                let body = Bytes::from(std::mem::take(&mut claimed.body));
                sender
                    .post(Request {
                        url: target.url().clone(),
                        headers: sent,
                        body,
                    })
                    .await
            }
            Err(why) => unsent(Outcome::Protocol(format!(
                "The URL of this webhook cannot be used: {why}"
            ))),
        }
    };
    redact(&mut exchange, &redactor);
    let settlement = settlement(&claimed, lease.id, at, shown, exchange, context.now());
    let attempt = &settlement.attempt;
    counts.attempt_ended(attempt.outcome, attempt.response_code, attempt.duration_us);
    context.traces().attempted(&claimed, attempt);
    log(&settlement);
    Some(settlement)
}

/// One line, by which the attempt is found in the history, and its receiver by no more than the host.
fn log(settlement: &Settlement) {
    let Settlement {
        webhook,
        project,
        attempt,
        verdict,
        ..
    } = settlement;
    let next = match verdict {
        Verdict::Success => "success",
        Verdict::Retry { .. } => "retry",
        Verdict::Failed | Verdict::Gone => "failed",
    };
    macro_rules! line {
        ($level:ident, $message:literal) => {
            tracing::$level!(
                delivery = attempt.delivery_id.0,
                webhook = webhook.0,
                project = project.0,
                attempt = attempt.number,
                host = host_of(&attempt.url),
                outcome = attempt.outcome.as_str(),
                status = attempt.response_code,
                duration_ms = attempt.duration_us as f64 / 1_000.0,
                next,
                $message
            )
        };
    }
    match verdict {
        Verdict::Success => line!(debug, "an attempt arrived"),
        _ => line!(info, "an attempt failed"),
    }
}

fn redact(exchange: &mut Exchange, redactor: &Redactor) {
    exchange.response_body = redactor.bytes(std::mem::take(&mut exchange.response_body));
    for (_, value) in &mut exchange.response_headers {
        redactor.text(value);
    }
}

fn settlement(
    claimed: &Claimed,
    lease_id: i64,
    started_at: Moment,
    request_headers: Vec<(String, String)>,
    exchange: Exchange,
    ended_at: Moment,
) -> Settlement {
    let number = claimed.attempts + 1;
    let verdict = judge(
        number,
        &exchange.outcome,
        claimed.trigger,
        claimed.schedule,
        retry_after(&exchange.response_headers).and_then(|value| wait_asked(value, ended_at)),
        ended_at,
        rand::random_range(0.0..1.0),
    );
    Settlement {
        webhook: claimed.webhook_id,
        project: claimed.project_id,
        trigger: claimed.trigger,
        lease_id,
        verdict,
        attempt: Attempt {
            delivery_id: claimed.id,
            number,
            started_at,
            duration_us: micros(exchange.duration),
            lookup_us: exchange.lookup.map(micros),
            connect_us: exchange.connect.map(micros),
            first_byte_us: exchange.first_byte.map(micros),
            outcome: exchange.outcome.kind(),
            response_code: exchange.outcome.code().map(i32::from),
            reused: exchange.reused,
            cut: exchange.cut,
            response_size: i32::try_from(exchange.response_body.len()).unwrap_or(i32::MAX),
            address: exchange.address.map(|address| address.to_string()),
            // What a hostile receiver is quoted with must not keep the result from being recorded: PostgreSQL takes no NUL.
            message: exchange.outcome.sentence().replace('\0', ""),
            url: claimed.url.clone(),
            request_headers: json(&request_headers),
            response_headers: json(&exchange.response_headers),
        },
        response_body: exchange.response_body,
    }
}

/// The one `Retry-After` of an answer. Of two that disagree neither says anything.
pub(crate) fn retry_after(headers: &[(String, String)]) -> Option<&str> {
    let mut values = headers
        .iter()
        .filter(|(name, _)| name == "retry-after")
        .map(|(_, value)| value.as_str());
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

/// What is kept of an attempt that never reached the network.
fn unsent(outcome: Outcome) -> Exchange {
    Exchange {
        outcome,
        duration: Duration::ZERO,
        lookup: None,
        connect: None,
        first_byte: None,
        address: None,
        reused: false,
        response_headers: Vec::new(),
        response_body: Vec::new(),
        cut: false,
    }
}

fn json(headers: &[(String, String)]) -> String {
    // PostgreSQL takes no NUL in a text; serde_json writes one as an escape.
    serde_json::to_string(headers).unwrap_or_else(|_| "[]".to_owned())
}
