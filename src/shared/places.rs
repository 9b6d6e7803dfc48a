//! Places in shared memory that belong to databases and sequences, which are known by their OIDs.
//!
//! An OID comes back: what is created finds no place of another that had its OID before. What is
//! gone leaves its place to others, at the end of the transaction that drops or does not create it,
//! or when somebody needs a place and none is free.

use std::collections::{BTreeSet, HashSet};

use pgrx::prelude::*;

use crate::extension;
use crate::postgres::backend::{self, BackendLocal};
use crate::postgres::error::Outcome;
use crate::postgres::existence::{self, Presence};
use crate::postgres::objects::{self, Change};
use crate::postgres::transaction_end::{self, End};
use crate::shared::marks::Entry;
use crate::shared::segment::{self, Shared};

/// Follows what comes and goes, from `_PG_init`.
pub fn watch() {
    objects::watch(on_change);
    transaction_end::watch(on_end);
}

/// What the end of a transaction frees.
#[derive(Clone, Copy)]
struct Note {
    what: Noted,
    /// The subtransaction that did it.
    by: pg_sys::SubTransactionId,
}

#[derive(Clone, Copy)]
enum Noted {
    /// The places of a sequence that the transaction created: if it is rolled back.
    Created(u64),
    /// Those of one that it dropped: if it is committed.
    Dropped(u64),
    /// Those of all tickets of this database, where it dropped the extension.
    AllDropped,
}

/// Of this transaction.
static NOTES: BackendLocal<Vec<Note>> = BackendLocal::new(Vec::new());

fn note(what: Noted, by: pg_sys::SubTransactionId) {
    let mut notes = NOTES.replace(Vec::new());
    notes.push(Note { what, by });
    NOTES.set(notes);
}

/// A sequence that this transaction created, in the given subtransaction, has taken places.
pub fn taken_by_new(key: u64, creator: pg_sys::SubTransactionId) {
    note(Noted::Created(key), creator);
}

fn on_change(change: Change) {
    let Ok(shared) = segment::shared() else {
        return;
    };
    match change {
        Change::DatabaseCreated(database) => {
            // of one that was dropped: nobody is connected to it, nor to the new one
            shared.marks().forget_database(database);
            forget_tickets(shared, database);
        }
        Change::SequenceCreated(sequence) => forget(shared, segment::key(sequence)),
        Change::SequenceDropped(sequence) => {
            let key = segment::key(sequence);
            if shared.counters().known(key).is_some() {
                note(Noted::Dropped(key), transaction_end::current());
            }
        }
        Change::ExtensionDropped(extension) => {
            if extension::has_oid(extension) {
                note(Noted::AllDropped, transaction_end::current());
            }
        }
    }
}

fn on_end(end: End) {
    let notes = NOTES.replace(Vec::new());
    let Ok(shared) = segment::shared() else {
        return;
    };
    let mut kept = Vec::new();
    for noted in notes {
        match (end, noted.what) {
            (End::RolledBack(first), _) if noted.by < first => kept.push(noted),
            (End::Committed, Noted::Dropped(key))
            | (End::Aborted | End::RolledBack(_), Noted::Created(key)) => forget(shared, key),
            (End::Committed, Noted::AllDropped) => forget_tickets(shared, backend::database()),
            _ => {}
        }
    }
    NOTES.set(kept);
}

/// Frees the places of a ticket.
pub fn forget(shared: Shared, key: u64) {
    shared.counters().forget(key);
    shared.block_orders().forget(key);
}

/// Those of all tickets of a database.
fn forget_tickets(shared: Shared, database: pg_sys::Oid) {
    shared.counters().forget_database(database);
    shared.block_orders().forget_database(database);
}

/// The entry of a sequence of this database, the mark of IDs, of hybrid times or of the Lamport clock;
/// `None` if there is no room for it.
pub fn of_sequence(shared: Shared, sequence: pg_sys::Oid) -> Outcome<Option<&'static Entry>> {
    let (marks, key) = (shared.marks(), segment::key(sequence));
    let entry = marks.of(key);
    if entry.is_some() {
        return Ok(entry);
    }
    let changes = marks.changes();
    let databases = existence::databases()?;
    marks.keep(changes, |database| databases.contains(&database));
    Ok(marks.of(key))
}

/// Frees the places of tickets that are gone: of this database, those that `named` does not return,
/// or whose sequence does not exist. Of another database it is known only whether it exists.
pub fn sweep(shared: Shared, named: impl FnOnce() -> Outcome<HashSet<pg_sys::Oid>>) -> Outcome<()> {
    let keys: BTreeSet<u64> = shared
        .counters()
        .keys()
        .chain(shared.block_orders().keys())
        .collect();
    let databases = existence::databases()?;
    let (own, others): (Vec<u64>, Vec<u64>) = keys
        .into_iter()
        .partition(|key| segment::database(*key) == backend::database());
    for key in others {
        if !databases.contains(&segment::database(key)) {
            forget(shared, key);
        }
    }
    // one that is being created is locked; who created it before is seen to name it afterwards
    let settled: Vec<(u64, Presence)> = own
        .into_iter()
        .map(|key| (key, existence::relation(segment::relation(key))))
        .filter(|(_, presence)| *presence != Presence::Unsettled)
        .collect();
    existence::look_anew();
    let named = named()?;
    for (key, presence) in settled {
        if presence == Presence::Gone || !named.contains(&segment::relation(key)) {
            forget(shared, key);
        }
    }
    Ok(())
}
