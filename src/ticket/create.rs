//! Creating and dropping tickets: the sequence is the caller's, the row that names it is written
//! with the rights of the table's owner.

use std::ffi::CString;

use pgrx::prelude::*;

use crate::net::deadline::Deadline;
use crate::postgres::error::{Failure, OrRaise, Outcome, Report};
use crate::postgres::name::{Name, Relation};
use crate::postgres::sequence::Sequence;
use crate::postgres::sql::{self, Sql};
use crate::postgres::text::ServerText;
use crate::postgres::transaction;
use crate::postgres::user;
use crate::registry::protocol::{Definition, NoAnswer};
use crate::registry::setting;
use crate::settings;
use crate::shared::segment;
use crate::ticket::known;
use crate::ticket::names;
use crate::ticket::no_ticket::NoTicket;

extension_sql_file!(
    "create.sql",
    name = "ticket",
    requires = [
        ticket_create,
        ticket_create_step,
        ticket_drop,
        snowflake_ticket_define
    ]
);

/// Creates a counter: the first number, and how many a server claims at a time. It is created in
/// the registry that tickets come from, if one is set.
#[pg_extern(volatile, parallel_unsafe)]
fn ticket_create(name: ServerText, start: i64, block: i32) {
    let step = 1;
    create(name, Definition { start, block, step }).or_raise();
}

/// The same with a distance between two numbers.
#[pg_extern(volatile, parallel_unsafe, name = "ticket_create")]
fn ticket_create_step(name: ServerText, start: i64, block: i32, step: i32) {
    create(name, Definition { start, block, step }).or_raise();
}

/// Creates a counter in this database, for a server that comes for blocks of it, unless it exists;
/// returns whether it did not.
#[pg_extern(volatile, parallel_unsafe)]
fn snowflake_ticket_define(name: ServerText, start: i64, block: i32, step: i32) -> bool {
    define(name, Definition { start, block, step }).or_raise()
}

/// Drops a counter and its sequence; that of a registry stays as it is there.
#[pg_extern(volatile, parallel_unsafe)]
fn ticket_drop(name: ServerText) {
    drop_counter(name).or_raise();
}

fn create(name: ServerText, definition: Definition) -> Outcome<()> {
    // before anything is created in a registry, which no rollback here takes back
    transaction::refuse_read_only(c"ticket_create()");
    check(name, definition)?;
    if is_taken(name)? {
        return Err(Failure::new(
            PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
            format!("ticket \"{}\" already exists", name.to_text()),
        ));
    }
    let Some(setting) = settings::ticket_registry() else {
        return add(name, definition, false);
    };
    create_remotely(name, definition, &setting)?;
    // else this database is the registry
    if is_taken(name)? {
        return Ok(());
    }
    add(name, definition, true)
}

fn define(name: ServerText, definition: Definition) -> Outcome<bool> {
    check(name, definition)?;
    if is_taken(name)? {
        return Ok(false);
    }
    add(name, definition, false)?;
    Ok(true)
}

/// How long a registry may take to create a counter, in microseconds.
const PATIENCE: i64 = 10_000_000;

/// Creates the counter in the registry, unless it is there.
fn create_remotely(name: ServerText, definition: Definition, setting: &str) -> Outcome<()> {
    let text = names::in_registry(name)?.to_string();
    let failed = |problem: String| {
        Failure::new(
            PgSqlErrorCode::ERRCODE_CONNECTION_EXCEPTION,
            format!("cannot create ticket \"{text}\" in the registry"),
        )
        .detail_of(&problem)
    };
    let deadline = Deadline::within(PATIENCE);
    let existed = setting::open(setting)
        .define(&text, definition, deadline)
        .map_err(|NoAnswer(problem)| {
            failed(problem).hint(
                "If it is a matter of privileges: create the ticket in the database of the \
                 registry, grant USAGE on its sequence to the role that this server logs in as, \
                 and create the ticket here again.",
            )
        })?;
    if existed {
        Report::new(format!(
            "ticket \"{text}\" already exists in the registry; its start and step stay as they are"
        ))
        .notice();
    }
    Ok(())
}

fn check(name: ServerText, definition: Definition) -> Outcome<()> {
    names::check(name)?;
    let Definition { block, step, .. } = definition;
    for (argument, value) in [("block", block), ("step", step)] {
        if value < 1 {
            return Err(Failure::new(
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("{argument} must be positive, not {value}"),
            ));
        }
    }
    Ok(())
}

/// Whether there is a ticket of that name. One whose sequence was dropped leaves the name free.
fn is_taken(name: ServerText) -> Outcome<bool> {
    match known::named(name)? {
        None => Ok(false),
        Some(named) if exists(named.sequence) => Ok(true),
        Some(_) => {
            delete_row(known::table()?, name)?;
            Ok(false)
        }
    }
}

