//! A provider of security labels that PostgreSQL gets to know when a statement names it.
//!
//! A provider that is registered is the default of SECURITY LABEL without FOR, in everybody's
//! statements. So this one is registered only in sessions that write FOR and its name, as dumps
//! do; all others find none.

use std::ffi::{CStr, c_char};

use pgrx::prelude::*;

use crate::postgres::backend::BackendLocal;

/// Raises an error for a label that an object cannot have.
pub type CheckLabel =
    unsafe extern "C-unwind" fn(object: *const pg_sys::ObjectAddress, label: *const c_char);

#[derive(Clone, Copy)]
struct Provider {
    name: &'static CStr,
    check: CheckLabel,
}

/// The provider, until it is registered.
static OFFERED: BackendLocal<Option<Provider>> = BackendLocal::new(None);

/// Who else looks at statements.
static NEXT: BackendLocal<pg_sys::ProcessUtility_hook_type> = BackendLocal::new(None);

unsafe extern "C-unwind" {
    // as C declares it: pgrx would take every error of a statement apart and put it together again
    fn standard_ProcessUtility(
        statement: *mut pg_sys::PlannedStmt,
        source: *const c_char,
        read_only_tree: bool,
        context: pg_sys::ProcessUtilityContext::Type,
        parameters: pg_sys::ParamListInfo,
        environment: *mut pg_sys::QueryEnvironment,
        destination: *mut pg_sys::DestReceiver,
        completion: *mut pg_sys::QueryCompletion,
    );
}

/// Has a provider ready for statements that name it. Called once, by `_PG_init`.
pub fn offer(name: &'static CStr, check: CheckLabel) {
    OFFERED.set(Some(Provider { name, check }));
    // SAFETY: a variable of this process, whose value is called in turn
    unsafe {
        NEXT.set(pg_sys::ProcessUtility_hook);
        pg_sys::ProcessUtility_hook = Some(process);
    }
}

/// Labels an object for a provider that need not be registered. The caller has it locked, and has
/// checked object, label and owner; no label removes the one it has.
pub fn set(object: &pg_sys::ObjectAddress, provider: &CStr, label: Option<&CStr>) {
    let label = label.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: valid C strings or NULL, which it copies
    unsafe { pg_sys::SetSecurityLabel(object, provider.as_ptr(), label) };
}

/// Sees every statement that is no query. An ERROR unwinds past this without running anything: it
/// has nothing to drop.
unsafe extern "C-unwind" fn process(
    statement: *mut pg_sys::PlannedStmt,
    source: *const c_char,
    read_only_tree: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    destination: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    // SAFETY: a statement that PostgreSQL has parsed; the others in the chain get it as it came
    unsafe {
        register_if_named((*statement).utilityStmt);
        let next = NEXT.get().unwrap_or(standard_ProcessUtility);
        next(
            statement,
            source,
            read_only_tree,
            context,
            parameters,
            environment,
            destination,
            completion,
        );
    }
}

/// Registers the provider if this is a SECURITY LABEL that names it.
///
/// # Safety
/// `statement` is a parsed statement.
unsafe fn register_if_named(statement: *mut pg_sys::Node) {
    // SAFETY: every node begins with its tag, which says what else it has
    let named = unsafe {
        if (*statement).type_ != pg_sys::NodeTag::T_SecLabelStmt {
            return;
        }
        (*statement.cast::<pg_sys::SecLabelStmt>()).provider
    };
    let Some(provider) = OFFERED.get() else {
        return;
    };
    // SAFETY: NULL or a C string
    if !named.is_null() && unsafe { CStr::from_ptr(named) } == provider.name {
        register();
    }
}

#[pg_guard]
extern "C-unwind" fn register() {
    if let Some(Provider { name, check }) = OFFERED.get() {
        // SAFETY: name and function stay valid as long as the process
        unsafe { pg_sys::register_label_provider(name.as_ptr(), Some(check)) };
        OFFERED.set(None);
    }
}
