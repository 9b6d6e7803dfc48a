//! Drawing tickets: the counter of a name, its blocks in shared memory, the next block.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use pgrx::prelude::*;

use crate::extension;
use crate::host::clock;
use crate::postgres::encoding;
use crate::postgres::error::{Failure, OrRaise, Outcome};
use crate::postgres::invalidation::Kept;
use crate::postgres::row::Row;
use crate::postgres::sequence::{Sequence, flushed, flushed_soon};
use crate::postgres::table::{Key, Table};
use crate::postgres::text::ServerText;
use crate::settings;
use crate::shared::block_orders::{self, LONGEST_NAME, REGISTRY_TICKETS, RegistryName};
use crate::shared::counters::{COUNTERS, CounterEntry};
use crate::shared::segment::{self, Shared};
use crate::ticket::counter::{self, Attempt, Settings};

/// A counter as a backend knows it.
#[derive(Clone, Copy)]
pub struct KnownCounter {
    sequence: pg_sys::Oid,
    /// The table that names it.
    table: pg_sys::Oid,
    key: u64,
    /// Its blocks; `None` if there is no room for them in shared memory.
    entry: Option<&'static CounterEntry>,
    /// Where they are asked for, if they come from a registry.
    supply: Option<block_orders::Index>,
}

/// What the table says about a ticket.
#[derive(Clone, Copy)]
pub struct Named {
    /// Its sequence, which may have been dropped.
    pub sequence: pg_sys::Oid,
    /// Whether its numbers come from a registry. The sequence then has the owner, the privileges
    /// and the size of a block, but no numbers.
    pub registry: bool,
}

/// The counters that this backend has looked up, by name.
static KNOWN: Kept<HashMap<Box<[u8]>, KnownCounter>> = Kept::new(|counters, changed| {
    let depends = |counter: &KnownCounter| [counter.sequence, counter.table].contains(&changed);
    counters.values().any(depends)
});
/// The table that names them.
static TABLE: Kept<pg_sys::Oid> = Kept::new(|table, changed| *table == changed);

/// The next number of a counter.
#[pg_extern(volatile, parallel_safe)]
fn ticket_next(name: ServerText) -> i64 {
    next(name).or_raise()
}

fn next(name: ServerText) -> Outcome<i64> {
    loop {
        let counter = KNOWN.get_or_find(name.bytes(), || look_up(name))?;
        check_privilege(counter.sequence, name)?;
        let Some(entry) = counter.entry else {
            return claim_one(counter, name);
        };
        if let Some(ticket) = entry.cache.draw(|| entry.belongs_to(counter.key)) {
            if ticket.low {
                fetch_ahead(counter, entry)?;
            }
            return Ok(ticket.number);
        }
        if !still_has(counter, entry)? {
            // dropped meanwhile, perhaps by a transaction that was rolled back
            KNOWN.forget();
            TABLE.forget();
            continue;
        }
        check_for_interrupts!();
        fetch(counter, entry, name)?;
    }
}

/// Whether a counter has the places in shared memory that it had.
fn still_has(counter: KnownCounter, entry: &CounterEntry) -> Outcome<bool> {
    let orders = segment::shared()?.block_orders();
    let supplied = counter
        .supply
        .is_none_or(|index| orders.has(index, counter.key));
    Ok(supplied && entry.belongs_to(counter.key))
}

/// The table that says which sequence is whose counter.
pub fn table() -> Outcome<pg_sys::Oid> {
    TABLE.get_or(find_table)
}

fn find_table() -> Outcome<pg_sys::Oid> {
    let schema = extension::find()?.schema;
    // SAFETY: a catalog look-up by a valid C string
    let table = unsafe { pg_sys::get_relname_relid(c"snowflake_ticket".as_ptr(), schema) };
    if table == pg_sys::InvalidOid {
        return Err(Failure::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
            "relation \"snowflake_ticket\" of extension snowflake_pg is missing",
        )
        .hint("Run ALTER EXTENSION snowflake_pg UPDATE."));
    }
    Ok(table)
}

