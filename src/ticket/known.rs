//! The counters that a backend knows: which sequence a name stands for, and which places it has in
//! shared memory.

use std::collections::{BTreeMap, HashSet};
use std::ffi::CStr;

use pgrx::prelude::*;

use crate::extension;
use crate::postgres::error::Outcome;
use crate::postgres::invalidation::{Kept, count_role_changes, role_changes};
use crate::postgres::name::Relation;
use crate::postgres::table::{Key, Table};
use crate::postgres::text::ServerText;
use crate::postgres::user;
use crate::shared::block_orders::{self, LONGEST_NAME};
use crate::shared::counters::CounterEntry;
use crate::shared::places;
use crate::shared::segment::{self, Shared};
use crate::ticket::counter::{self, refuse_recovery};
use crate::ticket::names;
use crate::ticket::no_ticket::NoTicket;

/// A counter as a backend knows it.
#[derive(Clone, Copy)]
pub struct KnownCounter {
    pub sequence: pg_sys::Oid,
    /// The table that names it.
    table: pg_sys::Oid,
    pub key: u64,
    /// Its blocks; `None` if there is no room for them in shared memory.
    pub entry: Option<&'static CounterEntry>,
    /// Where they are ordered, if they come from a registry.
    pub orders: Option<block_orders::Index>,
}

/// What the table says about a ticket.
#[derive(Clone, Copy)]
pub struct Named {
    /// Its sequence, which may have been dropped.
    pub sequence: pg_sys::Oid,
    /// Whether its numbers come from a registry. The sequence then has the owner, the privileges
    /// and the size of a block, but no numbers.
    pub registry: bool,
    /// Whether the sequence was made for the ticket for certain.
    confirmed: bool,
}

impl Named {
    /// Whether the sequence is the ticket's, and not one that merely has the OID which is left of
    /// the ticket's: of a row that a dump brought, it is told by its name.
    pub fn is_its_own(&self, name: ServerText) -> bool {
        self.confirmed
            || Relation::find(self.sequence).is_some_and(|relation| {
                relation.name.as_c_str().to_bytes() == names::of_sequence(name)
            })
    }

    /// Refuses another sequence than the ticket's.
    pub fn check(&self, name: ServerText) -> Result<(), NoTicket> {
        if self.is_its_own(name) {
            return Ok(());
        }
        Err(match Relation::find(self.sequence) {
            None => NoTicket::Dropped,
            Some(relation) => NoTicket::Foreign(relation),
        })
    }
}

/// The counters that this backend has looked up, by name.
static KNOWN: Kept<BTreeMap<Box<[u8]>, KnownCounter>> = Kept::new(|counters, changed| {
    let depends = |counter: &KnownCounter| [counter.sequence, counter.table].contains(&changed);
    counters.values().any(depends)
});
/// The table that names them.
static TABLE: Kept<pg_sys::Oid> = Kept::new(|table, changed| *table == changed);

/// The counter of a name, looked up unless it is known.
pub fn counter(name: ServerText) -> Result<KnownCounter, NoTicket> {
    KNOWN.get_or_find(name.bytes(), || look_up(name))
}

/// A counter that a user was allowed to draw from.
#[derive(Clone, Copy)]
struct Allowed {
    /// The name, with zeros behind it.
    name: [u8; LONGEST_NAME],
    length: usize,
    counter: KnownCounter,
    user: pg_sys::Oid,
    /// What [`role_changes`] was before that was looked up. A change of the sequence, and of who
    /// may use it, drops the whole.
    roles: u64,
}

/// As many as most statements use, each in the place that its name says.
static ALLOWED: [Kept<Allowed>; 8] = [const {
    Kept::new(|allowed: &Allowed, changed| {
        [allowed.counter.sequence, allowed.counter.table].contains(&changed)
    })
}; 8];

#[inline(always)]
fn place_of(name: &[u8]) -> &'static Kept<Allowed> {
    let (first, last) = match name {
        [] => (0, 0),
        [first, ..] => (*first, name[name.len() - 1]),
    };
    let place = name.len() + usize::from(first) + usize::from(last);
    &ALLOWED[place % ALLOWED.len()]
}

/// The counter of a name, if this user may draw from it and that was looked up before.
#[inline(always)]
pub fn known_to_be_allowed(name: &[u8]) -> Option<KnownCounter> {
    let allowed = place_of(name).get()?;
    let is_same = allowed.name.get(..allowed.length) == Some(name)
        && allowed.user == user::current()
        && allowed.roles == role_changes();
    is_same.then_some(allowed.counter)
}

