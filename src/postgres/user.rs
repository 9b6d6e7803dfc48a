//! Whose rights SQL runs with.

use pgrx::prelude::*;

use crate::postgres::error::Outcome;
use crate::postgres::sql;

/// Calls with the rights of a relation's owner and nothing beyond them, as index builds do: code
/// that comes with the relation, such as the functions of its constraints, may be anybody's, and
/// the caller a superuser. It cannot change the role, leave a setting changed or anything that
/// runs later, and sees the path of `with_system_path`. Row-level security is for others than the
/// owner, as it is for referential constraints.
pub fn as_owner<T>(relation: pg_sys::Oid, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let restricted = (pg_sys::SECURITY_RESTRICTED_OPERATION | pg_sys::SECURITY_NOFORCE_RLS) as i32;
    // SAFETY: reads an open relation. User and context are put back below; after an ERROR in
    // between the end of the (sub)transaction puts them back.
    unsafe {
        let open = pg_sys::relation_open(relation, pg_sys::AccessShareLock as i32);
        let owner = (*(*open).rd_rel).relowner;
        pg_sys::relation_close(open, pg_sys::AccessShareLock as i32);
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        pg_sys::SetUserIdAndSecContext(owner, context | restricted);
        let result = sql::with_system_path_undone(work);
        pg_sys::SetUserIdAndSecContext(user, context);
        result
    }
}

unsafe extern "C-unwind" {
    /// PostgreSQL's own, without pgrx's guard: it returns a variable of the process.
    fn GetUserId() -> pg_sys::Oid;
}

/// Who runs what runs now: as SET ROLE and functions with the rights of their owners have it.
#[inline(always)]
pub fn current() -> pg_sys::Oid {
    // SAFETY: raises no error
    unsafe { GetUserId() }
}

/// Whether the user whose rights count now is a superuser.
pub fn is_superuser() -> bool {
    // SAFETY: looks up the current user
    unsafe { pg_sys::superuser() }
}