/// What the table says about a ticket; `None` if the name is not known.
pub fn named(name: ServerText) -> Outcome<Option<Named>> {
    let table = Table::open(table()?, "snowflake_ticket")?;
    let key = Key {
        index: c"snowflake_ticket_pkey",
        column: table.column(c"name", pg_sys::TEXTOID)?,
        text: name.datum(),
    };
    let sequence = table.column(c"sequence", pg_sys::REGCLASSOID)?;
    let registry = table.column(c"registry", pg_sys::BOOLOID)?;
    let named = table.find(Some(key), |row| {
        Some(Named {
            sequence: row.oid(sequence)?,
            registry: row
                .value(registry)
                .is_some_and(|registry| registry.value() & 1 != 0),
        })
    });
    table.close();
    Ok(named)
}

pub fn missing(name: ServerText) -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
        format!("ticket \"{}\" does not exist", name.to_text()),
    )
}

/// The key in shared memory of a sequence of this database.
pub fn key(sequence: pg_sys::Oid) -> u64 {
    // SAFETY: a variable of this process, set when it connected to its database
    segment::key(unsafe { pg_sys::MyDatabaseId }, sequence)
}

fn look_up(name: ServerText) -> Outcome<KnownCounter> {
    let shared = segment::shared()?;
    refuse_recovery()?;
    let named = named(name)?.ok_or_else(|| missing(name))?;
    let oid = named.sequence;
    // not to raise it: whoever alters it keeps nobody from what is cached
    let sequence = checked(Sequence::open(oid), name)?;
    let key = key(oid);
    // while it is open nobody drops it, and the places that it gets are its own
    let entry = shared.counters().entry(key);
    if let Some(entry) = entry {
        let file = sequence.file();
        entry.lock.with(|| settle_file(entry, key, file));
    }
    let supply = named
        .registry
        .then(|| place(shared, key, name, entry.is_some()))
        .transpose();
    sequence.close();
    Ok(KnownCounter {
        sequence: oid,
        table: table()?,
        key,
        entry,
        supply: supply?,
    })
}

/// Where the blocks of a registry's ticket are asked for.
fn place(shared: Shared, key: u64, name: ServerText, cached: bool) -> Outcome<block_orders::Index> {
    let text = name_in_registry(name)?;
    let place = cached
        .then(|| shared.block_orders().place(key, text))
        .flatten();
    place.ok_or_else(|| {
        let limit = if cached {
            format!("{REGISTRY_TICKETS} tickets of registries")
        } else {
            format!("{COUNTERS} tickets in blocks")
        };
        Failure::new(
            PgSqlErrorCode::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
            format!("cannot draw ticket \"{}\"", name.to_text()),
        )
        .detail(format!(
            "This server can draw {limit}, and draws as many already."
        ))
        .hint("Drop one by ticket_drop().")
    })
}

/// The name of a ticket as a registry knows it, which must be no other's name.
pub fn name_in_registry(name: ServerText) -> Outcome<RegistryName> {
    let text = name.to_utf8();
    let exact = text.and_then(|text| RegistryName::exact(&text));
    exact.ok_or_else(|| {
        invalid_name(name).detail(format!(
            "In a registry it must be valid in UTF-8, with up to {LONGEST_NAME} bytes."
        ))
    })
}

/// Opens a counter's sequence to raise it.
fn open(oid: pg_sys::Oid, name: ServerText) -> Outcome<Sequence> {
    checked(Sequence::open_to_raise(oid), name)
}

/// A sequence that numbers may be drawn from.
fn checked(sequence: Option<Sequence>, name: ServerText) -> Outcome<Sequence> {
    let refused = || Failure::state(format!("cannot draw ticket \"{}\"", name.to_text()));
    let Some(sequence) = sequence else {
        return Err(dropped(name));
    };
    match sequence.problem().or_else(|| sequence.alteration()) {
        None => Ok(sequence),
        Some(problem) => {
            sequence.close();
            Err(refused().detail(problem))
        }
    }
}

