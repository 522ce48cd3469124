//! An instant as the product keeps it: whole microseconds since 1970, UTC, in a BIGINT column. Both databases compare
//! such a number alike, which they do not do with their own time types.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, Utc};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::BigInt;

use crate::domain::described;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    diesel::expression::AsExpression,
    diesel::deserialize::FromSqlRow,
)]
#[diesel(sql_type = BigInt)]
pub struct Moment(pub i64);

impl Moment {
    /// `2026-03-22T12:00:00.000Z`: UTC, milliseconds, as payloads and the API write instants.
    pub fn iso(self) -> String {
        self.datetime().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// `2026-03-22T12:00:00.000Z` with any offset, and as forms have it, then in UTC: `2026-03-22T12:00`, `2026-03-22`.
    pub fn parse(text: &str) -> Option<Moment> {
        let with_offset = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
        let wall = |format| NaiveDateTime::parse_from_str(text, format).map(|at| at.and_utc());
        let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN).and_utc());
        with_offset
            .or_else(|_| wall("%Y-%m-%dT%H:%M:%S%.f"))
            .or_else(|_| wall("%Y-%m-%dT%H:%M"))
            .or_else(|_| day())
            .ok()
            .map(Moment::from)
    }

    /// Seconds since 1970, as `webhook-timestamp` wants them.
    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole hours since 1970: which bar of a chart it falls into.
    pub fn hour(self) -> i64 {
        self.0.div_euclid(3_600_000_000)
    }

    /// When that hour began.
    pub fn of_hour(hour: i64) -> Moment {
        Moment(hour.saturating_mul(3_600_000_000))
    }

    pub fn datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// A duration in whole microseconds, as columns hold it; saturates far beyond any real one.
pub fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl std::ops::Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(micros(duration)))
    }
}

impl std::ops::Sub<Duration> for Moment {
    type Output = Moment;

    fn sub(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_sub(micros(duration)))
    }
}

impl From<DateTime<Utc>> for Moment {
    fn from(at: DateTime<Utc>) -> Self {
        Moment(at.timestamp_micros())
    }
}

impl utoipa::PartialSchema for Moment {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        described::text(utoipa::openapi::KnownFormat::DateTime, "2026-11-23T14:46:44.651Z")
    }
}

impl utoipa::ToSchema for Moment {}

impl serde::Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.iso())
    }
}

impl<DB: Backend> FromSql<BigInt, DB> for Moment
where
    i64: FromSql<BigInt, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        i64::from_sql(bytes).map(Self)
    }
}

impl<DB: Backend> ToSql<BigInt, DB> for Moment
where
    i64: ToSql<BigInt, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_in_utc_with_milliseconds() {
        let at = Moment(1_774_180_800_123_999);

        assert_eq!(at.iso(), "2026-03-22T12:00:00.123Z");
        assert_eq!(at.unix_seconds(), 1_774_180_800);
    }

    #[test]
    fn an_instant_is_read_with_its_offset_or_in_utc() {
        let noon = Moment(1_774_180_800_000_000);
        let cases = [
            ("2026-03-22T12:00:00Z", Some(noon)),
            ("2026-03-22T12:00:00.000Z", Some(noon)),
            ("2026-03-22T14:00:00+02:00", Some(noon)),
            ("2026-03-22T12:00:00", Some(noon)),
            ("2026-03-22T12:00", Some(noon)),
            ("2026-03-22", Some(noon - Duration::from_secs(12 * 3_600))),
            ("2026-02-30", None),
            ("2026-03-22T25:00", None),
            ("yesterday", None),
            ("1774180800", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Moment::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn a_moment_that_lies_ahead_is_zero_ago() {
        assert_eq!(Moment(5).since(Moment(9)), Duration::ZERO);
        assert_eq!(Moment(9).since(Moment(5)), Duration::from_micros(4));
    }
}
