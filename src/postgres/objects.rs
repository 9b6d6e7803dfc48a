//! Objects that come and go: PostgreSQL tells of each in the transaction that creates or drops it.

use std::ffi::{c_int, c_void};

use pgrx::prelude::*;

use crate::postgres::backend::BackendLocal;

/// What became of an object.
#[derive(Clone, Copy)]
pub enum Change {
    /// A database was created, to which nobody can connect yet.
    DatabaseCreated(pg_sys::Oid),
    /// A relation of this database was created, which nobody else sees yet.
    RelationCreated(pg_sys::Oid),
    /// A relation of this database is dropped, unless that is rolled back.
    RelationDropped(pg_sys::Oid),
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
    if let Some(on_change) = ON_CHANGE.get()
        && let Some(change) = change(access, class, object)
        && column == 0
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
        (OAT_POST_CREATE, pg_sys::RelationRelationId) => Some(Change::RelationCreated(object)),
        (OAT_DROP, pg_sys::RelationRelationId) => Some(Change::RelationDropped(object)),
        (OAT_DROP, pg_sys::ExtensionRelationId) => Some(Change::ExtensionDropped(object)),
        _ => None,
    }
}
