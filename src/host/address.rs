//! The addresses of this host.

use std::net::{IpAddr, UdpSocket};

use crate::postgres::error::{Failure, Outcome};

/// The address of the interface that the default route leads to. Connecting a datagram socket
/// makes the kernel choose it, and sends nothing.
pub fn of_default_route() -> Outcome<IpAddr> {
    // addresses reserved for documentation, RFC 5737 and RFC 3849: reached by the default route
    let attempts = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];
    attempts
        .iter()
        .find_map(|(local, remote)| {
            let socket = UdpSocket::bind(local).ok()?;
            socket.connect(remote).ok()?;
            Some(socket.local_addr().ok()?.ip())
        })
        .ok_or_else(|| {
            Failure::state("no address to take the worker ID from")
                .detail("The host has no default route.")
                .hint(ADDRESS_HINT)
        })
}

/// The first address of an interface, IPv4 before IPv6.
pub fn of_interface(name: &str) -> Outcome<IpAddr> {
    let interfaces = if_addrs::get_if_addrs()
        .map_err(|error| Failure::state(format!("could not list the interfaces: {error}")))?;
    let mut addresses: Vec<_> = interfaces
        .into_iter()
        .filter(|interface| interface.name == name)
        .map(|interface| interface.ip())
        .collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.first().copied().ok_or_else(|| {
        Failure::state(format!(
            "no address of interface \"{name}\" to take the worker ID from"
        ))
        .hint(ADDRESS_HINT)
    })
}

const ADDRESS_HINT: &str = "Name an interface that has an address, such as \"ip:eth0\", or set snowflake_pg.worker_id \
     to a number.";
