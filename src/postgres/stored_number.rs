//! A number that must not get lost: `last_value` of a sequence of the extension.
//!
//! It is changed in place on the sequence's page, and durable before it counts; docs/durability.md
//! says why, and why not by setval().

use pgrx::prelude::*;

use crate::postgres::error::{Failure, Outcome};
use crate::postgres::sequence::{Change, Sequence, SequenceData};

/// A sequence that stands for a number.
#[derive(Clone, Copy)]
pub struct StoredNumber {
    pub sequence: pg_sys::Oid,
    /// Its name, and what it is changed for, for messages.
    pub name: &'static str,
    pub purpose: &'static str,
}

impl StoredNumber {
    /// What is stored, and where in the log the latest change of it ends.
    pub fn read(self) -> Outcome<(SequenceData, pg_sys::XLogRecPtr)> {
        let sequence = Sequence::open_to_read(self.sequence).ok_or_else(|| self.dropped())?;
        let sequence = self.checked(sequence)?;
        let row = sequence.read_with_position();
        sequence.close();
        row.ok_or_else(|| self.damaged())
    }

    /// Opens the sequence to change the number.
    pub fn open_to_raise(self) -> Outcome<Sequence> {
        let sequence = Sequence::open_to_raise(self.sequence).ok_or_else(|| self.dropped())?;
        self.checked(sequence)
    }

    /// The same; `None` if that would have to wait.
    pub fn open_at_once(self) -> Outcome<Option<Sequence>> {
        let sequence = Sequence::open_at_once(self.sequence);
        sequence.map(|sequence| self.checked(sequence)).transpose()
    }

    /// Changes what is stored, as [`Sequence::change`] does; returns what was decided, and where in
    /// the log the latest change ends.
    pub fn change<T, R: Into<SequenceData>>(
        self,
        sequence: &Sequence,
        decide: impl FnOnce(&SequenceData) -> (T, Option<R>),
    ) -> Outcome<(T, pg_sys::XLogRecPtr)> {
        match sequence.change(false, |row, _| decide(row)) {
            Change::Decided(result, position) => Ok((result, position)),
            // none is busy who waits
            Change::Damaged | Change::Busy => Err(self.damaged()),
        }
    }

    /// A sequence that may be used.
    fn checked(self, sequence: Sequence) -> Outcome<Sequence> {
        match sequence.problem() {
            None => Ok(sequence),
            Some(problem) => {
                sequence.close();
                let Self { name, purpose, .. } = self;
                Err(Failure::state(format!("cannot {purpose} \"{name}\"")).detail(problem))
            }
        }
    }

    fn dropped(self) -> Failure {
        Failure::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
            format!("sequence \"{}\" was dropped", self.name),
        )
    }

    pub fn damaged(self) -> Failure {
        Failure::new(
            PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
            format!("sequence \"{}\" is damaged", self.name),
        )
    }
}
