//! Which node this database is.
//!
//! An actor that forgets what it has given out loses what others have of it: so whatever may have
//! forgotten something is another node. The node is `last_value` of the sequence `crdt_node`, and
//! `log_cnt` a fingerprint of the server, the timeline and the database that it was drawn in. Where
//! that is another one, the next use draws anew. It needs nothing of shared memory.

use pgrx::prelude::*;
use snowflake_core::causality::{fingerprint, node};

use crate::extension;
use crate::host::{identity, random};
use crate::postgres::error::{OrRaise, Outcome};
use crate::postgres::invalidation::Kept;
use crate::postgres::sequence::SequenceData;
use crate::postgres::stored_number::StoredNumber;
use crate::postgres::{backend, transaction, wal};

extension_sql_file!(
    "node.sql",
    name = "node",
    requires = ["lamport", crdt_new_node]
);

/// The node that this database is. It is the same for all of a statement, so an index can be asked
/// for it.
#[pg_extern(stable, parallel_safe)]
fn crdt_node_id() -> i64 {
    own().or_raise()
}

/// Makes this database a new node.
#[pg_extern(volatile, parallel_unsafe)]
fn crdt_new_node() -> i64 {
    stored().and_then(|stored| draw(stored, true)).or_raise()
}

/// The node that this database is; drawn, if there is none of it yet.
pub fn own() -> Outcome<i64> {
    let stored = stored()?;
    let (row, position) = stored.read()?;
    if !is_own(&row) {
        return draw(stored, false);
    }
    // by another session, a moment ago; what a standby has is durable
    if !transaction::is_in_recovery() && !wal::flushed(position) {
        wal::flush(position);
    }
    Ok(row.last_value)
}

/// Draws a node and stores it, unless another session was first. On return it is durable.
fn draw(stored: StoredNumber, anew: bool) -> Outcome<i64> {
    transaction::refuse_recovery(
        "make this database a node",
        "Call crdt_node_id() on the primary first: a standby has the node of its primary, until it \
         is promoted.",
    )?;
    let drawn = random_node()?;
    let sequence = stored.open_to_raise()?;
    let change = stored.change(&sequence, |row| {
        if !anew && is_own(row) {
            return (row.last_value, None);
        }
        let row = SequenceData {
            last_value: drawn,
            log_cnt: own_fingerprint(),
            is_called: true,
        };
        (drawn, Some(row))
    });
    let node = change.map(|(node, position)| {
        wal::flush(position);
        node
    });
    sequence.close();
    node
}

/// From the kernel: what a generator of this process gives, a copy of the machine may give, too.
fn random_node() -> Outcome<i64> {
    loop {
        let random = getrandom::u64().map_err(random::failure)?;
        if let Some(node) = node(random) {
            return Ok(node);
        }
    }
}

/// Whether what is stored was drawn here.
fn is_own(row: &SequenceData) -> bool {
    row.last_value > 0 && row.log_cnt == own_fingerprint()
}

fn own_fingerprint() -> i64 {
    fingerprint(
        identity::system_identifier(),
        wal::timeline(),
        backend::database().to_u32(),
    )
}

static STORED: Kept<StoredNumber> = Kept::new(|stored, changed| stored.sequence == changed);

fn stored() -> Outcome<StoredNumber> {
    STORED.get_or(|| {
        Ok(StoredNumber {
            sequence: extension::relation(extension::find()?.schema, c"crdt_node")?,
            name: "crdt_node",
            purpose: "keep a node in",
        })
    })
}
