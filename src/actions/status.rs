//! How the installation is, for administrators: what waits, what became of the last day's deliveries, which receivers stand out. It
//! shows nothing of a project but the numbers of its webhooks, which are needed to look for them.

use crate::actions::access::{self, Actor};
use crate::actions::webhooks::Chart;
use crate::db::Db;
use crate::db::figures::{self, Queue, StandsOut, Webhooks};
use crate::domain::moment::Moment;
use crate::error::AppError;

/// Webhooks in each of the two lists.
const LISTED: i64 = 5;

#[derive(Debug)]
pub struct Status {
    pub queue: Queue,
    pub webhooks: Webhooks,
    /// Of all webhooks together; what is held is in `queue`.
    pub chart: Chart,
    /// With how many of their deliveries failed in these hours.
    pub failing: Vec<StandsOut>,
    /// With what their newest attempts took, in microseconds.
    pub slowest: Vec<StandsOut>,
    /// Bytes; 0 for an embedded database, which is a file.
    pub size: i64,
}

/// A stranger to the installation is told that there is nothing.
pub fn read(db: &mut Db, actor: &Actor, now: Moment) -> Result<Status, AppError> {
    access::administrator(db, actor)?;
    let mut chart = Chart::default();
    let from = now.hour() + 1 - chart.len() as i64;
    for ended in figures::hours(db, from)? {
        let place = usize::try_from(ended.hour - from).unwrap_or(usize::MAX);
        if let Some(hour) = chart.get_mut(place) {
            (hour.ok, hour.failed) = (ended.ok, ended.failed);
        }
    }
    Ok(Status {
        queue: figures::queue(db, now)?,
        webhooks: figures::webhooks(db)?,
        chart,
        failing: figures::most_failing(db, from, LISTED)?,
        slowest: figures::slowest(db, from, LISTED)?,
        size: figures::size(db)?,
    })
}