fn dropped(name: ServerText) -> Failure {
    Failure::state(format!("cannot draw ticket \"{}\"", name.to_text()))
        .detail("Its sequence was dropped.")
        .hint("Drop the ticket by ticket_drop().")
}

/// Forgets the numbers of a file that the sequence no longer has: it was altered, and begins as it
/// is told. With the lock of the entry.
fn settle_file(entry: &CounterEntry, key: u64, file: u32) {
    if entry.belongs_to(key) && entry.file.swap(file, Ordering::Relaxed) != file {
        entry.cache.discard();
    }
}

/// Refuses on a standby, which cannot raise a counter.
fn refuse_recovery() -> Outcome<()> {
    // SAFETY: reads shared memory of the server
    if unsafe { pg_sys::RecoveryInProgress() } {
        return Err(Failure::new(
            PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION,
            "cannot draw tickets during recovery",
        )
        .hint("Draw them on the primary."));
    }
    Ok(())
}

/// A ticket takes what nextval() does.
fn check_privilege(sequence: pg_sys::Oid, name: ServerText) -> Outcome<()> {
    let either = (pg_sys::ACL_USAGE | pg_sys::ACL_UPDATE) as pg_sys::AclMode;
    let mut is_missing = false;
    // SAFETY: catalog look-ups
    let answer = unsafe {
        pg_sys::pg_class_aclcheck_ext(sequence, pg_sys::GetUserId(), either, &mut is_missing)
    };
    if is_missing {
        return Err(dropped(name));
    }
    if answer == pg_sys::AclResult::ACLCHECK_OK {
        return Ok(());
    }
    Err(Failure::new(
        PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
        format!("permission denied for ticket \"{}\"", name.to_text()),
    )
    .hint("USAGE on its sequence is needed; table snowflake_ticket names it."))
}

fn exhausted(name: ServerText) -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED,
        format!("ticket \"{}\" has no numbers left", name.to_text()),
    )
}

/// Makes the log durable up to a position.
fn flush(position: u64) {
    // SAFETY: writes and flushes the log; no lightweight lock is held
    unsafe { pg_sys::XLogFlush(position) };
}

/// A number of a counter whose blocks are not cached.
fn claim_one(counter: KnownCounter, name: ServerText) -> Outcome<i64> {
    refuse_recovery()?;
    let sequence = open(counter.sequence, name)?;
    let attempt =
        Settings::of(&sequence).and_then(|settings| counter::claim(&sequence, &settings, 1, false));
    sequence.close();
    match attempt? {
        Attempt::Claimed(claimed) => {
            flush(claimed.position);
            Ok(claimed.block.first)
        }
        Attempt::Busy | Attempt::Exhausted => Err(exhausted(name)),
    }
}

/// Gets a block behind the current one, unless that means to wait. Not to have it yet is no error:
/// who needs it gets it, or the error.
fn fetch_ahead(counter: KnownCounter, entry: &CounterEntry) -> Outcome<()> {
    let orders = segment::shared()?.block_orders();
    if counter.supply.is_some_and(|index| orders.is_busy(index)) {
        return Ok(());
    }
    let Some(sequence) = Sequence::open_at_once(counter.sequence) else {
        return Ok(());
    };
    if let Some(index) = counter.supply {
        order_ahead(counter, entry, index, &sequence)?;
    } else if sequence.problem().is_none()
        && let Ok(settings) = Settings::of(&sequence)
    {
        let filled = entry
            .lock
            .try_with(|| fill(counter, entry, &sequence, &settings, true));
        if let Some(Ok(Fill::Queued(position))) = filled {
            flushed_soon(position);
        }
    }
    sequence.close();
    Ok(())
}

