//! What a server asks of a registry, in another server or in etcd.

use snowflake_core::lease::{Answer, Request};
use snowflake_core::snowflake::Layout;
use snowflake_core::ticket::Block;

use crate::net::deadline::Deadline;

/// A registry does not answer, or not with an answer: why, without a full stop.
#[derive(Debug)]
pub struct Unreachable(pub String);

impl From<String> for Unreachable {
    fn from(problem: String) -> Self {
        Self(problem)
    }
}

/// Where worker IDs are leased.
pub trait Registry {
    /// Asks for a lease, or for more of the one that is held.
    ///
    /// # Errors
    /// No answer. The lease may have been granted all the same, and asking again finds it.
    fn take(
        &mut self,
        layout: &Layout,
        request: &Request,
        deadline: Deadline,
    ) -> Result<Answer, Unreachable>;

    /// Gives back what lies at or above `mark`, which no ID has reached.
    ///
    /// # Errors
    /// No answer.
    fn release(
        &mut self,
        layout: &Layout,
        worker: u32,
        nonce: u128,
        mark: i64,
        deadline: Deadline,
    ) -> Result<(), Unreachable>;
}

/// How a counter is to count.
#[derive(Clone, Copy)]
pub struct Definition {
    pub start: i64,
    pub block: i32,
    pub step: i32,
}

/// Where counters are that several servers draw from.
pub trait Tickets {
    /// Sees to it that the registry has a counter which this server may draw from; answers whether
    /// it was there before.
    ///
    /// # Errors
    /// No answer, or why not.
    fn define(
        &mut self,
        name: &str,
        definition: Definition,
        deadline: Deadline,
    ) -> Result<bool, Unreachable>;

    /// Claims up to so many numbers.
    ///
    /// # Errors
    /// No answer, or none that is a block. Numbers may have been claimed all the same; they are
    /// never given out.
    fn claim(&mut self, name: &str, count: u32, deadline: Deadline) -> Result<Block, Unreachable>;

    /// Whether it is known that no ticket can be had at present, whatever its name.
    fn is_unreachable(&self) -> bool;
}
