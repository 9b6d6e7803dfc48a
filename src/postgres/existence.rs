//! Whether databases and relations are still there.

use std::collections::HashSet;

use pgrx::prelude::*;

use crate::postgres::error::Outcome;
use crate::postgres::table::Table;

/// All databases. One with a backend connected to it when this is called is among them.
pub fn databases() -> Outcome<HashSet<pg_sys::Oid>> {
    look_anew();
    let catalog = Table::open(pg_sys::DatabaseRelationId, "pg_database")?;
    let databases = catalog.all(|row| row.oid(pg_sys::Anum_pg_database_oid as i16));
    catalog.close();
    Ok(databases)
}

/// The catalogs, and tables that are read as they are, show all that is committed by now, also
/// where the messages that tell of it have not been sent.
pub fn look_anew() {
    // SAFETY: lets go of a snapshot; who uses it has it registered
    unsafe { pg_sys::InvalidateCatalogSnapshot() };
}

/// What can be said of a relation of this database without waiting.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is there.
    There,
    /// It is not.
    Gone,
    /// A transaction that has not ended creates, alters or drops it.
    Unsettled,
}

/// Whether a relation is there.
pub fn relation(oid: pg_sys::Oid) -> Presence {
    let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
    // SAFETY: takes a lock and releases it; a look-up in the system cache in between, which is up
    // to date with the lock. An ERROR leaves the lock to the end of the transaction.
    unsafe {
        if !pg_sys::ConditionalLockRelationOid(oid, lock) {
            return Presence::Unsettled;
        }
        let there = !pg_sys::get_rel_name(oid).is_null();
        pg_sys::UnlockRelationOid(oid, lock);
        if there {
            Presence::There
        } else {
            Presence::Gone
        }
    }
}
