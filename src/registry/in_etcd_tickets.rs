//! Tickets of a registry in etcd: making a counter there, claiming blocks of it.

use snowflake_core::etcd::{CounterState, Origin, Plan, Response, Status, ticket_key};
use snowflake_core::ticket::Block;

use crate::net::deadline::Deadline;
use crate::registry::in_etcd::{Etcd, Question};
use crate::registry::protocol::{Definition, NoAnswer, TicketRegistry};

impl TicketRegistry for Etcd {
    fn define(
        &mut self,
        name: &str,
        definition: Definition,
        deadline: Deadline,
    ) -> Result<bool, NoAnswer> {
        let key = ticket_key(self.address()?, name);
        self.ask(&Define { key, definition }, deadline)
    }

    fn claim(&mut self, name: &str, count: u32, deadline: Deadline) -> Result<Block, NoAnswer> {
        let key = ticket_key(self.address()?, name);
        self.ask(&Claim { key, count }, deadline)
    }

    fn is_unreachable(&self) -> bool {
        // a problem with one key and one with the cluster are not told apart
        false
    }
}

struct Define {
    key: String,
    definition: Definition,
}

impl Question for Define {
    type Found = CounterState;
    type Answer = bool;

    fn request(&self) -> String {
        CounterState::request(&self.key)
    }

    fn read(&self, response: &Response, status: &Status) -> Result<Option<CounterState>, String> {
        CounterState::parse(&self.key, response, status)
    }

    fn decide(&self, found: &CounterState, _: Option<&Origin>) -> Result<Plan<bool>, String> {
        let Definition { start, step, .. } = self.definition;
        found.create(start, step.into())
    }
}

struct Claim {
    key: String,
    count: u32,
}

impl Question for Claim {
    type Found = CounterState;
    type Answer = Block;

    fn request(&self) -> String {
        CounterState::request(&self.key)
    }

    fn read(&self, response: &Response, status: &Status) -> Result<Option<CounterState>, String> {
        CounterState::parse(&self.key, response, status)
    }

    fn decide(&self, found: &CounterState, _: Option<&Origin>) -> Result<Plan<Block>, String> {
        found.claim(self.count)
    }
}
