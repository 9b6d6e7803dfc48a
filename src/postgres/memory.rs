//! Memory for what can be of any length. Where there is none left, that is an error of the statement,
//! as it is where PostgreSQL allocates. Rust's own allocations abort the process, and the postmaster
//! then ends all other sessions too.

use std::collections::TryReserveError;

use pgrx::prelude::*;

/// Ends the statement unless room was made.
pub fn or_raise(reserved: Result<(), TryReserveError>) {
    if reserved.is_err() {
        // not by `Failure`, whose file needs this one
        ereport!(
            ERROR,
            PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY,
            "out of memory"
        );
    }
}
