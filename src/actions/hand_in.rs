//! Where host applications hand their events in: many requests share a transaction, in which it is also read who the callers
//! are, what they may, and whether a request with the same `Idempotency-Key` was answered before.

use std::net::IpAddr;
use std::time::Duration;

use crate::actions::access;
use crate::actions::callers;
use crate::actions::publish::CheckedEvent;
use crate::context::Context;
use crate::db::Tx;
use crate::db::events::NewEvent;
use crate::db::idempotency_keys::{self, Kept};
use crate::db::publish::{self, Published};
use crate::desk::Desk;
use crate::domain::ids::{EventId, ProjectId, UserId};
use crate::domain::permission::Permission;
use crate::error::AppError;

/// How long a key stands for its answer.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// Events to hand in, all or none, and who does it. No `Debug`: it holds a token.
pub struct Submission {
    /// The caller's token: of a sign-in, or an API token.
    pub access: String,
    pub address: Option<IpAddr>,
    pub events: Vec<CheckedEvent>,
    pub key: Option<IdempotencyKey>,
}

/// By this key the caller knows the request again.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    pub key: String,
    /// SHA-256 of the request's body: under the same key there is only this one.
    pub body_hash: [u8; 32],
}

pub type HandInDesk = Desk<Submission, Vec<Published>>;

type Answer = Result<Vec<Published>, AppError>;

pub fn desk(context: Context) -> HandInDesk {
    Desk::new(context, hand_in, |submission| {
        submission.access.len() + submission.events.iter().map(CheckedEvent::size).sum::<usize>()
    })
}

/// What becomes of one submission.
enum Fate {
    Refused(AppError),
    /// It was answered before.
    Repeated(Vec<Published>),
    /// The same as an earlier one of this group.
    LikeThat(usize),
    /// The bodies of its events.
    New(UserId, Vec<Vec<u8>>),
}

fn hand_in(tx: &mut Tx<'_>, submissions: &[Submission]) -> Result<Vec<Answer>, AppError> {
    let mut managers = Managers::default();
    let callers: Vec<Result<UserId, AppError>> = submissions.iter().map(|one| managers.find(tx, one)).collect();
    let kept = kept(tx, submissions, &callers)?;
    let mut fates: Vec<Fate> = Vec::with_capacity(submissions.len());
    for (submission, caller) in submissions.iter().zip(callers) {
        let fate = caller.and_then(|user| fate(tx, submission, user, &kept, submissions, &fates));
        fates.push(fate.unwrap_or_else(Fate::Refused));
    }
    let new: Vec<NewEvent<'_>> = submissions
        .iter()
        .zip(&fates)
        .filter_map(|(submission, fate)| match fate {
            Fate::New(_, bodies) => Some(submission.events.iter().zip(bodies)),
            _ => None,
        })
        .flatten()
        .map(|(event, body)| event.with_body(body))
        .collect();
    let mut published = publish::publish(tx, &new)?.into_iter();
    let mut keys = Vec::new();
    let mut answers: Vec<Answer> = Vec::with_capacity(submissions.len());
    for (submission, fate) in submissions.iter().zip(fates) {
        answers.push(match fate {
            Fate::Refused(error) => Err(error),
            Fate::Repeated(answer) => Ok(answer),
            Fate::LikeThat(index) => match &answers[index] {
                Ok(answer) => Ok(answer.clone()),
                Err(_) => Err(AppError::Internal("an event was not written".into())),
            },
            Fate::New(user, bodies) => {
                let answer: Vec<Published> = published.by_ref().take(bodies.len()).collect();
                keys.extend(submission.key.as_ref().map(|key| key.keep(user, &answer)));
                Ok(answer)
            }
        });
    }
    let since = tx.now - KEPT_FOR;
    if !keys.is_empty() && idempotency_keys::insert(tx.db, &keys, since, tx.now)? < keys.len() {
        // Run again, it finds the other's answer.
        return Err(AppError::Collided("another request with this key was quicker".into()));
    }
    Ok(answers)
}

/// The answers that the keys of these submissions stand for.
fn kept(
    tx: &mut Tx<'_>,
    submissions: &[Submission],
    callers: &[Result<UserId, AppError>],
) -> Result<Vec<Kept>, AppError> {
    let asked: Vec<(UserId, &str)> = submissions
        .iter()
        .zip(callers)
        .filter_map(|(submission, caller)| Some((*caller.as_ref().ok()?, submission.key.as_ref()?.key.as_str())))
        .collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    Ok(idempotency_keys::find(tx.db, &asked, tx.now - KEPT_FOR)?)
}

