//! Synchronous standbys: what a commit of this session would wait for.

use std::ffi::CStr;
use std::ptr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use pgrx::prelude::*;

use crate::postgres::backend::BackendLocal;
use crate::postgres::error::{Failure, Outcome};

/// Whether the server has synchronous standbys, by `synchronous_standby_names`.
pub fn are_set() -> bool {
    // SAFETY: variables of this process; the names are NULL or a string
    unsafe {
        pg_sys::max_wal_senders > 0
            && !pg_sys::SyncRepStandbyNames.is_null()
            && *pg_sys::SyncRepStandbyNames != 0
    }
}

/// Whether what this session has waited for is not to count for others: it waits for less than that
/// the standbys have flushed the log, or it has not read the same configuration as the checkpointer.
pub fn are_done_without() -> bool {
    let set = are_set();
    set && mode() != Some(pg_sys::SYNC_REP_WAIT_FLUSH) || set != are_defined()
}

/// What a standby must have done with the log, as PostgreSQL counts that; `None` if the session
/// waits for none. Applying it is no more to a number than flushing it, as in SyncRepWaitForLSN().
fn mode() -> Option<u32> {
    use pg_sys::SyncCommitLevel::*;
    // SAFETY: a variable of this process
    let level = unsafe { pg_sys::synchronous_commit } as u32;
    match level {
        SYNCHRONOUS_COMMIT_REMOTE_WRITE => Some(pg_sys::SYNC_REP_WAIT_WRITE),
        SYNCHRONOUS_COMMIT_REMOTE_FLUSH | SYNCHRONOUS_COMMIT_REMOTE_APPLY => {
            Some(pg_sys::SYNC_REP_WAIT_FLUSH)
        }
        _ => None,
    }
}

/// Whether the standbys that this session waits for have the log up to a position.
pub fn have(position: pg_sys::XLogRecPtr) -> bool {
    let Some(mode) = mode().filter(|_| are_set()) else {
        return true;
    };
    // SAFETY: in shared memory as long as the process; an aligned word that only rises. Writers
    // hold a lock, which makes several words agree; one is read whole without it.
    let confirmed = unsafe {
        let words = (&raw mut (*pg_sys::WalSndCtl).lsn).cast::<u64>();
        AtomicU64::from_ptr(words.add(mode as usize)).load(Ordering::Relaxed)
    };
    confirmed >= position
}

/// Whether the server waits for any, as its checkpointer has read the configuration last.
fn are_defined() -> bool {
    // SAFETY: a variable of this process
    if unsafe { pg_sys::max_wal_senders } == 0 {
        return false;
    }
    // in `sync_standbys_status` of WalSndCtlData: SYNC_STANDBY_INIT and SYNC_STANDBY_DEFINED
    const READ: u8 = 1;
    const DEFINED: u8 = 2;
    // SAFETY: in shared memory as long as the process; the byte behind the positions is that field
    let status = unsafe {
        let positions = &raw mut (*pg_sys::WalSndCtl).lsn;
        AtomicU8::from_ptr(positions.add(1).cast::<u8>()).load(Ordering::Relaxed)
    };
    // until May 2025 it was a boolean
    let bits = match server_version() {
        version @ 170_000.. => version >= 170_005,
        version @ 160_000.. => version >= 160_009,
        version => version >= 150_013,
    };
    if bits {
        // before it has read it, this session's reading counts
        status & DEFINED != 0 || status & READ == 0 && are_set()
    } else {
        status != 0
    }
}

/// The version of the server that runs, as a number: 150018.
fn server_version() -> i32 {
    static VERSION: BackendLocal<i32> = BackendLocal::new(0);
    if VERSION.get() == 0 {
        VERSION.set(read_server_version());
    }
    VERSION.get()
}

fn read_server_version() -> i32 {
    // SAFETY: returns a string, or NULL for a name that is not known
    let text = unsafe {
        let text = pg_sys::GetConfigOption(c"server_version_num".as_ptr(), true, false);
        if text.is_null() {
            return 0;
        }
        CStr::from_ptr(text)
    };
    text.to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// Waits until they have it. No lightweight lock may be held.
///
/// # Errors
/// A cancelled wait. PostgreSQL has then warned as it warns of a commit.
pub fn wait(position: pg_sys::XLogRecPtr) -> Outcome<()> {
    if have(position) {
        return Ok(());
    }
    // SAFETY: it wants interrupts held and looks at them itself. An ERROR in it resets the count,
    // as any does.
    unsafe {
        let holds = &raw mut pg_sys::InterruptHoldoffCount;
        ptr::write_volatile(holds, ptr::read_volatile(holds) + 1);
        pg_sys::SyncRepWaitForLSN(position, false);
        ptr::write_volatile(holds, ptr::read_volatile(holds) - 1);
    }
    check_for_interrupts!();
    // as a commit does, it has not waited where the checkpointer knows of none, whatever this session
    // has read of the configuration
    if have(position) || !are_defined() {
        return Ok(());
    }
    Err(Failure::new(
        PgSqlErrorCode::ERRCODE_QUERY_CANCELED,
        "canceling statement that waits for synchronous standbys",
    )
    .detail("They do not have what would keep the number from being given out again."))
}
