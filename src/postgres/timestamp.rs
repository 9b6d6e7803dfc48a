//! Instants in PostgreSQL's form of time.

use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use snowflake_core::Timestamp;

use crate::postgres::error::{Failure, Outcome};

/// Microseconds from 1970, where Unix time begins, to 2000, where PostgreSQL's does.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// A PostgreSQL timestamp as an instant. Times past the year 294246, which core does not hold,
/// become its last finite one: no layout reaches that far.
pub fn from_postgres(timestamp: TimestampWithTimeZone) -> Timestamp {
    from_postgres_micros(timestamp.into())
}

/// The same of its raw value.
pub fn from_postgres_micros(timestamp: pg_sys::TimestampTz) -> Timestamp {
    match timestamp {
        i64::MIN => Timestamp::NEGATIVE_INFINITY,
        i64::MAX => Timestamp::INFINITY,
        micros => Timestamp::from_micros(micros.saturating_add(POSTGRES_EPOCH).min(i64::MAX - 1)),
    }
}

/// An instant as a PostgreSQL timestamp, as its raw value.
pub fn to_postgres_micros(timestamp: Timestamp) -> pg_sys::TimestampTz {
    match timestamp {
        Timestamp::NEGATIVE_INFINITY => i64::MIN,
        Timestamp::INFINITY => i64::MAX,
        finite => finite.micros().saturating_sub(POSTGRES_EPOCH),
    }
}

/// An instant as a PostgreSQL timestamp.
pub fn to_postgres(timestamp: Timestamp) -> TimestampWithTimeZone {
    // the conversion refuses only what lies outside PostgreSQL's range, which saturation above
    // keeps an instant of a layout away from
    TimestampWithTimeZone::try_from(to_postgres_micros(timestamp))
        .unwrap_or_else(|_| TimestampWithTimeZone::positive_infinity())
}

/// An instant as a PostgreSQL timestamp, as its raw value.
///
/// # Errors
/// PostgreSQL has no such time, or it is infinite.
pub fn in_range(timestamp: Timestamp) -> Outcome<pg_sys::TimestampTz> {
    let micros = to_postgres_micros(timestamp);
    match TimestampWithTimeZone::try_from(micros) {
        Ok(_) if timestamp.is_finite() => Ok(micros),
        _ => Err(Failure::new(
            PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW,
            "timestamp out of range",
        )),
    }
}