/// Returns with numbers in the current block; other callers may have drawn them by then.
fn fetch(counter: KnownCounter, entry: &CounterEntry, name: ServerText) -> Outcome<()> {
    refuse_recovery()?;
    if let Some(index) = counter.supply {
        return await_block(counter, entry, index, name);
    }
    let sequence = open(counter.sequence, name)?;
    let filled = Settings::of(&sequence).and_then(|settings| {
        entry
            .lock
            .with(|| fill(counter, entry, &sequence, &settings, false))
    });
    let filled = filled.and_then(|fill| match fill {
        Fill::Nothing => Ok(()),
        Fill::Exhausted => Err(exhausted(name)),
        Fill::Queued(position) => {
            entry.cache.count_wait();
            flush(position);
            entry.lock.with(|| {
                if entry.belongs_to(counter.key) {
                    entry.cache.advance(position);
                }
            });
            Ok(())
        }
    });
    sequence.close();
    filled
}

/// How many numbers of a registry's ticket to ask for.
fn wanted(
    counter: KnownCounter,
    entry: &CounterEntry,
    sequence: &Sequence,
) -> Outcome<Option<u32>> {
    let block = Settings::of(sequence)?.block.min(LARGEST_CLAIM as u32);
    let now = clock::sample().monotonic_before;
    let size = entry.lock.with(|| {
        entry
            .belongs_to(counter.key)
            .then(|| entry.cache.size(block, now))
    });
    Ok(size.map(|size| size.min(LARGEST_CLAIM as u32)))
}

/// Asks the registrar for a block behind the current one.
fn order_ahead(
    counter: KnownCounter,
    entry: &CounterEntry,
    index: block_orders::Index,
    sequence: &Sequence,
) -> Outcome<()> {
    let shared = segment::shared()?;
    if let Ok(Some(count)) = wanted(counter, entry, sequence)
        && shared.block_orders().ask(index, counter.key, count)
    {
        shared.holder().wake_registrar();
    }
    Ok(())
}

/// Returns with numbers in the current block; other callers may have drawn them by then.
fn await_block(
    counter: KnownCounter,
    entry: &CounterEntry,
    index: block_orders::Index,
    name: ServerText,
) -> Outcome<()> {
    let shared = segment::shared()?;
    let failed = |trouble: String| {
        Failure::new(
            PgSqlErrorCode::ERRCODE_CONNECTION_EXCEPTION,
            format!("no block of ticket \"{}\" can be had", name.to_text()),
        )
        .detail(format!("{}.", trouble.trim_end().trim_end_matches('.')))
        .hint(
            "It comes from the registry that snowflake_pg.ticket_registry or \
             snowflake_pg.registry names. Tickets go on as soon as that answers.",
        )
    };
    if settings::ticket_registry().is_none() {
        return Err(failed("no registry is set".into()));
    }
    let ready = || {
        entry.lock.with(|| {
            let mine = entry.belongs_to(counter.key);
            if mine {
                entry.cache.advance(0);
            }
            !mine || entry.cache.left() > 0
        })
    };
    if ready() {
        return Ok(());
    }
    let Some(sequence) = Sequence::open(counter.sequence) else {
        return Ok(()); // dropped meanwhile
    };
    let count = wanted(counter, entry, &sequence);
    sequence.close();
    let Some(count) = count? else {
        return Ok(()); // dropped meanwhile
    };
    entry.cache.count_wait();
    let wake = || shared.holder().wake_registrar();
    let orders = shared.block_orders();
    orders
        .wait(index, counter.key, count, ready, wake)
        .map_err(failed)
}

/// What came of filling a cache.
enum Fill {
    /// It has numbers, or is no longer this counter's, or another backend is at it.
    Nothing,
    /// A block waits for the log to be durable up to a position.
    Queued(u64),
    /// There are no further numbers.
    Exhausted,
}