/// The counter of a name, from which this user may draw.
pub fn allowed(name: ServerText) -> Result<KnownCounter, NoTicket> {
    count_role_changes();
    let find = || -> Result<Allowed, NoTicket> {
        let (roles, user) = (role_changes(), user::current());
        let counter = counter(name)?;
        counter::check_privilege(counter.sequence)?;
        let mut allowed = Allowed {
            name: [0; LONGEST_NAME],
            length: name.bytes().len(),
            counter,
            user,
            roles,
        };
        if let Some(space) = allowed.name.get_mut(..allowed.length) {
            space.copy_from_slice(name.bytes());
        }
        Ok(allowed)
    };
    Ok(place_of(name.bytes()).renew(find)?.counter)
}

/// Looks all of them up again.
pub fn forget() {
    KNOWN.forget();
    TABLE.forget();
    ALLOWED.iter().for_each(Kept::forget);
}

impl KnownCounter {
    /// Whether it still has the places in shared memory that it had.
    pub fn has_its_places(&self) -> Outcome<bool> {
        let orders = segment::shared()?.block_orders();
        let can_order = self.orders.is_none_or(|index| orders.has(index, self.key));
        let has_entry = self.entry.is_none_or(|entry| entry.belongs_to(self.key));
        Ok(can_order && has_entry)
    }
}

/// The table that says which sequence is whose counter.
pub fn table() -> Outcome<pg_sys::Oid> {
    TABLE.get_or(find_table)
}

fn find_table() -> Outcome<pg_sys::Oid> {
    extension::relation(extension::find()?.schema, c"snowflake_ticket")
        .map_err(|missing| missing.hint("Run ALTER EXTENSION snowflake_pg UPDATE."))
}

/// The column of the table that version 0.2.0 of the extension does not have.
const CONFIRMED: &CStr = c"confirmed";

/// Whether the table says which sequences are those of their tickets for certain.
pub fn has_confirmations() -> Outcome<bool> {
    let table = Table::open(table()?, "snowflake_ticket")?;
    let has = table.column(CONFIRMED, pg_sys::BOOLOID).is_ok();
    table.close();
    Ok(has)
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
    let confirmed = table.column(CONFIRMED, pg_sys::BOOLOID).ok();
    let named = table.find(Some(key), |row| {
        let is_true = |column| row.value(column).is_some_and(|flag| flag.value() & 1 != 0);
        Some(Named {
            sequence: row.oid(sequence)?,
            registry: is_true(registry),
            confirmed: confirmed.is_none_or(is_true),
        })
    });
    table.close();
    Ok(named)
}

/// The sequences of all tickets.
fn all_named() -> Outcome<HashSet<pg_sys::Oid>> {
    let table = Table::open(table()?, "snowflake_ticket")?;
    let sequence = table.column(c"sequence", pg_sys::REGCLASSOID)?;
    let named = table.all(|row| row.oid(sequence));
    table.close();
    Ok(named)
}

fn look_up(name: ServerText) -> Result<KnownCounter, NoTicket> {
    let shared = segment::shared()?;
    refuse_recovery()?;
    let named = named(name)?.ok_or(NoTicket::Missing)?;
    named.check(name)?;
    // for reading only, so that a concurrent ALTER SEQUENCE does not block callers who draw from
    // the cache
    let sequence = counter::open(named.sequence)?;
    let key = segment::key(named.sequence);
    // while it is open it cannot be dropped, and the places that it gets are its own
    if let Some(creator) = sequence.creator() {
        places::taken_by_new(key, creator);
    }
    let mut entry = shared.counters().entry(key);
    if entry.is_none() {
        places::sweep(shared, all_named)?;
        entry = shared.counters().entry(key);
    }
    if let Some(entry) = entry {
        let file = sequence.file();
        entry.lock.with(|| entry.follow(key, file));
    }
    let orders = named
        .registry
        .then(|| place_for_orders(shared, key, name, entry.is_some()))
        .transpose();
    sequence.close();
    Ok(KnownCounter {
        sequence: named.sequence,
        table: table()?,
        key,
        entry,
        orders: orders?,
    })
}

/// Where the blocks of a registry's ticket are ordered.
fn place_for_orders(
    shared: Shared,
    key: u64,
    name: ServerText,
    is_cached: bool,
) -> Result<block_orders::Index, NoTicket> {
    let name = names::in_registry(name)?;
    if !is_cached {
        return Err(NoTicket::NoRoomForBlocks);
    }
    let mut place = shared.block_orders().place(key, name);
    if place.is_none() {
        places::sweep(shared, all_named)?;
        place = shared.block_orders().place(key, name);
    }
    place.ok_or(NoTicket::NoRoomForOrders)
}
