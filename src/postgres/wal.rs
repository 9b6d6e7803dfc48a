//! The write-ahead log: how far it is durable.

use pgrx::prelude::*;

/// Whether the log is durable up to a position.
pub fn flushed(position: pg_sys::XLogRecPtr) -> bool {
    // SAFETY: reads shared memory; where nothing is logged there is no position
    unsafe { pg_sys::GetFlushRecPtr(std::ptr::null_mut()) >= position }
}

/// The same; if not, the WAL writer is asked to make it so, as for an asynchronous commit.
pub fn flushed_soon(position: pg_sys::XLogRecPtr) -> bool {
    let flushed = flushed(position);
    if !flushed {
        // SAFETY: reads shared memory, and sets a latch
        unsafe { pg_sys::XLogSetAsyncXactLSN(position) };
    }
    flushed
}

/// Makes the log durable up to a position. No lightweight lock may be held: this can take long.
pub fn flush(position: pg_sys::XLogRecPtr) {
    // SAFETY: writes and flushes the log
    unsafe { pg_sys::XLogFlush(position) };
}

/// The timeline that this server writes, or that a standby has replayed last: on a standby what was
/// read before this was asked is of it or of an earlier one.
pub fn timeline() -> pg_sys::TimeLineID {
    let mut replayed = 0;
    // SAFETY: reads shared memory; which timeline is written is known once recovery is over
    unsafe {
        if pg_sys::RecoveryInProgress() {
            pg_sys::GetXLogReplayRecPtr(&mut replayed);
            replayed
        } else {
            pg_sys::GetWALInsertionTimeLine()
        }
    }
}
