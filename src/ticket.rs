//! Drawing tickets: the counter of a name, its blocks in shared memory, the next block.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use pgrx::prelude::*;

use crate::backend::BackendLocal;
use crate::counter::{self, Attempt, Settings};
use crate::error::{Failure, OrRaise, Outcome};
use crate::row::Row;
use crate::sequence::{Sequence, flushed, flushed_soon};
use crate::shmem;
use crate::text::{self, ServerText};
use crate::{clock, record};

/// A counter as a backend knows it.
#[derive(Clone, Copy)]
pub struct Counter {
    sequence: pg_sys::Oid,
    key: u64,
    /// Its blocks; `None` if there is no room for them in shared memory.
    entry: Option<&'static shmem::Counter>,
}

/// The counters that this backend has looked up, by name, until one of their relations changes.
static KNOWN: BackendLocal<Option<HashMap<Box<[u8]>, Counter>>> = BackendLocal::new(None);
/// The table that names them; invalid until it was looked up.
static TABLE: BackendLocal<pg_sys::Oid> = BackendLocal::new(pg_sys::InvalidOid);
static WATCHING: BackendLocal<bool> = BackendLocal::new(false);

/// The next number of a counter.
#[pg_extern(volatile, parallel_safe)]
fn ticket_next(name: ServerText) -> i64 {
    next(name).or_raise()
}

fn next(name: ServerText) -> Outcome<i64> {
    loop {
        let counter = match known(name) {
            Some(counter) => counter,
            None => look_up(name)?,
        };
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
        if !entry.belongs_to(counter.key) {
            // dropped meanwhile
            forget();
            continue;
        }
        check_for_interrupts!();
        fetch(counter, entry, name)?;
    }
}

fn known(name: ServerText) -> Option<Counter> {
    // nothing in between can end in an ERROR
    let map = KNOWN.replace(None)?;
    let counter = map.get(name.bytes()).copied();
    KNOWN.set(Some(map));
    counter
}

/// Looks all counters up again.
fn forget() {
    KNOWN.set(None);
    TABLE.set(pg_sys::InvalidOid);
}

#[pg_guard]
unsafe extern "C-unwind" fn on_invalidation(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    if relation == pg_sys::InvalidOid || relation == TABLE.get() {
        forget();
    } else if let Some(map) = KNOWN.replace(None) {
        let ours = map.values().any(|counter| counter.sequence == relation);
        KNOWN.set((!ours).then_some(map));
    }
}

/// The table that says which sequence is whose counter.
pub fn table() -> Outcome<pg_sys::Oid> {
    if TABLE.get() != pg_sys::InvalidOid {
        return Ok(TABLE.get());
    }
    if !WATCHING.replace(true) {
        // SAFETY: the callback stays valid as long as the process; it is registered once
        unsafe {
            pg_sys::CacheRegisterRelcacheCallback(Some(on_invalidation), pg_sys::Datum::from(0));
        }
    }
    let schema = record::extension()?.schema;
    // SAFETY: a catalog look-up by a valid C string
    let table = unsafe { pg_sys::get_relname_relid(c"snowflake_ticket".as_ptr(), schema) };
    if table == pg_sys::InvalidOid {
        return Err(Failure::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
            "relation \"snowflake_ticket\" of extension snowflake_pg is missing",
        )
        .hint("Run ALTER EXTENSION snowflake_pg UPDATE."));
    }
    TABLE.set(table);
    Ok(table)
}

/// The sequence of a counter, which may have been dropped; `None` if the name is not known.
pub fn sequence_of(name: ServerText) -> Outcome<Option<pg_sys::Oid>> {
    let table = table()?;
    let altered = || Failure::state("table \"snowflake_ticket\" was altered");
    // SAFETY: a scan of a table by its primary key, under the lock that it needs, with a catalog
    // snapshot, which parallel workers and read-only transactions have too. The columns and their
    // types are checked before.
    unsafe {
        let column = |column: &std::ffi::CStr, of: pg_sys::Oid| {
            let number = pg_sys::get_attnum(table, column.as_ptr());
            (number > 0 && pg_sys::get_atttype(table, number) == of).then_some(number)
        };
        let key_column = column(c"name", pg_sys::TEXTOID).ok_or_else(altered)?;
        let value_column = column(c"sequence", pg_sys::REGCLASSOID).ok_or_else(altered)?;
        let schema = pg_sys::get_rel_namespace(table);
        let index = pg_sys::get_relname_relid(c"snowflake_ticket_pkey".as_ptr(), schema);
        let relation = pg_sys::table_open(table, pg_sys::AccessShareLock as i32);
        let mut key = pg_sys::ScanKeyData::default();
        pg_sys::ScanKeyEntryInitialize(
            &mut key,
            0,
            key_column,
            pg_sys::BTEqualStrategyNumber as u16,
            pg_sys::InvalidOid,
            pg_sys::C_COLLATION_OID,
            pg_sys::Oid::from(pg_sys::F_TEXTEQ),
            name.datum(),
        );
        let scan = pg_sys::systable_beginscan(
            relation,
            index,
            index != pg_sys::InvalidOid,
            std::ptr::null_mut(),
            1,
            &mut key,
        );
        let row = pg_sys::systable_getnext(scan);
        let sequence = if row.is_null() {
            None
        } else {
            let mut is_null = false;
            let datum =
                pg_sys::heap_getattr(row, value_column.into(), (*relation).rd_att, &mut is_null);
            pg_sys::Oid::from_datum(datum, is_null)
        };
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(relation, pg_sys::AccessShareLock as i32);
        Ok(sequence)
    }
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
    shmem::key(unsafe { pg_sys::MyDatabaseId }, sequence)
}

