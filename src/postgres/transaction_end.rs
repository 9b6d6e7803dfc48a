//! The end of transactions and subtransactions, of which PostgreSQL tells.

use std::ffi::c_void;

use pgrx::prelude::*;

use crate::postgres::backend::BackendLocal;

/// How something ended.
#[derive(Clone, Copy)]
pub enum End {
    Committed,
    Aborted,
    /// Prepared: another session ends it.
    Prepared,
    /// A subtransaction was rolled back: all that have this number or a higher one.
    RolledBack(pg_sys::SubTransactionId),
}

static ON_END: BackendLocal<Option<fn(End)>> = BackendLocal::new(None);

/// Has a function told of the ends, from `_PG_init`. It must not fail.
pub fn watch(on_end: fn(End)) {
    ON_END.set(Some(on_end));
    // SAFETY: the functions stay valid as long as the process
    unsafe {
        pg_sys::RegisterXactCallback(Some(on_transaction), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(on_subtransaction), std::ptr::null_mut());
    }
}

/// The subtransaction that runs.
pub fn current() -> pg_sys::SubTransactionId {
    // SAFETY: asks for the state of this transaction
    unsafe { pg_sys::GetCurrentSubTransactionId() }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_transaction(event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    use pg_sys::XactEvent::{XACT_EVENT_ABORT, XACT_EVENT_COMMIT, XACT_EVENT_PREPARE};
    let end = match event {
        XACT_EVENT_COMMIT => End::Committed,
        XACT_EVENT_ABORT => End::Aborted,
        XACT_EVENT_PREPARE => End::Prepared,
        _ => return,
    };
    if let Some(on_end) = ON_END.get() {
        on_end(end);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_subtransaction(
    event: pg_sys::SubXactEvent::Type,
    subtransaction: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _argument: *mut c_void,
) {
    if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB
        && let Some(on_end) = ON_END.get()
    {
        on_end(End::RolledBack(subtransaction));
    }
}
