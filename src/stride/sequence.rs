//! Reading a sequence: its definition, its state and the stride that it is labelled with.

use pgrx::prelude::*;
use snowflake_core::stride::SequenceState;

use crate::postgres::error::Outcome;
use crate::postgres::sequence::Sequence;
use crate::postgres::sql::{self, Sql};
use crate::stride::label::LABEL;

/// Reads a sequence and its label while nobody alters, renames or drops it; nothing if it is gone.
pub fn read(oid: pg_sys::Oid) -> Outcome<Option<(SequenceState, Option<String>)>> {
    // SELECT would not do: it does not keep ALTER SEQUENCE from taking the file away, and keeps its
    // own lock until the end of the transaction
    let Some(open) = Sequence::open_to_read(oid) else {
        return Ok(None);
    };
    let state = open.is_sequence().then(|| open.read()).flatten();
    let sql = Sql::new("SELECT seqincrement, seqmin, seqmax, seqstart, seqcycle, ")
        .text(LABEL)
        .text(" FROM pg_sequence WHERE seqrelid = $1");
    let found = sql::rows(sql, &[oid.into()], |row| {
        let state = state.as_ref()?;
        let sequence = SequenceState {
            increment: row.long(1)?,
            min: row.long(2)?,
            max: row.long(3)?,
            start: row.long(4)?,
            cycle: row.flag(5),
            last_value: state.last_value,
            called: state.is_called,
        };
        Some((sequence, row.text(6)))
    });
    open.close();
    Ok(found?.pop().flatten())
}
