//! The row in which `snowflake_clock_report()` answers: written by the registry, read as text by the
//! server that reported.

use pgrx::prelude::*;
use snowflake_core::time::{FEWEST_CLOCKS, ServerTimes, Span, majority};

use crate::net::libpq::TextRow;
use crate::postgres::row::Row;

/// The columns, named and in the order of the function's OUT parameters.
pub const COLUMNS: [&str; 7] = [
    "received",
    "sent",
    "fleet_low",
    "fleet_high",
    "agreeing",
    "clocks",
    "accepted",
];

/// What the registry says to a report.
#[derive(Clone, Copy)]
pub struct ClockAnswer {
    /// When the report came, by the registry's clock in microseconds since 1970.
    pub received: i64,
    /// When the answer left.
    pub sent: i64,
    /// What true time is ahead of the registry's clock, as the majority of the fleet says.
    pub hull: Option<Span>,
    /// How many clocks agree.
    pub agreeing: usize,
    /// How many there are.
    pub clocks: usize,
    /// Whether what was reported counts; `None` if nothing was.
    pub accepted: Option<bool>,
}

impl ClockAnswer {
    /// The two times for measuring the registry's clock; saturate.
    pub fn times(&self) -> ServerTimes {
        ServerTimes {
            received: self.received.saturating_mul(1_000),
            sent: self.sent.saturating_mul(1_000),
        }
    }
}

/// The row that says an answer. Bounds stay bounds.
pub fn write(answer: &ClockAnswer) -> Row<{ COLUMNS.len() }> {
    let hull = answer.hull.map(Span::to_micros);
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    Row([
        answer.received.into_datum(),
        answer.sent.into_datum(),
        hull.map(|hull| hull.low).into_datum(),
        hull.map(|hull| hull.high).into_datum(),
        count(answer.agreeing).into_datum(),
        count(answer.clocks).into_datum(),
        answer.accepted.into_datum(),
    ])
}

/// The answer that a row says; `None` if it makes no sense.
pub fn read(row: &TextRow) -> Option<ClockAnswer> {
    let row: &[_; COLUMNS.len()] = row.as_slice().try_into().ok()?;
    let [received, sent, low, high, agreeing, clocks, accepted] = row;
    let nanos = |value: &str| value.parse::<i64>().ok()?.checked_mul(1_000);
    let count = |value: &Option<String>| -> Option<usize> {
        let count: i32 = value.as_deref()?.parse().ok()?;
        count.try_into().ok()
    };
    let (agreeing, clocks) = (count(agreeing)?, count(clocks)?);
    let hull = match (low, high) {
        (Some(low), Some(high)) => Some(Span {
            low: nanos(low)?,
            high: nanos(high)?,
        }),
        (None, None) => None,
        _ => return None,
    };
    let is_majority = agreeing >= majority(clocks) && clocks >= FEWEST_CLOCKS;
    if agreeing > clocks || hull.is_some_and(|hull| hull.low > hull.high || !is_majority) {
        return None;
    }
    Some(ClockAnswer {
        received: received.as_deref()?.parse().ok()?,
        sent: sent.as_deref()?.parse().ok()?,
        hull,
        agreeing,
        clocks,
        accepted: accepted.as_deref().map(|accepted| accepted == "t"),
    })
}