/// `before`: the fates of those that came before it in the group.
fn fate(
    tx: &Tx<'_>,
    submission: &Submission,
    user: UserId,
    kept: &[Kept],
    group: &[Submission],
    before: &[Fate],
) -> Result<Fate, AppError> {
    if let Some(key) = &submission.key {
        if let Some(kept) = kept.iter().find(|kept| kept.user_id == user && kept.key == key.key) {
            key.check(&kept.body_hash)?;
            return Ok(Fate::Repeated(read_answer(&kept.answer)?));
        }
        let twin = group.iter().zip(before).position(|(other, fate)| {
            matches!(fate, Fate::New(by, _) if *by == user)
                && other.key.as_ref().is_some_and(|other| other.key == key.key)
        });
        if let Some(twin) = twin {
            let first = group[twin].key.as_ref().map_or(&[][..], |first| &first.body_hash);
            key.check(first)?;
            return Ok(Fate::LikeThat(twin));
        }
    }
    let many = submission.events.len() > 1;
    let body = |(place, event): (usize, &CheckedEvent)| match event.body(tx.now) {
        Err(AppError::Invalid(fields)) if many => Err(AppError::Invalid(
            fields.into_iter().map(|field| field.of_item(place)).collect(),
        )),
        made => made,
    };
    let bodies: Result<_, AppError> = submission.events.iter().enumerate().map(body).collect();
    Ok(Fate::New(user, bodies?))
}

impl IdempotencyKey {
    fn check(&self, first_body: &[u8]) -> Result<(), AppError> {
        if self.body_hash == first_body {
            return Ok(());
        }
        Err(AppError::Conflict(
            "This Idempotency-Key was used with another body; take a new key for a new request.".into(),
        ))
    }

    fn keep(&self, user: UserId, answer: &[Published]) -> Kept {
        let answer: Vec<(i64, usize)> = answer.iter().map(|one| (one.event.0, one.deliveries)).collect();
        Kept {
            user_id: user,
            key: self.key.clone(),
            body_hash: self.body_hash.to_vec(),
            answer: serde_json::to_string(&answer).unwrap_or_default(),
        }
    }
}

fn read_answer(text: &str) -> Result<Vec<Published>, AppError> {
    let answer: Vec<(i64, usize)> = serde_json::from_str(text)
        .map_err(|error| AppError::Internal(format!("a kept answer cannot be read: {error}")))?;
    let published = |(event, deliveries)| Published {
        event: EventId(event),
        deliveries,
    };
    Ok(answer.into_iter().map(published).collect())
}

/// Who has shown, in this transaction, that they manage a project. Callers publish again and again.
#[derive(Default)]
struct Managers<'a> {
    found: Vec<(&'a str, ProjectId, UserId)>,
}

impl<'a> Managers<'a> {
    /// The account behind the token, which manages the projects of all the events.
    fn find(&mut self, tx: &mut Tx<'_>, submission: &'a Submission) -> Result<UserId, AppError> {
        let mut caller = None;
        for event in &submission.events {
            let (access, project) = (submission.access.as_str(), event.project());
            let known = self
                .found
                .iter()
                .find(|(token, of, _)| (*token, *of) == (access, project));
            let user = match known {
                Some((_, _, user)) => *user,
                None => {
                    let user = manager(tx, submission, project)?;
                    self.found.push((access, project, user));
                    user
                }
            };
            caller = Some(user);
        }
        caller.ok_or_else(|| AppError::invalid("events", "There is no event in this request."))
    }
}

fn manager(tx: &mut Tx<'_>, submission: &Submission, project: ProjectId) -> Result<UserId, AppError> {
    let known = callers::find(tx.db, &submission.access, submission.address, tx.now)?;
    if let Some(id) = known.unseen {
        callers::seen(tx, id)?;
    }
    let manager = access::manager(tx.db, &known.actor, project, Permission::EventsCanPublish)?;
    if manager.project.archived_at.is_some() {
        return Err(AppError::Conflict("The project is archived; it has no events.".into()));
    }
    Ok(known.actor.user)
}
