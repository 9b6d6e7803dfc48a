//! Drawing tickets: from a block in shared memory, or from the next one.

use pgrx::prelude::*;

use crate::postgres::entry::entry;
use crate::postgres::error::{OrRaise, Outcome};
use crate::postgres::sequence::Sequence;
use crate::postgres::standbys;
use crate::postgres::text::ServerText;
use crate::postgres::wal::{flush, flushed_soon};
use crate::shared::segment;
use crate::ticket::blocks::{Blocks, Fill};
use crate::ticket::counter::{self, Numbering, refuse_recovery};
use crate::ticket::known::{self, KnownCounter};
use crate::ticket::no_ticket::NoTicket;
use crate::ticket::order;

/// The next number of a counter.
#[pg_extern(sql = r#"
CREATE FUNCTION "ticket_next"(
	"name" text
) RETURNS bigint
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'ticket_next_wrapper';
"#)]
fn ticket_next_guarded(name: ServerText) -> i64 {
    next(name)
        .map_err(|no_ticket| no_ticket.failure(name))
        .or_raise()
}

entry!(
    ticket_next_wrapper,
    pg_finfo_ticket_next_wrapper,
    or ticket_next_guarded_wrapper,
    |arguments| {
        let counter = known::known_to_be_allowed(arguments.text(0)?)?;
        let entry = counter.entry?;
        if standbys::are_set() {
            // it may have to wait for them
            return None;
        }
        let number = entry.cache.draw_of_many(|| entry.belongs_to(counter.key))?;
        Some(number.into())
    }
);

fn next(name: ServerText) -> Result<i64, NoTicket> {
    loop {
        let counter = &known::allowed(name)?;
        let Some(entry) = counter.entry else {
            return claim_one(counter);
        };
        let blocks = Blocks { counter, entry };
        if let Some(ticket) = blocks.draw() {
            // read before the entry can become another counter's
            let position = entry.cache.position();
            if ticket.low {
                fetch_ahead(blocks)?;
            }
            standbys::wait(position)?;
            return Ok(ticket.number);
        }
        if !counter.has_its_places()? {
            // dropped meanwhile, perhaps by a transaction that was rolled back
            known::forget();
            continue;
        }
        check_for_interrupts!();
        fetch(blocks)?;
    }
}

/// A number of a counter whose blocks are not cached.
fn claim_one(counter: &KnownCounter) -> Result<i64, NoTicket> {
    refuse_recovery()?;
    let sequence = counter::open_to_raise(counter.sequence)?;
    Ok(counter::claim_durably(sequence, 1)?.first)
}

/// Gets a block behind the current one, unless that means to wait. Not to have it yet is no error:
/// the caller that needs it gets it, or the error.
fn fetch_ahead(blocks: Blocks) -> Outcome<()> {
    let orders = segment::shared()?.block_orders();
    let counter = blocks.counter;
    if counter.orders.is_some_and(|index| orders.is_busy(index)) {
        return Ok(());
    }
    let Some(sequence) = Sequence::open_at_once(counter.sequence) else {
        return Ok(());
    };
    let fetched = match counter.orders {
        Some(index) => order::order_ahead(blocks, index, &sequence),
        None => {
            fill_ahead(blocks, &sequence);
            Ok(())
        }
    };
    sequence.close();
    fetched
}

/// Queues a block behind the current one, unless another backend does.
fn fill_ahead(blocks: Blocks, sequence: &Sequence) {
    if sequence.problem().is_some() {
        return;
    }
    let Ok(numbering) = Numbering::of(sequence) else {
        return;
    };
    if let Ok(Fill::Queued(position)) = blocks.fill(sequence, &numbering, true) {
        flushed_soon(position);
    }
}

/// Returns with numbers in the current block; other callers may have drawn them by then.
fn fetch(blocks: Blocks) -> Result<(), NoTicket> {
    refuse_recovery()?;
    if let Some(index) = blocks.counter.orders {
        return order::await_block(blocks, index);
    }
    let sequence = counter::open_to_raise(blocks.counter.sequence)?;
    let filled = fill(blocks, &sequence);
    sequence.close();
    filled
}

/// The same from the counter's sequence.
fn fill(blocks: Blocks, sequence: &Sequence) -> Result<(), NoTicket> {
    let numbering = Numbering::of(sequence)?;
    match blocks.fill(sequence, &numbering, false)? {
        Fill::Nothing => Ok(()),
        Fill::Exhausted => Err(NoTicket::Exhausted),
        Fill::Queued(position) => {
            blocks.entry.cache.count_wait();
            flush(position);
            blocks.advance(position);
            Ok(())
        }
    }
}
