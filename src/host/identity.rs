//! Which server this is: what its data says, and what its machine is called.

use std::io;

use pgrx::prelude::*;

/// The system identifier of the data. A clone has the same.
pub fn system_identifier() -> u64 {
    // SAFETY: reads shared memory of the server
    unsafe { pg_sys::GetSystemIdentifier() }
}

/// The name of this host.
///
/// # Errors
/// What the system says.
pub fn host_name() -> io::Result<String> {
    Ok(hostname::get()?.to_string_lossy().into_owned())
}
