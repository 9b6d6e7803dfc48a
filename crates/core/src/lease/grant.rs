//! Whether a grant can be one: what a registry says is not believed blindly. A worker ID that the
//! layout lacks would reach into other bits, and a time far ahead would take the IDs there.

use std::fmt::{self, Display, Formatter};

use super::terms::{LONGEST, Lease, Request};
use crate::timestamp::Timestamp;

/// How far a lease may reach beyond its longest length, in milliseconds: an hour, the largest
/// tolerance of clocks, for each of the clocks that took part, and for its lead.
const FURTHEST_LEAD: i64 = 4 * 3_600_000;

/// Why a lease cannot have been granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Implausible {
    /// The layout has fewer worker IDs, or another one was asked for.
    Worker(u32),
    /// It begins or ends where no lease does.
    Interval(Lease),
}

impl Display for Implausible {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker(worker) => write!(formatter, "grants worker ID {worker}"),
            Self::Interval(lease) => write!(
                formatter,
                "grants worker ID {} for IDs from {} to {}",
                lease.worker,
                Timestamp::from_millis(lease.not_before),
                Timestamp::from_millis(lease.not_after)
            ),
        }
    }
}

/// Refuses a lease that [`decide`](super::decide) grants to no such request, of a server whose
/// layout has `workers` worker IDs.
///
/// # Errors
/// What is wrong with it.
pub fn check_grant(request: &Request, workers: u32, lease: &Lease) -> Result<(), Implausible> {
    let suits = request.fixed.is_none_or(|fixed| fixed == lease.worker);
    if lease.worker >= workers || !suits {
        return Err(Implausible::Worker(lease.worker));
    }
    let latest_start = request.clock.saturating_add(FURTHEST_LEAD);
    let latest_end = latest_start.saturating_add(LONGEST);
    let begins = (0..lease.not_after).contains(&lease.not_before);
    // what is over already is of no use
    let ends = lease.not_after > request.clock && lease.not_after <= latest_end;
    if begins && ends && lease.not_before <= latest_start {
        Ok(())
    } else {
        Err(Implausible::Interval(*lease))
    }
}
