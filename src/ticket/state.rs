//! What the view `snowflake_tickets` shows of a counter.

use std::sync::atomic::Ordering;

use pgrx::prelude::*;

use crate::postgres::encoding;
use crate::postgres::error::{OrRaise, Outcome};
use crate::postgres::row::Row;
use crate::postgres::sequence::Sequence;
use crate::shared::segment::{self, Shared};
use crate::ticket::counter::Numbering;

extension_sql_file!(
    "state.sql",
    name = "ticket_state",
    requires = ["ticket", snowflake_pg_ticket_state]
);

/// The state of a counter, for the view `snowflake_tickets`.
#[pg_extern(sql = r#"
CREATE FUNCTION snowflake_pg_ticket_state(sequence regclass, OUT next bigint, OUT step bigint, OUT block int, OUT last_block int, OUT cached bigint, OUT blocks bigint, OUT waits bigint, OUT last_error text)
VOLATILE STRICT PARALLEL RESTRICTED LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn snowflake_pg_ticket_state(sequence: pg_sys::Oid) -> Row<8> {
    state(sequence).or_raise()
}

fn state(oid: pg_sys::Oid) -> Outcome<Row<8>> {
    let Some(sequence) = Sequence::open_to_read(oid) else {
        return Ok(Row([None; 8]));
    };
    if sequence.problem().is_some() {
        sequence.close();
        return Ok(Row([None; 8]));
    }
    let found =
        Numbering::of(&sequence).and_then(|numbering| Ok((numbering, numbering.next(&sequence)?)));
    sequence.close();
    let (numbering, next) = found?;
    // a registry need not have the library preloaded: it draws nothing itself
    let cached = segment::shared().ok().map(|shared| cached(shared, oid));
    let [last_block, cached, blocks, waits] = cached.unwrap_or([None; 4]);
    let trouble = segment::shared()
        .ok()
        .and_then(|shared| shared.block_orders().trouble(segment::key(oid)));
    Ok(Row([
        next.map(Into::into),
        Some(numbering.step.into()),
        Some((numbering.block as i32).into()),
        last_block.map(|size| (size as i32).into()),
        cached.map(Into::into),
        blocks.map(Into::into),
        waits.map(Into::into),
        trouble.map(encoding::message).into_datum(),
    ]))
}

/// What shared memory has of a counter: size of the latest block, numbers cached, counts of blocks
/// and of waits.
fn cached(shared: Shared, oid: pg_sys::Oid) -> [Option<i64>; 4] {
    let Some(entry) = shared.counters().known(segment::key(oid)) else {
        return [Some(0); 4];
    };
    let cache = &entry.cache;
    let numbers = entry.lock.with(|| {
        let queued = cache.queued().map_or(0, |queued| queued.block.count.into());
        [
            cache.latest_size().into(),
            cache.left() + queued,
            cache.blocks.load(Ordering::Relaxed),
            cache.waits.load(Ordering::Relaxed),
        ]
    });
    numbers.map(|number| Some(number as i64))
}
