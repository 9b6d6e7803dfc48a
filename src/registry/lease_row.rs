//! The row in which `snowflake_lease_take()` returns the answer: written by the registry, read as
//! text by the server that asked.

use pgrx::prelude::*;
use snowflake_core::lease::{Answer, Denial, Lease, Reason};

use crate::net::libpq::TextRow;
use crate::postgres::row::Row;

/// The columns, named and in the order of the function's OUT parameters.
pub const COLUMNS: [&str; 6] = [
    "outcome",
    "worker_id",
    "not_before",
    "not_after",
    "contested_by",
    "detail",
];

/// The row as a result of the function.
pub type LeaseRow = Row<{ COLUMNS.len() }>;

/// The outcome that is a lease; others are reasons to refuse one.
const GRANTED: &str = "granted";

/// The row that says an answer.
pub fn write(answer: Answer) -> LeaseRow {
    match answer {
        Answer::Granted {
            lease,
            contested_by,
        } => Row([
            GRANTED.into_datum(),
            (lease.worker as i32).into_datum(),
            lease.not_before.into_datum(),
            lease.not_after.into_datum(),
            contested_by.into_datum(),
            None,
        ]),
        Answer::Refused(denial) => Row([
            denial.reason.name().into_datum(),
            None,
            None,
            None,
            None,
            denial.detail.into_datum(),
        ]),
    }
}

/// The answer that a row says; `None` if it makes no sense.
pub fn read(row: &TextRow) -> Option<Answer> {
    let row: &[_; COLUMNS.len()] = row.as_slice().try_into().ok()?;
    let [outcome, worker, not_before, not_after, contested_by, detail] = row;
    let outcome = outcome.as_deref()?;
    if outcome == GRANTED {
        return Some(Answer::Granted {
            lease: Lease {
                worker: worker.as_deref()?.parse().ok()?,
                not_before: not_before.as_deref()?.parse().ok()?,
                not_after: not_after.as_deref()?.parse().ok()?,
            },
            contested_by: contested_by.clone(),
        });
    }
    Some(Answer::Refused(Denial {
        reason: Reason::from_name(outcome)?,
        detail: detail.clone().unwrap_or_default(),
    }))
}
