//! Dates and times of day as tasks carry them: wall-clock values of no zone, `YYYY-MM-DD` and `HH:MM:SS`, text on disk and
//! on the wire. Both sort as text.

use chrono::{NaiveDate, NaiveTime};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use utoipa::openapi::KnownFormat;

use crate::domain::described;
use crate::domain::moment::Moment;

macro_rules! text_value {
    ($(#[$doc:meta])* $name:ident, $schema:expr) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize,
            diesel::expression::AsExpression, diesel::deserialize::FromSqlRow,
        )]
        #[diesel(sql_type = Text)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $schema
            }
        }

        impl utoipa::ToSchema for $name {}

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<DB: Backend> FromSql<Text, DB> for $name
        where
            String: FromSql<Text, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
                String::from_sql(bytes).map(Self)
            }
        }

        impl<DB: Backend> ToSql<Text, DB> for $name
        where
            String: ToSql<Text, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                self.0.to_sql(out)
            }
        }
    };
}

text_value!(
    /// A day, `YYYY-MM-DD`.
    Date, described::text(KnownFormat::Date, "2026-11-23")
);
text_value!(
    /// A time of day, `HH:MM:SS`. What JSON Schema calls a time has an offset.
    TimeOfDay, described::pattern("^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$", "14:46:00")
);

impl Date {
    /// `YYYY-MM-DD`, also followed by a time (`T…`), which is cut: clients send whole instants for a day.
    pub fn parse(text: &str) -> Option<Date> {
        let day = text.split(['T', ' ']).next()?;
        let plain = day.len() == 10
            && day.bytes().enumerate().all(|(at, b)| {
                if at == 4 || at == 7 {
                    b == b'-'
                } else {
                    b.is_ascii_digit()
                }
            });
        // Neither browsers nor PostgreSQL know a year 0.
        let date = (plain && !day.starts_with("0000")).then(|| NaiveDate::parse_from_str(day, "%Y-%m-%d").ok())??;
        Some(Date(date.format("%Y-%m-%d").to_string()))
    }

    /// The day of an instant, in UTC.
    pub fn of(at: Moment) -> Date {
        Date(at.datetime().format("%Y-%m-%d").to_string())
    }

    pub fn day(&self) -> Option<NaiveDate> {
        NaiveDate::parse_from_str(&self.0, "%Y-%m-%d").ok()
    }
}

impl TimeOfDay {
    /// `HH:MM` or `HH:MM:SS`; a fraction and an offset (`Z`, `+02:00`) are accepted and cut.
    pub fn parse(text: &str) -> Option<TimeOfDay> {
        let wall = text.split(['Z', 'z', '+', '-', '.']).next()?.trim_end();
        let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        if !wall.split(':').all(digits) {
            return None;
        }
        let time = NaiveTime::parse_from_str(wall, "%H:%M:%S").or_else(|_| NaiveTime::parse_from_str(wall, "%H:%M"));
        // chrono reads 23:59:60 as a leap second and would print it so; no database of times of day has one.
        time.ok()
            .filter(|_| !wall.ends_with(":60"))
            .map(|time| TimeOfDay(time.format("%H:%M:%S").to_string()))
    }

    /// `HH:MM`, for people.
    pub fn short(&self) -> &str {
        self.0.get(..5).unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_day_that_exists() {
        let cases = [
            ("2026-03-22", Some("2026-03-22")),
            ("2024-02-29", Some("2024-02-29")),
            ("2026-03-22T10:00:00Z", Some("2026-03-22")),
            ("2025-02-29", None),
            ("2026-13-01", None),
            ("2026-3-2", None),
            ("22.03.2026", None),
            ("+2026-03-2", None),
            ("-001-01-01", None),
            ("0000-01-01", None),
            ("0001-01-01", Some("0001-01-01")),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Date::parse(text).as_ref().map(Date::as_str), expected, "{text}");
        }
    }

    #[test]
    fn a_time_has_seconds_on_the_wire_and_no_offset() {
        let cases = [
            ("17:30:05", Some("17:30:05")),
            ("17:30", Some("17:30:00")),
            ("17:30:05+02:00", Some("17:30:05")),
            ("17:30:05-07", Some("17:30:05")),
            ("17:30:05Z", Some("17:30:05")),
            ("17:30:05.250Z", Some("17:30:05")),
            ("00:00", Some("00:00:00")),
            ("24:00", None),
            ("12:60", None),
            ("23:59:60", None),
            ("7:30", None),
            ("12", None),
            ("noon", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(
                TimeOfDay::parse(text).as_ref().map(TimeOfDay::as_str),
                expected,
                "{text}"
            );
        }
    }
}
