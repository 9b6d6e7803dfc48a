//! The two times in the answer of another PostgreSQL server. Whatever it sends is judged here.

use super::error::Error;
use crate::excerpt::excerpt;

/// When a statement came to another server, and when its answer left, by its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerTimes {
    /// When the statement came.
    pub received: i64,
    /// When its answer left.
    pub sent: i64,
}

impl ServerTimes {
    /// Reads the rows of an answer: one, with both times in microseconds since 1970.
    ///
    /// # Errors
    /// It is not that, or the times are not between 1677 and 2262.
    pub fn read(rows: &[Vec<Option<String>>]) -> Result<Self, Error> {
        let [row] = rows else {
            return Err(no_times(format!(
                "The number of rows in its answer is {}.",
                rows.len()
            )));
        };
        let [received, sent] = row.as_slice() else {
            return Err(no_times(format!(
                "The number of columns in its answer is {}.",
                row.len()
            )));
        };
        Ok(Self {
            received: nanos(received.as_deref())?,
            sent: nanos(sent.as_deref())?,
        })
    }
}

fn nanos(value: Option<&str>) -> Result<i64, Error> {
    let text = value.ok_or_else(|| no_times("It says NULL.".into()))?;
    let micros: Option<i64> = text.parse().ok();
    micros
        .and_then(|micros| micros.checked_mul(1_000))
        .ok_or_else(|| no_times(format!("It says \"{}\".", excerpt(text))))
}

fn no_times(problem: String) -> Error {
    Error::NoServerTimes { problem }
}
