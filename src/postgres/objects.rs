//! Objects that come into being: PostgreSQL tells of each in the transaction that creates it.

use std::ffi::{c_int, c_void};

use pgrx::prelude::*;

use crate::postgres::backend::BackendLocal;

/// What was created.
#[derive(Clone, Copy)]
pub enum Created {
    /// A database, to which nobody can connect yet.
    Database(pg_sys::Oid),
    /// A relation of this database, which nobody else sees yet.
    Relation(pg_sys::Oid),
}

static ON_CREATION: BackendLocal<Option<fn(Created)>> = BackendLocal::new(None);
static PREVIOUS: BackendLocal<pg_sys::object_access_hook_type> = BackendLocal::new(None);

/// Has a function told of what is created, from `_PG_init`. It must not fail.
pub fn watch(on_creation: fn(Created)) {
    ON_CREATION.set(Some(on_creation));
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
    if access != pg_sys::ObjectAccessType::OAT_POST_CREATE || column != 0 {
        return;
    }
    let created = match class {
        pg_sys::DatabaseRelationId => Created::Database(object),
        pg_sys::RelationRelationId => Created::Relation(object),
        _ => return,
    };
    if let Some(on_creation) = ON_CREATION.get() {
        on_creation(created);
    }
}
