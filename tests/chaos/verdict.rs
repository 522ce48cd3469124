//! Whether what was acknowledged, what the receivers saw and what the rows say agree. Pure: it looks at lists and returns
//! sentences.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use crate::evidence::{AttemptRow, DeliveryRow, Evidence};
use crate::faults::{Fault, Happened};
use crate::publisher::Acknowledged;
use crate::storm::manner;
use crate::witness::{Manner, Sighting, WEBHOOKS};

/// An attempt that a healthy receiver answered is recorded at most so long after; a fault within may undo that.
const RECORDED_WITHIN: Duration = Duration::from_secs(3);
/// A request to a receiver that hangs is in flight until its deadline.
const HANGS_FOR: Duration = Duration::from_secs(12);
/// Sent by a process that was about to end, seen a moment later.
const UNDERWAY: Duration = Duration::from_secs(1);
/// Examples of one kind that are printed.
const EXAMPLES: usize = 5;

const SUCCESS: i16 = 1;
const FAILED: i16 = 2;
const ANSWERED: i16 = 0;
/// Attempts of the standard schedule.
const LAST_ATTEMPT: i32 = 3;

pub struct Case<'a> {
    /// The row id of the first of [`WEBHOOKS`].
    pub first_webhook: i64,
    pub acknowledged: &'a [Acknowledged],
    pub sightings: &'a [Sighting],
    pub rows: &'a Evidence,
    pub happened: &'a [Happened],
}

pub struct Verdict {
    pub complaints: Vec<String>,
    /// Requests that came again and were in flight at a fault.
    pub excused: usize,
}

