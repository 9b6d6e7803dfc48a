//! Ordering blocks of a registry's ticket, which the registrar fetches.

use crate::postgres::error::Outcome;
use crate::postgres::sequence::Sequence;
use crate::settings;
use crate::shared::block_orders::Index;
use crate::shared::segment;
use crate::ticket::blocks::Blocks;
use crate::ticket::claim::LARGEST_CLAIM;
use crate::ticket::counter::Numbering;
use crate::ticket::no_ticket::NoTicket;

/// Asks the registrar for a block behind the current one.
pub fn order_ahead(blocks: Blocks, index: Index, sequence: &Sequence) -> Outcome<()> {
    let shared = segment::shared()?;
    if let Ok(Some(count)) = wanted(blocks, sequence)
        && shared.block_orders().ask(index, blocks.counter.key, count)
    {
        shared.holder().wake_registrar();
    }
    Ok(())
}

/// Returns with numbers in the current block; other callers may have drawn them by then.
pub fn await_block(blocks: Blocks, index: Index) -> Result<(), NoTicket> {
    let shared = segment::shared()?;
    if settings::ticket_registry().is_none() {
        return Err(NoTicket::NoBlock("no registry is set".into()));
    }
    // such a block is durable where it comes from
    let ready = || blocks.advance(0);
    if ready() {
        return Ok(());
    }
    let Some(sequence) = Sequence::open(blocks.counter.sequence) else {
        return Ok(()); // dropped meanwhile
    };
    let count = wanted(blocks, &sequence);
    sequence.close();
    let Some(count) = count? else {
        return Ok(()); // dropped meanwhile
    };
    blocks.entry.cache.count_wait();
    let wake = || shared.holder().wake_registrar();
    shared
        .block_orders()
        .wait(index, blocks.counter.key, count, ready, wake)
        .map_err(NoTicket::NoBlock)
}

/// How many numbers of a registry's ticket to ask for.
fn wanted(blocks: Blocks, sequence: &Sequence) -> Outcome<Option<u32>> {
    let block = Numbering::of(sequence)?.block.min(LARGEST_CLAIM);
    let size = blocks.next_size(block);
    Ok(size.map(|size| size.min(LARGEST_CLAIM)))
}
