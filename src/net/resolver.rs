//! The system's resolver of names, which blocks: no signal and no deadline ends it, only its own
//! time limits do. A process of PostgreSQL must not have the second thread that others use for that.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// What the resolver reads when it begins: a second for each attempt, two attempts, with each name
/// server; usually it is five seconds.
const VARIABLE: &str = "RES_OPTIONS";
const HURRY: &str = "timeout:1 attempts:2";

/// The addresses of a host, by name or by address, which needs no resolver.
///
/// # Errors
/// What the system says.
pub fn addresses(host: &str, port: u16) -> Result<impl Iterator<Item = SocketAddr>, String> {
    let hurry = host.parse::<IpAddr>().is_err().then(Hurry::begin);
    let addresses = (host, port).to_socket_addrs();
    drop(hurry);
    addresses.map_err(|error| error.to_string())
}

/// While it is there, the resolver of this process gives up sooner.
pub struct Hurry(());

impl Hurry {
    /// None where the environment of the server says how long it may take.
    pub fn begin() -> Option<Self> {
        if std::env::var_os(VARIABLE).is_some() {
            return None;
        }
        // SAFETY: this process has no other thread that could read the environment
        unsafe { std::env::set_var(VARIABLE, HURRY) };
        begin_anew();
        Some(Self(()))
    }
}

impl Drop for Hurry {
    fn drop(&mut self) {
        // SAFETY: as above
        unsafe { std::env::remove_var(VARIABLE) };
        begin_anew();
    }
}

/// Has the resolver read its configuration again: it may have done so before, in the postmaster.
fn begin_anew() {
    #[cfg(target_env = "gnu")]
    // SAFETY: changes what the C library keeps for this thread
    unsafe {
        libc::res_init();
    }
}
