//! Which clock of a fleet is off. Each member measures the registry's clock, and reports what that is
//! ahead of its own; the registry puts all clocks together, its own among them.
//!
//! A clock that is kept right is within [`KEPT_WITHIN`] of true time. So each clock says that true time
//! is within that of what it shows, and what a majority of them says is what `select` makes of it: a
//! clock that is kept right is never called off, whatever fewer than half of the others claim.

use super::saturated::saturated;
use super::select::{Selection, Span, select};

/// How far a clock may be off that a daemon keeps right, in nanoseconds: ntpd sets one that is further off
/// instead of slewing it.
pub const KEPT_WITHIN: i64 = 128_000_000;
/// Fewer clocks cannot outvote one.
pub const FEWEST_CLOCKS: usize = 3;
/// After how many intervals without a report a member is left out, and how many nanoseconds later: asking
/// takes its time.
const FRESH_POLLS: i64 = 3;
const FRESH: i64 = 5_000_000_000;
/// Nanoseconds in which two clocks drift apart by one at the most: what a crystal may be off, doubled.
const PER_AGE: i64 = 5_000;
/// Nanoseconds by which the registry may be wrong about how far its clock was set: it reads two clocks one
/// after the other, when the report comes and when it is looked at.
const READ_APART: i64 = 40_000;

/// What a member reported of its clock, as the registry sees it later. In nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the registry's clock was ahead of the member's.
    pub offset: Span,
    /// How long ago that was, by a clock that nobody sets; `None` if the registry does not know.
    pub age: Option<i64>,
    /// By how much the registry's clock was set forward since.
    pub shift: i64,
    /// How often the member reports.
    pub poll: i64,
    /// Whether it counts: the server of the registry is a member itself at times, and has one vote.
    pub votes: bool,
}

impl Report {
    /// Whether the member is heard of in time.
    pub fn is_fresh(&self) -> bool {
        let most = self.poll.saturating_mul(FRESH_POLLS).saturating_add(FRESH);
        self.age.is_some_and(|age| (0..=most).contains(&age))
    }

    /// What the registry's clock is ahead of the member's by now.
    pub fn offset_now(&self) -> Span {
        let error = (self.age.unwrap_or(0).max(0) / PER_AGE).saturating_add(READ_APART);
        Span {
            low: self
                .offset
                .low
                .saturating_add(self.shift)
                .saturating_sub(error),
            high: self
                .offset
                .high
                .saturating_add(self.shift)
                .saturating_add(error),
        }
    }

    /// What true time is ahead of the registry's clock if the member's is kept right.
    fn claim(&self) -> Span {
        let offset = self.offset_now();
        Span {
            low: saturated(-i128::from(offset.high) - i128::from(KEPT_WITHIN)),
            high: saturated(-i128::from(offset.low) + i128::from(KEPT_WITHIN)),
        }
    }
}

/// What the fleet says of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FleetVerdict {
    /// It may be right, as the majority says.
    Agrees,
    /// It is not right if the majority is.
    Off,
    /// There is no majority, or too few clocks for one.
    Alone,
    /// It was not heard of in time.
    Stale,
}

impl FleetVerdict {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Off => "off",
            Self::Alone => "alone",
            Self::Stale => "stale",
        }
    }
}

/// What the clocks of a fleet say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// What true time is ahead of the registry's clock; `None` if no majority says so.
    pub hull: Option<Span>,
    /// How many clocks share a time, at the most.
    pub agreeing: usize,
    /// How many clocks count, the registry's among them.
    pub clocks: usize,
    /// Of the registry's clock.
    pub registry: FleetVerdict,
    /// Of each member's clock.
    pub members: Vec<FleetVerdict>,
}

/// Puts clocks together. A majority is more than half of those that were heard of in time.
///
/// ```
/// use snowflake_core::time::{FleetVerdict, Report, Span, fleet};
///
/// let second = 1_000_000_000;
/// // the registry's clock is ahead of the first member's by 3 s
/// let reports = [3, 0, 0].map(|seconds| Report {
///     offset: Span::around(seconds * second, 20_000),
///     age: Some(0),
///     shift: 0,
///     poll: 64 * second,
///     votes: true,
/// });
/// let fleet = fleet(&reports);
/// assert_eq!((fleet.agreeing, fleet.clocks), (3, 4));
/// assert_eq!(fleet.registry, FleetVerdict::Agrees);
/// assert_eq!(fleet.members, [FleetVerdict::Off, FleetVerdict::Agrees, FleetVerdict::Agrees]);
/// ```
pub fn fleet(reports: &[Report]) -> Fleet {
    let own = Span::around(0, KEPT_WITHIN);
    let counted = reports
        .iter()
        .filter(|report| report.votes && report.is_fresh())
        .map(|report| Some(report.claim()));
    let claims: Vec<_> = std::iter::once(Some(own)).chain(counted).collect();
    let Selection { hull, agreeing, .. } = select(&claims);
    let hull = hull.filter(|_| claims.len() >= FEWEST_CLOCKS);
    let verdict = |claim: Span| match hull {
        None => FleetVerdict::Alone,
        Some(hull) if claim.meets(hull) => FleetVerdict::Agrees,
        Some(_) => FleetVerdict::Off,
    };
    let members = reports.iter().map(|report| match report.is_fresh() {
        true => verdict(report.claim()),
        false => FleetVerdict::Stale,
    });
    Fleet {
        hull,
        agreeing,
        clocks: claims.len(),
        registry: verdict(own),
        members: members.collect(),
    }
}

/// What true time is ahead of a member's clock: by what the fleet says that it is ahead of the registry's
/// clock, and what that is ahead of the member's.
pub fn ahead_of_member(hull: Span, offset: Span) -> Span {
    Span {
        low: hull.low.saturating_add(offset.low),
        high: hull.high.saturating_add(offset.high),
    }
}
