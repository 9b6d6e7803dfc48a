//! Roles that the extension makes.

use std::ffi::CStr;

use pgrx::prelude::*;

use crate::postgres::error::Outcome;
use crate::postgres::sql::{self, Sql};

/// Creates a role that cannot log in unless it exists: roles belong to all databases, so it outlives
/// the extension and may be there before it. Not in PL/pgSQL, which a database may lack, and which
/// could not keep two databases from creating it at once.
pub fn create_unless_exists(name: &CStr) -> Outcome<()> {
    // SAFETY: a catalog look-up by a valid C string
    let exists = || unsafe { pg_sys::get_role_oid(name.as_ptr(), true) != pg_sys::InvalidOid };
    // only a transaction that creates the role makes others wait until it ends
    if exists() {
        return Ok(());
    }
    // SAFETY: a lock of a shared catalog, until the end of the transaction, that nothing but its
    // kind and VACUUM conflict with. With it come all changes that were committed before.
    unsafe {
        pg_sys::LockRelationOid(
            pg_sys::AuthIdRelationId,
            pg_sys::ShareUpdateExclusiveLock as i32,
        );
    }
    if !exists() {
        let create = Sql::new("CREATE ROLE ").name(&name.into());
        sql::run(create.text(" NOLOGIN"))?;
    }
    Ok(())
}
