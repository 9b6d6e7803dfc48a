//! The transaction that a function is called in: what it must be like, and how it commits.

use std::ffi::CStr;

use pgrx::prelude::*;

use crate::postgres::error::{Failure, Outcome};
use crate::postgres::parameter;

/// Whether this is a standby.
pub fn is_in_recovery() -> bool {
    // SAFETY: reads shared memory of the server
    unsafe { pg_sys::RecoveryInProgress() }
}

/// Refuses on a standby; `activity` and `hint` are for the message.
pub fn refuse_recovery(activity: &str, hint: &str) -> Outcome<()> {
    if !is_in_recovery() {
        return Ok(());
    }
    Err(Failure::new(
        PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION,
        format!("cannot {activity} during recovery"),
    )
    .hint(hint))
}

/// Refuses to execute a function on a standby, in PostgreSQL's words.
pub fn refuse_standby(function: &CStr) {
    // SAFETY: raises an error, or does nothing
    unsafe { pg_sys::PreventCommandDuringRecovery(function.as_ptr()) };
}

/// Refuses where nothing can be changed.
pub fn refuse_read_only(function: &CStr) {
    // SAFETY: raises an error, or does nothing
    unsafe { pg_sys::PreventCommandIfReadOnly(function.as_ptr()) };
}

/// Refuses where a transaction does not see what others have committed since it began: such rows
/// would not be counted.
pub fn refuse_old_snapshot(function: &str) -> Outcome<()> {
    if isolation() < pg_sys::XACT_REPEATABLE_READ as i32 {
        return Ok(());
    }
    Err(Failure::new(
        PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION,
        format!("{function} cannot run in a REPEATABLE READ or SERIALIZABLE transaction"),
    )
    .detail("It must see the rows that others have committed since the transaction began.")
    .hint("Run it in a READ COMMITTED transaction."))
}

/// Refuses in any isolation level but READ COMMITTED.
pub fn refuse_other_isolation(function: &str) -> Outcome<()> {
    if isolation() == pg_sys::XACT_READ_COMMITTED as i32 {
        return Ok(());
    }
    Err(Failure::new(
        PgSqlErrorCode::ERRCODE_INVALID_TRANSACTION_STATE,
        format!("{function} must be called in isolation level READ COMMITTED"),
    )
    .hint("Set default_transaction_isolation to \"read committed\"."))
}

fn isolation() -> i32 {
    // SAFETY: a variable of this process
    unsafe { pg_sys::XactIsoLevel }
}

/// Refuses where the caller can go on after the function, and then roll back.
pub fn refuse_block(function: &str) -> Outcome<()> {
    // SAFETY: asks for the state of the transaction
    if !unsafe { pg_sys::IsTransactionBlock() || pg_sys::IsSubTransaction() } {
        return Ok(());
    }
    Err(Failure::new(
        PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION,
        format!("{function} cannot run inside a transaction block"),
    ))
}

/// The number of the transaction that runs, which no other one of this backend had lately.
pub fn number() -> pg_sys::LocalTransactionId {
    // SAFETY: a backend that runs SQL has its entry in shared memory, and in it its transaction
    #[cfg(any(feature = "pg15", feature = "pg16"))]
    let number = unsafe { (*pg_sys::MyProc).lxid };
    // SAFETY: the same
    #[cfg(not(any(feature = "pg15", feature = "pg16")))]
    let number = unsafe { (*pg_sys::MyProc).vxid.lxid };
    number
}

/// Makes the commit wait for the disk, whatever the caller has set. Where synchronous_commit asks
/// that of standbys, too, it waits for them as the caller has set.
pub fn commit_durably() {
    // SAFETY: a variable of this process
    let set = unsafe { pg_sys::synchronous_commit };
    if set == pg_sys::SyncCommitLevel::SYNCHRONOUS_COMMIT_OFF as i32 {
        parameter::set_local(c"synchronous_commit", c"on");
    }
}
