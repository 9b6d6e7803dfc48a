//! The worker ID of this server, from where the setting says.

use std::net::{IpAddr, UdpSocket};

use pgrx::{PgLogLevel, PgSqlErrorCode};
use snowflake_core::snowflake::{Layout, Worker, host_name_ordinal, worker_from_address};

use crate::host::identity;
use crate::postgres::backend::BackendLocal;
use crate::postgres::error::{Failure, Outcome};
use crate::settings;
use crate::shared::segment::Shared;

/// The worker IDs of this server, and the one of this backend.
#[derive(Clone, Copy)]
pub struct Members {
    first: u32,
    last: u32,
    /// The one of this backend.
    pub own: u32,
    /// What [`Holder::generation`] was.
    ///
    /// [`Holder::generation`]: crate::shared::holder::Holder::generation
    pub generation: u64,
}

/// What this backend was dealt. Kept for as long as the range is the same, so that its IDs stay
/// in order.
static DEALT: BackendLocal<Option<Members>> = BackendLocal::new(None);

/// Reads the setting, and for a range takes this backend's turn.
pub fn members(layout: &Layout, shared: Shared) -> Outcome<Members> {
    let holder = shared.holder();
    if holder.required() {
        let (own, generation) = holder.worker(wanted(layout, shared)?)?;
        return Ok(Members {
            first: own,
            last: own,
            own,
            generation,
        });
    }
    let (first, last) = match settings::worker(layout)? {
        Worker::Range(first, last) => (first, last),
        other => {
            let only = single(other, layout, shared)?;
            (only, only)
        }
    };
    if let Some(dealt) = DEALT.get()
        && (dealt.first, dealt.last) == (first, last)
    {
        return Ok(dealt);
    }
    let turn = if first == last { 0 } else { shared.deal() };
    let own = first + (turn % u64::from(last - first + 1)) as u32;
    let members = Members {
        first,
        last,
        own,
        generation: holder.generation(),
    };
    DEALT.set(Some(members));
    Ok(members)
}

/// The worker ID that a server with a registry asks it for, `None` for any.
pub fn wanted(layout: &Layout, shared: Shared) -> Outcome<Option<u32>> {
    match settings::worker(layout)? {
        Worker::Lease => Ok(None),
        Worker::Range(first, last) if first < last => Err(Failure::state(format!(
            "worker IDs {first} to {last} cannot be leased"
        ))
        .detail("A server with a registry has one worker ID.")
        .hint("Set snowflake_pg.worker_id to \"lease\" or to a number.")),
        other => single(other, layout, shared).map(Some),
    }
}

impl Members {
    /// Whether a worker ID belongs to this server.
    #[inline(always)]
    pub fn has(&self, worker: i32) -> bool {
        u32::try_from(worker).is_ok_and(|worker| (self.first..=self.last).contains(&worker))
    }

    /// Refuses a worker ID that does not belong to this server.
    pub fn check(self, worker: i32) -> Outcome<u32> {
        let Self { first, last, .. } = self;
        if self.has(worker) {
            return Ok(worker as u32);
        }
        settings::layout()?.check_worker(worker)?;
        Err(Failure::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("worker ID {worker} does not belong to this server"),
        )
        .detail(if first == last {
            format!("Its worker ID is {first}.")
        } else {
            format!("Its worker IDs are {first} to {last}.")
        })
        .hint(if settings::registry().is_some() {
            "A server with a registry has one worker ID."
        } else {
            "Set snowflake_pg.worker_id to a range that includes it."
        }))
    }
}

fn single(setting: Worker, layout: &Layout, shared: Shared) -> Outcome<u32> {
    let (worker, origin) = match setting {
        Worker::Unset => {
            return Err(Failure::state("snowflake_pg.worker_id is not set")
                .detail("Two servers with one worker ID would give out the same IDs.")
                .hint(
                    "Set snowflake_pg.worker_id to a number that no other server has, then \
                     reload the configuration.",
                ));
        }
        Worker::Fixed(worker) | Worker::Range(worker, _) => return Ok(worker),
        Worker::Lease => {
            return Err(Failure::state("there is no registry to lease a worker ID from")
                .detail("snowflake_pg.worker_id is \"lease\", and snowflake_pg.registry is not set.")
                .hint(
                    "Set snowflake_pg.registry to the connection string of the registry's database \
                     and restart the server.",
                ));
        }
        Worker::Address { interface } => {
            let address = match &interface {
                None => default_address()?,
                Some(interface) => interface_address(interface)?,
            };
            (
                worker_from_address(address, layout),
                format!("address {address}"),
            )
        }
        Worker::HostName => {
            let host_name = identity::host_name().map_err(|error| {
                Failure::state(format!("could not read the host name: {error}"))
            })?;
            let worker = host_name_ordinal(&host_name, layout)?;
            (worker, format!("host name \"{host_name}\""))
        }
    };
    if shared.announce(worker) {
        Failure::new(
            PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
            format!("snowflake_pg takes worker ID {worker} from {origin}"),
        )
        .report(PgLogLevel::LOG);
    }
    Ok(worker)
}

/// The address of the interface that the default route leads to. Connecting a datagram socket
/// makes the kernel choose it, and sends nothing.
fn default_address() -> Outcome<IpAddr> {
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
fn interface_address(name: &str) -> Outcome<IpAddr> {
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
