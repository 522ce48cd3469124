//! What stands above every page of a project while a webhook of it fails or was turned off: which, why, since when, what is
//! held, and what to do. For who manages webhooks only. The list of webhooks says it all itself.

use crate::actions::access::Member;
use crate::actions::webhooks::{self, COUNTED, Trouble};
use crate::db::Db;
use crate::domain::health::{OffReason, TURN_OFF_AT};
use crate::domain::moment::Moment;
use crate::error::AppError;
use crate::web::delivery_words::counted_up_to;
use crate::web::words::{When, counted, shorter};

#[derive(Debug)]
pub struct Banner {
    /// `bad` when one of them is off, else `warn`.
    pub state: &'static str,
    pub icon: &'static str,
    pub say: Say,
}

#[derive(Debug)]
pub enum Say {
    One {
        line: Line,
        /// Why, what is held and what to do.
        more: String,
        /// Where to go: address and words.
        links: Vec<(String, &'static str)>,
    },
    Several {
        first: String,
        lines: Vec<Line>,
        /// `2 more`, empty when all are named.
        rest: String,
        list: String,
    },
}

/// A webhook and what is the matter with it.
#[derive(Debug)]
pub struct Line {
    pub title: String,
    pub href: String,
    pub words: String,
    pub since: Option<When>,
    /// What happened then.
    pub then: &'static str,
    /// `58 deliveries are held`, empty when none is.
    pub held: String,
}

impl Banner {
    pub fn of(db: &mut Db, member: &Member, now: Moment) -> Result<Option<Self>, AppError> {
        let found = webhooks::troubles(db, member)?;
        let list = format!("/projects/{}/webhooks", member.project.id);
        let say = match found.first.as_slice() {
            [] => return Ok(None),
            [one] => Say::one(one, &list, now),
            some => Say::Several {
                first: format!("{} need a look", counted(found.all as i64, "webhook", "webhooks")),
                lines: some.iter().map(|one| Line::of(one, &list, now)).collect(),
                rest: match found.all - some.len() {
                    0 => String::new(),
                    more => format!("and {more} more"),
                },
                list,
            },
        };
        let any_off = found.first.iter().any(|trouble| !trouble.webhook.active);
        let (state, icon) = if any_off { ("bad", "stopped") } else { ("warn", "warn") };
        Ok(Some(Banner { state, icon, say }))
    }
}

impl Say {
    fn one(trouble: &Trouble, list: &str, now: Moment) -> Self {
        let webhook = &trouble.webhook;
        let line = Line::of(trouble, list, now);
        let at = |page: &str| format!("{list}/{}/{page}", webhook.id);
        let look = (at("deliveries?status=failed"), "Look at it");
        let (then, links) = match webhook.off_reason {
            Some(OffReason::Gone) => (
                "It wants no more deliveries: correct the URL, or delete the webhook.",
                vec![look, (at("edit"), "Edit")],
            ),
            Some(_) if trouble.held > 0 => (
                "When the receiver works again, turn the webhook on.",
                vec![look, (at("turn-on"), "Turn on…")],
            ),
            Some(_) => (
                "When the receiver works again, turn the webhook on.",
                vec![look, (format!("{list}#w-{}", webhook.id), "Turn on…")],
            ),
            None if webhook.consecutive_failures >= TURN_OFF_AT => {
                ("The next failed delivery turns it off again.", vec![look])
            }
            None => ("At 10 in a row it is turned off.", vec![look]),
        };
        let held = match line.held.as_str() {
            "" => String::new(),
            held => format!("{held}."),
        };
        let reason = trouble.reason.clone().unwrap_or_default();
        let more: Vec<&str> = [reason.as_str(), &held, then]
            .into_iter()
            .filter(|sentence| !sentence.is_empty())
            .collect();
        Say::One {
            more: more.join(" "),
            line,
            links,
        }
    }
}

impl Line {
    fn of(trouble: &Trouble, list: &str, now: Moment) -> Self {
        let webhook = &trouble.webhook;
        Line {
            title: shorter(webhook.name.as_deref().unwrap_or(&webhook.url)),
            href: format!("{list}/{}/deliveries", webhook.id),
            words: match webhook.off_reason {
                Some(OffReason::Gone) => "was turned off: its receiver answered 410 Gone".to_owned(),
                Some(_) => format!("was turned off after {TURN_OFF_AT} failed deliveries in a row"),
                None => format!(
                    "is failing: its last {} deliveries failed",
                    webhook.consecutive_failures
                ),
            },
            since: trouble.since.map(|at| When::new(at, now)),
            then: if webhook.active { "the first " } else { "" },
            held: match trouble.held {
                0 => String::new(),
                1 => "1 delivery is held".to_owned(),
                n => format!("{} are held", counted_up_to(n, COUNTED, "delivery", "deliveries")),
            },
        }
    }
}
