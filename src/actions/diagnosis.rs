//! Why a receiver finds a signature wrong: what it saw, held against the secret and the delivery. The secret stays here, and no
//! signature of what was pasted ever leaves: it would sign for whoever can open the page.

use std::time::Duration;

use super::access::{self, Actor, Member};
use super::webhooks::{self, Seen};
use super::{deliveries, keys};
use crate::context::Context;
use crate::db::deliveries::of_message;
use crate::db::webhooks::secret_sealed;
use crate::db::{Db, history};
use crate::domain::diagnosis::{self, Claim, Diagnosis, Difference, Headers};
use crate::domain::field_error::FieldError;
use crate::domain::ids::{DeliveryId, ProjectId, WebhookId};
use crate::domain::payload::MAX_BYTES;
use crate::domain::permission::Permission;
use crate::error::AppError;

/// What somebody pasted. No `Debug`: among the headers may be secret ones.
#[derive(Clone)]
pub struct Pasted {
    pub headers: String,
    pub body: Vec<u8>,
    pub computed: String,
    /// The delivery that it is about, if they said.
    pub delivery: Option<DeliveryId>,
}

/// What was found out about it.
#[derive(Debug)]
pub struct Report {
    pub diagnosis: Diagnosis,
    pub compared: Option<Compared>,
    /// The delivery was signed before the secret was rotated.
    pub rotated_since: bool,
}

/// The delivery that was meant.
#[derive(Debug)]
pub struct Compared {
    pub id: DeliveryId,
    pub message_id: String,
    pub length: usize,
    /// `None`: it is what was pasted.
    pub difference: Option<Difference>,
}

/// The webhook, and the headers of a delivery's last attempt to begin with.
pub fn begin(
    db: &mut Db,
    actor: &Actor,
    project: ProjectId,
    webhook: WebhookId,
    delivery: Option<DeliveryId>,
) -> Result<(Member, Seen, String), AppError> {
    access::manager(db, actor, project, Permission::IntegrationsCanManage)?;
    let (member, seen) = webhooks::find(db, actor, project, webhook)?;
    let headers = match delivery {
        None => String::new(),
        Some(id) => {
            let detail = deliveries::find(db, actor, project, webhook, id)?;
            let last = detail.attempts.last();
            last.map_or_else(String::new, |(attempt, _)| lines(&attempt.request_headers))
        }
    };
    Ok((member, seen, headers))
}

pub async fn look_into(
    context: &Context,
    actor: &Actor,
    project: ProjectId,
    webhook: WebhookId,
    pasted: &Pasted,
) -> Result<Report, AppError> {
    let (actor, wanted) = (*actor, pasted.delivery);
    let limit = context.checks().clone();
    let parsed = check(pasted);
    let id = parsed.as_ref().ok().and_then(|headers| headers.id.clone());
    let (sealed, since, sent) = context
        .read(move |db| {
            access::manager(db, &actor, project, Permission::IntegrationsCanManage)?;
            let (_, seen) = webhooks::find(db, &actor, project, webhook)?;
            limit.press(webhook).map_err(too_many)?;
            let by_id = match &id {
                Some(id) => of_message(db, webhook, id)?,
                None => None,
            };
            let sent = match by_id.or(wanted) {
                Some(id) => Some(history::find(db, actor.user, project, webhook, id)?),
                None => None,
            };
            Ok((secret_sealed(db, webhook)?, seen.webhook.secret_made_at, sent))
        })
        .await?;
    let headers = parsed?;
    let secret = context
        .vault()
        .open_secret(webhook, &sealed)
        .map_err(|error| keys::does_not_open(format_args!("the secret of webhook {webhook}"), error))?;
    let pasted = pasted.clone();
    // Some hundreds of HMACs over the body: one at a time, and not where requests are answered.
    let turn = context.check_turn().await;
    let work = move || {
        let diagnosis = diagnosis::diagnose(&Claim {
            secret: secret.expose(),
            old_secret: None,
            body: &pasted.body,
            headers: &headers,
            computed: Some(&pasted.computed),
        });
        let compared = sent.map(|(delivery, event)| Compared {
            id: delivery.id,
            message_id: delivery.message_id,
            length: event.body.len(),
            difference: diagnosis::difference(&event.body, &pasted.body),
        });
        drop(turn);
        Report {
            diagnosis,
            compared,
            rotated_since: headers.timestamp.is_some_and(|at| at < since.unix_seconds()),
        }
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| AppError::Internal(error.to_string()))
}

fn check(pasted: &Pasted) -> Result<Headers, AppError> {
    let mut errors = Vec::new();
    let headers = Headers::read(&pasted.headers).unwrap_or_else(|sentence| {
        errors.push(FieldError::new("headers", sentence));
        Headers::default()
    });
    let nothing = headers.own.is_none() && headers.standard.is_none();
    if errors.is_empty() && nothing && pasted.computed.trim().is_empty() {
        let sentence = "Paste the headers of the delivery, or enter what your code computed.";
        errors.push(FieldError::new("headers", sentence));
    }
    if let (true, Some(sentence)) = (errors.is_empty(), headers.incomplete()) {
        errors.push(FieldError::new("headers", sentence));
    }
    if pasted.body.is_empty() {
        errors.push(FieldError::new("body", "Paste the body of the delivery."));
    } else if pasted.body.len() > MAX_BYTES {
        errors.push(FieldError::new("body", "No delivery is larger than 256 KiB; this is."));
    }
    if errors.is_empty() {
        Ok(headers)
    } else {
        Err(AppError::Invalid(errors))
    }
}

/// Those that matter, as tools print them.
fn lines(stored: &str) -> String {
    let pairs: Vec<(String, String)> = serde_json::from_str(stored).unwrap_or_default();
    let names = [
        "x-webhook-signature",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    ];
    pairs
        .into_iter()
        .filter(|(name, _)| names.contains(&name.to_ascii_lowercase().as_str()))
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect()
}

fn too_many(retry_after: Duration) -> AppError {
    AppError::TooMany {
        message: "Signatures of a webhook are checked 30 times a minute at most; wait a moment.".into(),
        retry_after,
    }
}
