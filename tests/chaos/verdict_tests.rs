//! Made-up storms with a known fault: the judge must find each, and nothing in one that went well. They run before every real
//! storm, because a judge that finds nothing passes everything.

use std::time::{Duration, Instant};

use crate::evidence::{AttemptRow, DeliveryRow, Evidence, WebhookRow};
use crate::faults::{Fault, Happened};
use crate::publisher::Acknowledged;
use crate::verdict::{Case, judge};
use crate::witness::{Sighting, WEBHOOKS};

/// A storm of one event with a kill in its middle.
struct Story {
    acknowledged: Vec<Acknowledged>,
    sightings: Vec<Sighting>,
    rows: Evidence,
    happened: Vec<Happened>,
}

const FIRST: i64 = 1;
const KIND: &str = "storm.few";
const FAILING: usize = 5;
const HANGING: usize = 6;
const HEALTHY: usize = 7;

/// Name of the story, what happens to it, and what the judge must say; nothing means that all is well.
type Chapter = (&'static str, fn(&mut Story), Option<&'static str>);

const CHAPTERS: &[Chapter] = &[
    ("all is well", |_| {}, None),
    (
        "a row is missing",
        |story| drop(story.rows.deliveries.pop()),
        Some("LOST: an acknowledged event"),
    ),
    (
        "a request never came",
        |story| story.sightings.retain(|seen| seen.webhook != HEALTHY),
        Some("LOST: an acknowledged delivery"),
    ),
    (
        "an attempt was sent again after a kill",
        |story| story.again(HEALTHY, Duration::from_secs(1), Duration::from_secs(20)),
        None,
    ),
    (
        "an attempt was sent again without a fault",
        |story| story.again(HEALTHY, Duration::from_secs(40), Duration::from_secs(20)),
        Some("came twice"),
    ),
    (
        "an attempt was sent again after a stop in good order",
        |story| {
            story.happened[0].fault = Fault::Replace;
            story.again(HEALTHY, Duration::from_secs(1), Duration::from_secs(20));
        },
        Some("came twice"),
    ),
    (
        "a request that hung was given back at a stop",
        |story| {
            story.happened[0].fault = Fault::Replace;
            story.again(HANGING, Duration::from_secs(1), Duration::from_secs(20));
        },
        None,
    ),
    (
        "a delivery came under another id",
        |story| {
            story.again(HEALTHY, Duration::from_secs(1), Duration::from_secs(20));
            story.sightings.last_mut().expect("a request").message_id = "msg_x".to_owned();
        },
        Some("under two ids"),
    ),
    (
        "a row counts an attempt too many",
        |story| story.row(HEALTHY).attempts = 2,
        Some("not those that the row counts"),
    ),
    (
        "a kill cost an attempt",
        |story| {
            let mut skipped = story.sightings[0].clone();
            skipped.attempt = 5;
            story.sightings.push(skipped);
        },
        Some("beyond those that the row counts"),
    ),
    (
        "a success was recorded as a failure",
        |story| story.row(HEALTHY).status = 2,
        Some("failed at a receiver that recovers"),
    ),
    (
        "another code was recorded",
        |story| story.rows.attempts.last_mut().expect("an attempt").code = Some(500),
        Some("another answer"),
    ),
    (
        "a delivery waits for ever",
        |story| story.row(HEALTHY).status = 0,
        Some("still waiting"),
    ),
    (
        "a failure was not counted",
        |story| story.rows.webhooks[FAILING].failures = 0,
        Some("counter of failures"),
    ),
];

/// What the judge overlooks or makes up.
pub fn complaints() -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, change, expected) in CHAPTERS {
        let mut story = Story::that_went_well();
        change(&mut story);
        let found = judge(&Case {
            first_webhook: FIRST,
            acknowledged: &story.acknowledged,
            sightings: &story.sightings,
            rows: &story.rows,
            happened: &story.happened,
        })
        .complaints;
        let as_expected = match expected {
            None => found.is_empty(),
            Some(sentence) => found.iter().any(|complaint| complaint.contains(sentence)),
        };
        if !as_expected {
            wrong.push(format!("{name}: {expected:?} was expected, it says {found:?}"));
        }
    }
    wrong
}

impl Story {
    fn that_went_well() -> Story {
        let began = Instant::now();
        let mut story = Story {
            acknowledged: vec![Acknowledged {
                event: 1,
                id: 1,
                kind: KIND,
                deliveries: 3,
            }],
            sightings: Vec::new(),
            rows: Evidence::default(),
            happened: vec![Happened {
                fault: Fault::Kill,
                from: began + Duration::from_secs(2),
                to: began + Duration::from_secs(3),
            }],
        };
        for (webhook, attempts, status, code) in [
            (FAILING, 3, 2, Some(500)),
            (HANGING, 0, 0, None),
            (HEALTHY, 1, 1, Some(200)),
        ] {
            let message_id = format!("msg_{webhook}");
            let outcome = code.map(|_| 0);
            for attempt in 1..=attempts.max(1) {
                story.sightings.push(Sighting {
                    webhook,
                    event: 1,
                    message_id: message_id.clone(),
                    attempt: attempt as u32,
                    at: began + Duration::from_secs(1),
                });
            }
            for number in 1..=attempts {
                story.rows.attempts.push(AttemptRow {
                    delivery: webhook as i64,
                    number,
                    outcome: 0,
                    code,
                });
            }
            story.rows.deliveries.push(DeliveryRow {
                id: webhook as i64,
                webhook: FIRST + webhook as i64,
                event: 1,
                message_id,
                status,
                attempts,
                code,
                outcome,
            });
        }
        story.rows.webhooks = (0..WEBHOOKS.len())
            .map(|number| WebhookRow {
                id: FIRST + number as i64,
                active: number != HANGING,
                failures: i32::from(number == FAILING),
            })
            .collect();
        story
    }

    /// The webhook's request comes at that time after the beginning, and once more so much later.
    fn again(&mut self, webhook: usize, at: Duration, later: Duration) {
        let began = self.happened[0]
            .from
            .checked_sub(Duration::from_secs(2))
            .expect("a time");
        let request = self
            .sightings
            .iter_mut()
            .find(|seen| seen.webhook == webhook)
            .expect("a request");
        request.at = began + at;
        let mut again = request.clone();
        again.at += later;
        self.sightings.push(again);
    }

    fn row(&mut self, webhook: usize) -> &mut DeliveryRow {
        let id = webhook as i64;
        self.rows.deliveries.iter_mut().find(|row| row.id == id).expect("a row")
    }
}
