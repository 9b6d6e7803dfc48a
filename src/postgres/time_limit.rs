//! A limit on how long a transaction goes on after a point, whatever its caller does: the session
//! ends. Unlike the cancellation by a statement_timeout it cannot be caught, and a client that
//! sends nothing, or takes no result, meets it too.

use std::ffi::c_int;

use pgrx::prelude::*;
use pgrx::{PgXactCallbackEvent, register_xact_callback};

use crate::postgres::backend::BackendLocal;

unsafe extern "C-unwind" {
    /// PostgreSQL's own, which raise nothing but FATAL.
    fn RegisterTimeout(id: c_int, handler: unsafe extern "C-unwind" fn()) -> c_int;
    fn enable_timeout_after(id: c_int, milliseconds: c_int);
    fn disable_timeout(id: c_int, keep_indicator: bool);
}

/// Any number beyond PostgreSQL's own asks for a free one.
const ANY: c_int = c_int::MAX;

/// The number of the timeout, once it is registered.
static TIMEOUT: BackendLocal<Option<c_int>> = BackendLocal::new(None);
static RUNNING: BackendLocal<bool> = BackendLocal::new(false);

/// Ends the session unless the transaction begins to commit, or aborts, within the given
/// number of milliseconds from the first call.
pub fn limit_transaction(milliseconds: i32) {
    if RUNNING.get() {
        return;
    }
    // SAFETY: registers a handler that is safe in a signal handler, once per process
    let timeout = TIMEOUT
        .get()
        .unwrap_or_else(|| unsafe { RegisterTimeout(ANY, end_session) });
    TIMEOUT.set(Some(timeout));
    // before the commit waits for the disk and for standbys, but after deferred triggers
    for event in [PgXactCallbackEvent::PreCommit, PgXactCallbackEvent::Abort] {
        register_xact_callback(event, stop);
    }
    RUNNING.set(true);
    // SAFETY: a timeout that is registered
    unsafe { enable_timeout_after(timeout, milliseconds) };
}

fn stop() {
    if let Some(timeout) = TIMEOUT.get() {
        // SAFETY: a timeout that is registered
        unsafe { disable_timeout(timeout, false) };
    }
    RUNNING.set(false);
}

/// Runs in a signal handler, and does what that of SIGTERM does.
unsafe extern "C-unwind" fn end_session() {
    // SAFETY: sets variables of this process that are made for it, and wakes it
    unsafe {
        pg_sys::ProcDiePending = 1;
        pg_sys::InterruptPending = 1;
        pg_sys::SetLatch(pg_sys::MyLatch);
    }
}
