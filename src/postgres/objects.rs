//! Objects that come and go: PostgreSQL tells of each in the transaction that creates or drops it.

use std::ffi::{c_int, c_void};

use pgrx::prelude::*;

use crate::postgres::backend::BackendLocal;

/// What became of an object.
#[derive(Clone, Copy)]
pub enum Change {
    /// A database was created, to which nobody can connect yet.
    DatabaseCreated(pg_sys::Oid),
    /// A sequence of this database was created, which nobody else sees yet.
    SequenceCreated(pg_sys::Oid),
    /// A sequence of this database is dropped, unless that is rolled back.
    SequenceDropped(pg_sys::Oid),
    /// The same for an extension.
    ExtensionDropped(pg_sys::Oid),
}

static ON_CHANGE: BackendLocal<Option<fn(Change)>> = BackendLocal::new(None);
static PREVIOUS: BackendLocal<pg_sys::object_access_hook_type> = BackendLocal::new(None);

/// Has a function told of what comes and goes, from `_PG_init`. It must not fail.
pub fn watch(on_change: fn(Change)) {
    ON_CHANGE.set(Some(on_change));
    // SAFETY: hooks are set while the postmaster loads libraries, and call their predecessors
    unsafe {
        PREVIOUS.set(pg_sys::object_access_hook);
        pg_sys::object_access_hook = Some(on_access);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_access(
    access: pg_sys::ObjectAccessType::Type,
    class: pg_sys::Oid,
    object: pg_sys::Oid,
    column: c_int,
    argument: *mut c_void,
) {
    if let Some(previous) = PREVIOUS.get() {
        // SAFETY: as PostgreSQL calls it
        unsafe {
            pg_sys::ffi::pg_guard_ffi_boundary(|| {
                previous(access, class, object, column, argument);
            });
        }
    }
    if column == 0
        && let Some(on_change) = ON_CHANGE.get()
        && let Some(change) = change(access, class, object)
    {
        on_change(change);
    }
}

/// What became of an object of a catalog.
fn change(
    access: pg_sys::ObjectAccessType::Type,
    class: pg_sys::Oid,
    object: pg_sys::Oid,
) -> Option<Change> {
    use pg_sys::ObjectAccessType::{OAT_DROP, OAT_POST_CREATE};
    match (access, class) {
        (OAT_POST_CREATE, pg_sys::DatabaseRelationId) => Some(Change::DatabaseCreated(object)),
        (OAT_POST_CREATE, pg_sys::RelationRelationId) => {
            is_new_sequence(object).then_some(Change::SequenceCreated(object))
        }
        (OAT_DROP, pg_sys::RelationRelationId) => {
            is_sequence(object).then_some(Change::SequenceDropped(object))
        }
        (OAT_DROP, pg_sys::ExtensionRelationId) => Some(Change::ExtensionDropped(object)),
        _ => None,
    }
}

/// Whether a relation that has just been created is a sequence: no catalog shows it yet, but this
/// process has it open.
fn is_new_sequence(oid: pg_sys::Oid) -> bool {
    // SAFETY: a look-up in the relation cache, where what this transaction creates stays; an open
    // relation has its pg_class row
    unsafe {
        let relation = pg_sys::RelationIdGetRelation(oid);
        if relation.is_null() {
            return false;
        }
        let kind = (*(*relation).rd_rel).relkind as u8;
        pg_sys::RelationClose(relation);
        kind == pg_sys::RELKIND_SEQUENCE
    }
}

/// Whether a relation is a sequence.
fn is_sequence(oid: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up
    unsafe { pg_sys::get_rel_relkind(oid) as u8 == pg_sys::RELKIND_SEQUENCE }
}
