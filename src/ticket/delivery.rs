//! Blocks of a registry's tickets: fetching those that callers ask for. The registrar does it.

use snowflake_core::ticket::{Block, Queued};

use crate::host::clock;
use crate::net::deadline::Deadline;
use crate::postgres::wait;
use crate::registry::protocol::{NoAnswer, TicketRegistry};
use crate::shared::block_orders::{Index, Order};
use crate::shared::segment::Shared;

/// How long a block may take at the most, in microseconds: callers wait for it.
pub const PATIENCE: i64 = 3_000_000;

/// What fetches blocks, and from where.
pub struct Delivery {
    shared: Shared,
    tickets: Option<Box<dyn TicketRegistry>>,
    /// The ticket that a block was fetched for last.
    latest: Option<Index>,
}

impl Delivery {
    /// From this registry, if one is set.
    pub fn new(shared: Shared, tickets: Option<Box<dyn TicketRegistry>>) -> Self {
        Self {
            shared,
            tickets,
            latest: None,
        }
    }

    /// Fetches a block that is asked for, within the given number of microseconds; returns whether
    /// there was one to fetch.
    pub fn fetch_block(&mut self, patience: i64) -> bool {
        let orders = self.shared.block_orders();
        let Some(order) = orders.begin(self.latest) else {
            return false;
        };
        self.latest = Some(order.index);
        let result = self.deliver(&order, patience);
        if result.is_err() && wait::shutdown_requested() {
            // for the registrar after this one, if only the registrar is to end
            return true;
        }
        if let Err(trouble) = &result
            && self
                .tickets
                .as_ref()
                .is_some_and(|tickets| tickets.is_unreachable())
        {
            orders.fail_all(trouble);
        }
        orders.end(&order, result);
        true
    }

    /// Queues the block behind the current one of its ticket.
    fn deliver(&mut self, order: &Order, patience: i64) -> Result<(), String> {
        let entry = self.shared.counters().known(order.key);
        let Some(entry) = entry else {
            return Ok(()); // dropped meanwhile
        };
        let turn = entry.turn();
        let cache = &entry.cache;
        if entry.lock.with(|| cache.queued().is_some()) {
            return Ok(());
        }
        let Some(tickets) = &mut self.tickets else {
            return Err("no registry of tickets is set".into());
        };
        let block = tickets
            .claim(
                &order.name.to_string(),
                order.count,
                Deadline::within(patience),
            )
            .map_err(|NoAnswer(problem)| problem)?;
        if !self.shared.block_orders().is_new(order, &block) {
            let Block { first, .. } = block;
            return Err(format!(
                "the registry gave out {first}, which it gave out before: it lost its newest state"
            ));
        }
        let now = clock::monotonic();
        entry.lock.with(|| {
            // one with the same key may have it by now
            let is_its_own = entry.belongs_to(order.key) && entry.turn() == turn;
            if is_its_own && cache.queued().is_none() {
                // durable where it comes from
                cache.queue(Queued { block, position: 0 });
                cache.sized(order.count, now);
                cache.advance(0);
            }
        });
        Ok(())
    }
}
