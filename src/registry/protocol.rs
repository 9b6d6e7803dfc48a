//! What a server asks of a registry, in another server or in etcd.

use snowflake_core::lease::{Answer, Request};
use snowflake_core::snowflake::Layout;
use snowflake_core::ticket::Block;

use crate::net::deadline::Deadline;

/// Nothing came of a request, and why, without a full stop: the registry cannot be reached, it
/// refuses ("permission denied"), or what it sends cannot be understood.
#[derive(Debug)]
pub struct NoAnswer(pub String);

impl From<String> for NoAnswer {
    fn from(problem: String) -> Self {
        Self(problem)
    }
}

impl From<&str> for NoAnswer {
    fn from(problem: &str) -> Self {
        Self(problem.into())
    }
}

/// Where worker IDs are leased.
pub trait LeaseRegistry {
    /// Asks for a lease, or for more of the one that is held.
    ///
    /// # Errors
    /// No answer. The lease may have been granted all the same, and asking again finds it.
    fn take(
        &mut self,
        layout: &Layout,
        request: &Request,
        deadline: Deadline,
    ) -> Result<Answer, NoAnswer>;

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
    ) -> Result<(), NoAnswer>;
}

/// How a counter is to count.
#[derive(Clone, Copy)]
pub struct Definition {
    pub start: i64,
    pub block: i32,
    pub step: i32,
}

/// Where counters are that several servers draw from.
pub trait TicketRegistry {
    /// Sees to it that the registry has a counter which this server may draw from; returns whether
    /// it was there before.
    ///
    /// # Errors
    /// No answer, or why not.
    fn define(
        &mut self,
        name: &str,
        definition: Definition,
        deadline: Deadline,
    ) -> Result<bool, NoAnswer>;

    /// Claims up to `count` numbers.
    ///
    /// # Errors
    /// No answer, or none that is a block. Numbers may have been claimed all the same; they are
    /// never given out.
    fn claim(&mut self, name: &str, count: u32, deadline: Deadline) -> Result<Block, NoAnswer>;

    /// Whether it is known that no ticket can be claimed at present, whatever its name.
    fn is_unreachable(&self) -> bool;
}

/// A registry of both.
pub trait Registry: LeaseRegistry + TicketRegistry {}

impl<T: LeaseRegistry + TicketRegistry> Registry for T {}
