//! The worker ID of this server, from where the setting says.

use pgrx::PgSqlErrorCode;
use snowflake_core::snowflake::{Layout, Worker, host_name_ordinal, worker_from_address};

use crate::host::address;
use crate::host::identity;
use crate::postgres::backend::BackendLocal;
use crate::postgres::error::{Failure, Outcome, Report};
use crate::settings;
use crate::shared::segment::Shared;

/// The worker IDs of this server, and the one of this backend.
#[derive(Clone, Copy)]
pub struct WorkerIds {
    first: u32,
    last: u32,
    /// The one of this backend.
    pub own: u32,
    /// What [`Holder::generation`] was.
    ///
    /// [`Holder::generation`]: crate::shared::holder::Holder::generation
    pub generation: u64,
}

/// What this backend got at its turn. Kept for as long as the range is the same, so that its IDs
/// stay in order.
static OWN: BackendLocal<Option<WorkerIds>> = BackendLocal::new(None);

/// Reads the setting, and for a range takes this backend's turn.
pub fn ids(layout: &Layout, shared: Shared) -> Outcome<WorkerIds> {
    let holder = shared.holder();
    if holder.required() {
        let (own, generation) = holder.worker(wanted(layout, shared)?)?;
        return Ok(WorkerIds {
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
    if let Some(known) = OWN.get()
        && (known.first, known.last) == (first, last)
    {
        return Ok(known);
    }
    let turn = if first == last { 0 } else { shared.next_turn() };
    let own = first + (turn % u64::from(last - first + 1)) as u32;
    let ids = WorkerIds {
        first,
        last,
        own,
        generation: holder.generation(),
    };
    OWN.set(Some(ids));
    Ok(ids)
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

impl WorkerIds {
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
                None => address::of_default_route()?,
                Some(interface) => address::of_interface(interface)?,
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
    if shared.is_worker_news(worker) {
        Report::new(format!(
            "snowflake_pg takes worker ID {worker} from {origin}"
        ))
        .log();
    }
    Ok(worker)
}