fn look_up(name: ServerText) -> Outcome<Counter> {
    let shared = shmem::shared()?;
    refuse_recovery()?;
    let oid = sequence_of(name)?.ok_or_else(|| missing(name))?;
    // not to raise it: whoever alters it keeps nobody from what is cached
    let sequence = checked(Sequence::open(oid), name)?;
    let file = sequence.file();
    sequence.close();
    let key = key(oid);
    let entry = shared.counter(key);
    if let Some(entry) = entry {
        entry.lock.with(|| settle_file(entry, key, file));
    }
    let counter = Counter {
        sequence: oid,
        key,
        entry,
    };
    let mut map = KNOWN.replace(None).unwrap_or_default();
    map.insert(name.bytes().into(), counter);
    KNOWN.set(Some(map));
    Ok(counter)
}

/// Opens a counter's sequence to raise it.
fn open(oid: pg_sys::Oid, name: ServerText) -> Outcome<Sequence> {
    checked(Sequence::open_to_raise(oid), name)
}

/// A sequence that numbers may be drawn from.
fn checked(sequence: Option<Sequence>, name: ServerText) -> Outcome<Sequence> {
    let refused = || Failure::state(format!("cannot draw ticket \"{}\"", name.to_text()));
    let Some(sequence) = sequence else {
        return Err(refused()
            .detail("Its sequence was dropped.")
            .hint("Drop the ticket by ticket_drop()."));
    };
    match sequence.problem().or_else(|| sequence.alteration()) {
        None => Ok(sequence),
        Some(problem) => {
            sequence.close();
            Err(refused().detail(problem))
        }
    }
}

/// Forgets the numbers of a file that the sequence no longer has: it was altered, and begins as it
/// is told. With the lock of the entry.
fn settle_file(entry: &shmem::Counter, key: u64, file: u32) {
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
    // SAFETY: catalog look-ups
    let answer = unsafe { pg_sys::pg_class_aclcheck(sequence, pg_sys::GetUserId(), either) };
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
fn claim_one(counter: Counter, name: ServerText) -> Outcome<i64> {
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
fn fetch_ahead(counter: Counter, entry: &shmem::Counter) -> Outcome<()> {
    let Some(sequence) = Sequence::open_at_once(counter.sequence) else {
        return Ok(());
    };
    if sequence.problem().is_none()
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
fn fetch(counter: Counter, entry: &shmem::Counter, name: ServerText) -> Outcome<()> {
    refuse_recovery()?;
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
    counter: Counter,
    entry: &shmem::Counter,
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
    let oid = sequence_of(name)?.ok_or_else(|| missing(name))?;
    check_privilege(oid, name)?;
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
CREATE FUNCTION snowflake_pg_ticket_state(sequence regclass, OUT next bigint, OUT step bigint, OUT block int, OUT last_block int, OUT cached bigint, OUT blocks bigint, OUT waits bigint)
VOLATILE STRICT PARALLEL RESTRICTED LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn snowflake_pg_ticket_state(sequence: pg_sys::Oid) -> Row<7> {
    state(sequence).or_raise()
}

fn state(oid: pg_sys::Oid) -> Outcome<Row<7>> {
    let shared = shmem::shared()?;
    let Some(sequence) = Sequence::open_to_read(oid) else {
        return Ok(Row([None; 7]));
    };
    if sequence.problem().is_some() {
        sequence.close();
        return Ok(Row([None; 7]));
    }
    let found =
        Settings::of(&sequence).and_then(|settings| Ok((settings, settings.next(&sequence)?)));
    sequence.close();
    let (settings, next) = found?;
    let [last_block, cached, blocks, waits] = match shared.known_counter(key(oid)) {
        None => [0; 4],
        Some(entry) => entry.lock.with(|| {
            let cache = &entry.cache;
            let queued = cache
                .queued()
                .map_or(0, |queued| u64::from(queued.block.count));
            [
                cache.latest_size().into(),
                cache.left() + queued,
                cache.blocks.load(Ordering::Relaxed),
                cache.waits.load(Ordering::Relaxed),
            ]
        }),
    };
    Ok(Row([
        next.map(Into::into),
        Some(settings.step.into()),
        Some((settings.block as i32).into()),
        Some((last_block as i32).into()),
        Some((cached as i64).into()),
        Some((blocks as i64).into()),
        Some((waits as i64).into()),
    ]))
}

/// A name that messages and DDL can do with.
pub fn check_name(name: ServerText) -> Outcome<()> {
    /// So that the name of the sequence, with its suffix, is no longer than an identifier.
    const LONGEST: usize = 56;
    if (1..=LONGEST).contains(&name.bytes().len()) {
        return Ok(());
    }
    Err(Failure::new(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!(
            "invalid name of a ticket: \"{}\"",
            text::escape(&name.to_text())
        ),
    )
    .detail(format!("It must have between 1 and {LONGEST} bytes.")))
}