/// Creates the sequence and the row that names it.
fn add(name: ServerText, definition: Definition, registry: bool) -> Outcome<()> {
    let table = known::table()?;
    let sequence = create_sequence(name, definition, registry)?;
    let insert = Sql::new("INSERT INTO ").relation(&find(table)?);
    let insert = insert.text(if known::has_confirmations()? {
        " (name, sequence, registry, confirmed) VALUES ($1, $2, $3, true)"
    } else {
        " (name, sequence, registry) VALUES ($1, $2, $3)"
    });
    let values = [name.into(), sequence.into(), registry.into()];
    user::as_owner(table, || sql::change(insert, &values))?;
    tell(table);
    Ok(())
}

/// Creates the sequence that numbers come from; that of a ticket from a registry has none.
fn create_sequence(
    name: ServerText,
    definition: Definition,
    registry: bool,
) -> Outcome<pg_sys::Oid> {
    let relation =
        CString::new(names::of_sequence(name)).map_err(|_| NoTicket::Missing.failure(name))?;
    let schema = creation_schema()?;
    let Definition { start, block, step } = definition;
    let create = Sql::new("CREATE SEQUENCE ")
        .name(&Name::schema(schema).ok_or_else(gone)?)
        .text(".")
        .name(&Name::from(relation.as_c_str()));
    sql::run(create.text(&if registry {
        // without numbers: nextval() refuses
        format!(" AS bigint MINVALUE 0 MAXVALUE 1 START WITH 1 CACHE {block} NO CYCLE")
    } else {
        format!(
            " AS bigint INCREMENT BY {step} MINVALUE {start} START WITH {start} CACHE {block} \
             NO CYCLE"
        )
    }))?;
    // SAFETY: a catalog look-up by a valid C string
    let sequence = unsafe { pg_sys::get_relname_relid(relation.as_ptr(), schema) };
    if !is_permanent(sequence) {
        return Err(
            Failure::state(format!("cannot create ticket \"{}\"", name.to_text()))
                .detail("Its sequence would be temporary."),
        );
    }
    if registry {
        let start = Sql::new("SELECT pg_catalog.setval($1, $2)");
        sql::change(start, &[sequence.into(), 1_i64.into()])?;
    }
    Ok(sequence)
}

fn is_permanent(sequence: pg_sys::Oid) -> bool {
    Sequence::open(sequence).is_some_and(|sequence| {
        let permanent = sequence.problem().is_none();
        sequence.close();
        permanent
    })
}

fn drop_counter(name: ServerText) -> Outcome<()> {
    let table = known::table()?;
    let named = known::named(name)?.ok_or_else(|| NoTicket::Missing.failure(name))?;
    let sequence = named.sequence;
    // another one than the ticket's stays where it is
    if exists(sequence) && named.is_its_own(name) {
        // refuses a caller who does not own it
        sql::run(Sql::new("DROP SEQUENCE ").relation(&find(sequence)?))?;
        if let Ok(shared) = segment::shared() {
            // nobody claims numbers until this transaction ends: it has the sequence locked
            let key = segment::key(sequence);
            shared.counters().forget(key);
            shared.block_orders().forget(key);
        }
    }
    delete_row(table, name)
}

/// Removes the row of a counter.
fn delete_row(table: pg_sys::Oid, name: ServerText) -> Outcome<()> {
    let delete = Sql::new("DELETE FROM ")
        .relation(&find(table)?)
        .text(" WHERE name OPERATOR(pg_catalog.=) $1");
    user::as_owner(table, || sql::change(delete, &[name.into()]))?;
    tell(table);
    Ok(())
}

/// Makes all backends, at commit, look counters up again.
fn tell(table: pg_sys::Oid) {
    // SAFETY: queues a message about a relation that exists
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(table) };
}

fn exists(relation: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up
    unsafe { !pg_sys::get_rel_name(relation).is_null() }
}

/// The schema in which CREATE without a schema creates.
fn creation_schema() -> Outcome<pg_sys::Oid> {
    // SAFETY: returns a list of OIDs
    let schema = unsafe {
        let path = pg_sys::fetch_search_path(false);
        if path.is_null() || (*path).length == 0 {
            None
        } else {
            Some((*(*path).elements).oid_value)
        }
    };
    schema.ok_or_else(|| {
        Failure::new(
            PgSqlErrorCode::ERRCODE_INVALID_SCHEMA_NAME,
            "no schema has been selected to create in",
        )
    })
}

/// The name of a relation.
fn find(relation: pg_sys::Oid) -> Outcome<Relation> {
    Relation::find(relation).ok_or_else(gone)
}

fn gone() -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
        "a schema or relation was dropped",
    )
}