/// Complaints by what they are about, so that ten thousand of one kind do not hide the others.
#[derive(Default)]
struct Complaints(BTreeMap<&'static str, Vec<String>>);

impl Complaints {
    fn add(&mut self, about: &'static str, example: String) {
        self.0.entry(about).or_default().push(example);
    }

    fn into_lines(self) -> Vec<String> {
        let mut lines = Vec::new();
        for (about, examples) in self.0 {
            lines.push(format!("{about}: {}", examples.len()));
            lines.extend(
                examples
                    .into_iter()
                    .take(EXAMPLES)
                    .map(|example| format!("  {example}")),
            );
        }
        lines
    }
}

/// All requests of one delivery, in the order of arrival.
type Seen<'a> = HashMap<&'a str, Vec<&'a Sighting>>;

pub fn judge(case: &Case<'_>) -> Verdict {
    let mut complaints = Complaints::default();
    let mut seen: Seen<'_> = HashMap::new();
    for sighting in case.sightings {
        seen.entry(&sighting.message_id).or_default().push(sighting);
    }
    nothing_is_lost(case, &seen, &mut complaints);
    one_id_for_each_delivery(case, &mut complaints);
    let excused = repeats_were_in_flight(case, &seen, &mut complaints);
    rows_agree(case, &seen, &mut complaints);
    counters_agree(case, &mut complaints);
    Verdict {
        complaints: complaints.into_lines(),
        excused,
    }
}

/// Every acknowledged event has the row of each webhook that subscribes, and each of them reached its receiver, unless
/// that one never succeeds and was turned off before.
fn nothing_is_lost(case: &Case<'_>, seen: &Seen<'_>, complaints: &mut Complaints) {
    let mut rows: HashMap<(i64, i64), &DeliveryRow> = HashMap::new();
    for row in &case.rows.deliveries {
        if rows.insert((row.event, row.webhook), row).is_some() {
            complaints.add("an event has two rows for one webhook", format!("{row:?}"));
        }
    }
    for event in case.acknowledged {
        let subscribed = (case.first_webhook..)
            .zip(WEBHOOKS)
            .filter(|(_, webhook)| webhook.1 == event.kind);
        let subscribed: Vec<_> = subscribed.collect();
        if event.deliveries != subscribed.len() {
            complaints.add(
                "an acknowledgement promised another number of deliveries",
                format!("{event:?}"),
            );
        }
        for (webhook, (manner, _)) in subscribed {
            let Some(row) = rows.get(&(event.id, webhook)) else {
                complaints.add(
                    "LOST: an acknowledged event without its row",
                    format!("{event:?}, webhook {webhook}"),
                );
                continue;
            };
            let requests = seen.get(row.message_id.as_str());
            if manner.succeeds_at().is_some() && requests.is_none() {
                complaints.add(
                    "LOST: an acknowledged delivery that no receiver saw",
                    format!("{event:?}, {row:?}"),
                );
            }
            if requests.is_some_and(|requests| requests.iter().any(|request| request.event != event.event)) {
                complaints.add("a delivery carried another event", format!("{event:?}, {row:?}"));
            }
        }
    }
}

fn one_id_for_each_delivery(case: &Case<'_>, complaints: &mut Complaints) {
    let mut ids: HashMap<(usize, u64), &str> = HashMap::new();
    let known: HashSet<&str> = case.rows.deliveries.iter().map(|row| row.message_id.as_str()).collect();
    for sighting in case.sightings {
        let id = *ids
            .entry((sighting.webhook, sighting.event))
            .or_insert(&sighting.message_id);
        if id != sighting.message_id {
            complaints.add("a delivery came under two ids", format!("{sighting:?}, before {id}"));
        }
        if !known.contains(sighting.message_id.as_str()) {
            complaints.add("a receiver saw a delivery that no row knows", format!("{sighting:?}"));
        }
    }
}

/// The same attempt twice is allowed when the first was in flight, or not yet recorded, at a fault between the two.
fn repeats_were_in_flight(case: &Case<'_>, seen: &Seen<'_>, complaints: &mut Complaints) -> usize {
    let mut excused = 0;
    for requests in seen.values() {
        let mut last: HashMap<u32, &Sighting> = HashMap::new();
        for request in requests {
            let Some(before) = last.insert(request.attempt, request) else {
                continue;
            };
            let hangs = manner(request.webhook) == Manner::Hangs;
            let in_flight_for = if hangs { HANGS_FOR } else { RECORDED_WITHIN };
            let excuse = case.happened.iter().any(|happened| {
                // A stop in good order lets requests finish; only one that hangs is given back.
                (happened.fault != Fault::Replace || hangs)
                    && before.at <= happened.to + UNDERWAY
                    && before.at + in_flight_for >= happened.from
                    && request.at >= happened.from
            });
            if excuse {
                excused += 1;
            } else {
                complaints.add(
                    "an attempt came twice and was not in flight at a fault",
                    format!("{before:?}, again {:?} later", request.at - before.at),
                );
            }
        }
    }
    excused
}

fn rows_agree(case: &Case<'_>, seen: &Seen<'_>, complaints: &mut Complaints) {
    let mut attempts: HashMap<i64, Vec<&AttemptRow>> = HashMap::new();
    for attempt in &case.rows.attempts {
        attempts.entry(attempt.delivery).or_default().push(attempt);
    }
    for row in &case.rows.deliveries {
        let manner = manner(usize::try_from(row.webhook - case.first_webhook).unwrap_or(0));
        let numbers = seen.get(row.message_id.as_str()).map_or_else(HashSet::new, |requests| {
            requests.iter().map(|request| request.attempt as i32).collect()
        });
        let recorded = attempts.get(&row.id).map_or(&[] as &[_], Vec::as_slice);
        for complaint in row_complaints(row, manner, &numbers, recorded) {
            complaints.add(
                complaint,
                format!("{row:?}, {manner:?}, seen {numbers:?}, {recorded:?}"),
            );
        }
    }
}

fn row_complaints(
    row: &DeliveryRow,
    manner: Manner,
    seen: &HashSet<i32>,
    recorded: &[&AttemptRow],
) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let numbers: Vec<i32> = recorded.iter().map(|attempt| attempt.number).collect();
    if numbers != (1..=row.attempts).collect::<Vec<_>>() {
        wrong.push("the attempts are not those that the row counts");
    }
    for attempt in recorded {
        // One that a pause or a dead database turned into a timeout did not get its answer, and says so.
        let expected = u32::try_from(attempt.number)
            .ok()
            .and_then(|number| manner.code(number));
        match attempt.outcome {
            ANSWERED if attempt.code != expected => wrong.push("an attempt has another answer than the receiver gave"),
            ANSWERED if !seen.contains(&attempt.number) => {
                wrong.push("an attempt is recorded as answered that no receiver saw");
            }
            _ => {}
        }
    }
    let last = recorded.last();
    if row.attempts > 0 && last.is_some_and(|last| (Some(last.outcome), last.code) != (row.outcome, row.code)) {
        wrong.push("the row says otherwise than its last attempt");
    }
    if row.status != 0 && seen.iter().any(|number| *number > row.attempts) {
        wrong.push("a receiver saw an attempt beyond those that the row counts");
    }
    // A lost attempt costs no retry: the number that follows the recorded ones may have been seen, none beyond it.
    if row.status == 0 && seen.iter().any(|number| *number > row.attempts + 1) {
        wrong.push("a receiver saw an attempt that nobody counted");
    }
    match (row.status, manner.succeeds_at()) {
        (SUCCESS, Some(_)) if row.code != Some(200) => wrong.push("a success without its 200"),
        (SUCCESS, Some(_)) => {}
        (SUCCESS, None) => wrong.push("a success at a receiver that never gives one"),
        (FAILED, None) if row.attempts != LAST_ATTEMPT => wrong.push("a delivery failed before its last attempt"),
        (FAILED, None) => {}
        (FAILED, Some(_)) => wrong.push("a delivery failed at a receiver that recovers"),
        (_, Some(_)) => wrong.push("a delivery is still waiting"),
        (_, None) => {}
    }
    wrong
}

/// A webhook's consecutive failures are its failed rows when nothing there ever succeeds, and none when all end well.
fn counters_agree(case: &Case<'_>, complaints: &mut Complaints) {
    for webhook in &case.rows.webhooks {
        let manner = manner(usize::try_from(webhook.id - case.first_webhook).unwrap_or(0));
        let failed = case.rows.deliveries.iter();
        let failed = failed
            .filter(|row| row.webhook == webhook.id && row.status == FAILED)
            .count();
        let expected = if manner.succeeds_at().is_some() { 0 } else { failed };
        if usize::try_from(webhook.failures) != Ok(expected) {
            complaints.add(
                "a counter of failures is wrong",
                format!("{webhook:?}, {failed} failed rows"),
            );
        }
        if manner.succeeds_at().is_some() && !webhook.active {
            complaints.add(
                "a webhook whose deliveries end well was turned off",
                format!("{webhook:?}"),
            );
        }
    }
}
