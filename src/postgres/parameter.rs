//! Parameters of PostgreSQL's configuration, set as SET does.

use std::ffi::CStr;

use pgrx::prelude::*;

use crate::postgres::error::Outcome;

/// Sets a parameter for the rest of the transaction, as SET LOCAL does.
pub fn set_local(name: &CStr, value: &CStr) {
    set(name, value, pg_sys::GucAction::GUC_ACTION_LOCAL);
}

/// Calls while a parameter has another value. An error leaves resetting it to PostgreSQL.
pub fn with<T>(name: &CStr, value: &CStr, code: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    nested(name, value, true, code)
}

/// The same, and whatever the code sets is undone.
pub fn with_undone<T>(name: &CStr, value: &CStr, code: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    nested(name, value, false, code)
}

fn nested<T>(
    name: &CStr,
    value: &CStr,
    keep: bool,
    code: impl FnOnce() -> Outcome<T>,
) -> Outcome<T> {
    // SAFETY: begins a level, which ends below or with the transaction
    let level = unsafe { pg_sys::NewGUCNestLevel() };
    set(name, value, pg_sys::GucAction::GUC_ACTION_SAVE);
    let result = code();
    // SAFETY: ends the level that began above
    unsafe { pg_sys::AtEOXact_GUC(keep, level) };
    result
}

fn set(name: &CStr, value: &CStr, action: pg_sys::GucAction::Type) {
    /// What is wrong with the value is an ERROR.
    const ERROR: i32 = 0;
    let (apply, reload) = (true, false);
    // SAFETY: copies the value; an ERROR unwinds past nothing of ours
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            action,
            apply,
            ERROR,
            reload,
        );
    }
}
