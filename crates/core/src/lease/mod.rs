//! Leases of worker IDs: what a registry decides, whatever it stores its entries in.
//!
//! A lease grants a worker ID for an interval of *timestamps of IDs*. Intervals of one worker ID
//! that were granted to different holders never overlap, and a holder gives out no ID outside of
//! its own: no clock has to be right, and no process awake, for that. Clocks only decide how long
//! a worker ID stays with a holder that is gone.
//!
//! A holder is one start of one server, known by a random number, its *nonce*: what is stored
//! with the data, the *identity*, comes back with a copy of it. All times are milliseconds since
//! 1970, all durations milliseconds.

// what a registry says is computed with: a release build would wrap
#![deny(clippy::arithmetic_side_effects)]

mod decide;
mod grant;
mod hold;
mod terms;

pub use decide::decide;
pub use grant::{Implausible, check_grant};
pub use hold::MARGIN;
pub use terms::{
    Answer, Decision, Denial, Entry, LONGEST, Lease, Reason, Request, Terms, USUAL, release,
};
