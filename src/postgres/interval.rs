//! Lengths of time in PostgreSQL's form.

use pgrx::datum::Interval;
use pgrx::prelude::*;

use crate::postgres::error::{Failure, Outcome};

/// An interval in microseconds, a month as 30 days and a day as 24 hours.
///
/// # Errors
/// It does not fit, as an infinite one does not.
pub fn micros(interval: Interval) -> Outcome<i64> {
    interval.as_micros().try_into().map_err(|_| {
        Failure::new(
            PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW,
            "interval out of range",
        )
    })
}

/// Microseconds as an interval. pgrx's from_micros() goes by way of floating point, and is exact for
/// 285 years only.
pub fn from_micros(micros: i64) -> Interval {
    Interval::new(0, 0, micros)
        // not refused: without months and days there is one sign only
        .unwrap_or_else(|_| Interval::from_micros(micros))
}

/// Nanoseconds as an interval, rounded to the nearest microsecond.
pub fn nearest(nanos: i64) -> Interval {
    from_micros(nanos.saturating_add(500).div_euclid(1_000))
}

/// Nanoseconds as an interval, rounded up: a bound stays one.
pub fn at_most(nanos: i64) -> Interval {
    from_micros(nanos.saturating_add(999).div_euclid(1_000))
}