/// Claims a block and queues it, unless one is queued; goes on to it if it can. With the lock of
/// the entry.
fn fill(
    counter: KnownCounter,
    entry: &CounterEntry,
    sequence: &Sequence,
    settings: &Settings,
    ahead: bool,
) -> Outcome<Fill> {
    if !entry.belongs_to(counter.key) {
        return Ok(Fill::Nothing);
    }
    settle_file(entry, counter.key, sequence.file());
    let cache = &entry.cache;
    if !ahead && cache.left() > 0 {
        return Ok(Fill::Nothing);
    }
    if cache.queued().is_none() {
        let now = clock::sample().monotonic_before;
        let size = cache.size(settings.block, now);
        match counter::claim(sequence, settings, size, ahead)? {
            Attempt::Claimed(claimed) => {
                cache.queue(claimed);
                cache.sized(size, now);
            }
            Attempt::Busy => return Ok(Fill::Nothing),
            Attempt::Exhausted => return Ok(Fill::Exhausted),
        }
    }
    let Some(queued) = cache.queued() else {
        return Ok(Fill::Nothing);
    };
    if flushed(queued.position) {
        cache.advance(queued.position);
        return Ok(Fill::Nothing);
    }
    Ok(Fill::Queued(queued.position))
}

/// Numbers for another server, which draws them: the registry's side of `ticket_next()`.
#[pg_extern(sql = r#"
CREATE FUNCTION snowflake_ticket_claim(name text, count int, OUT first bigint, OUT step bigint, OUT claimed int)
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn snowflake_ticket_claim(name: ServerText, count: i32) -> Row<3> {
    claim_for_another(name, count).or_raise()
}

/// The largest block that another server may claim.
const LARGEST_CLAIM: i32 = 1 << 24;

fn claim_for_another(name: ServerText, count: i32) -> Outcome<Row<3>> {
    if !(1..=LARGEST_CLAIM).contains(&count) {
        return Err(Failure::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("count must be between 1 and {LARGEST_CLAIM}, not {count}"),
        ));
    }
    refuse_recovery()?;
    let named = named(name)?.ok_or_else(|| missing(name))?;
    let oid = named.sequence;
    check_privilege(oid, name)?;
    if named.registry {
        return Err(
            Failure::state(format!("cannot claim ticket \"{}\"", name.to_text()))
                .detail("Its numbers come from another registry."),
        );
    }
    let sequence = open(oid, name)?;
    // SAFETY: gives the transaction an ID: with one, its commit waits for synchronous standbys
    unsafe { pg_sys::GetTopTransactionId() };
    let attempt = Settings::of(&sequence)
        .and_then(|settings| counter::claim(&sequence, &settings, count as u32, false));
    sequence.close();
    match attempt? {
        Attempt::Claimed(claimed) => {
            flush(claimed.position);
            let block = claimed.block;
            Ok(Row([
                Some(block.first.into()),
                Some(block.step.into()),
                Some((block.count as i32).into()),
            ]))
        }
        Attempt::Busy | Attempt::Exhausted => Err(exhausted(name)),
    }
}

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
        Settings::of(&sequence).and_then(|settings| Ok((settings, settings.next(&sequence)?)));
    sequence.close();
    let (settings, next) = found?;
    // a registry need not have the library preloaded: it draws nothing itself
    let cached = segment::shared().ok().map(|shared| cached(shared, oid));
    let [last_block, cached, blocks, waits] = cached.unwrap_or([None; 4]);
    let trouble = segment::shared()
        .ok()
        .and_then(|shared| shared.block_orders().trouble(key(oid)));
    Ok(Row([
        next.map(Into::into),
        Some(settings.step.into()),
        Some((settings.block as i32).into()),
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
    let Some(entry) = shared.counters().known(key(oid)) else {
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

/// A name that messages and DDL can do with.
pub fn check_name(name: ServerText) -> Outcome<()> {
    /// So that the name of the sequence, with its suffix, is no longer than an identifier.
    const LONGEST: usize = LONGEST_NAME;
    if (1..=LONGEST).contains(&name.bytes().len()) {
        return Ok(());
    }
    Err(invalid_name(name).detail(format!("It must have between 1 and {LONGEST} bytes.")))
}

fn invalid_name(name: ServerText) -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!(
            "invalid name of a ticket: \"{}\"",
            encoding::escape(&name.to_text())
        ),
    )
}
