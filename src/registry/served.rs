//! A registry of worker IDs in this database: the functions that a server calls to take, renew and
//! release a lease, and the role that may. What is granted is decided in `snowflake_core::lease`.
//!
//! The functions act with the rights of the extension's owner. Their search path is pinned, and
//! the tables are named with the schema that the extension is in at the moment.

use std::ffi::CStr;

use pgrx::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::lease::{self, Answer, LONGEST, Lease, Request, Terms};
use snowflake_core::snowflake::Layout;

use crate::extension;
use crate::host::clock;
use crate::postgres::datum::Uuid;
use crate::postgres::error::{Failure, OrRaise, Outcome};
use crate::postgres::role;
use crate::postgres::text::Text;
use crate::postgres::transaction;
use crate::postgres::trigger::{self, TriggerResult};
use crate::registry::lease_row::{self, LeaseRow};
use crate::registry::proof;
use crate::registry::served_tables::{RegistryRow, Tables};

extension_sql_file!(
    "served.sql",
    name = "registry",
    requires = [
        snowflake_pg_create_member_role,
        snowflake_pg_replace_registry,
        snowflake_lease_take,
        snowflake_lease_release
    ]
);

/// The role that servers log in as members of.
const MEMBER: &CStr = c"snowflake_member";

/// The longest name of an identity or a host.
const LONGEST_NAME: usize = 255;

/// Takes or renews a lease. The answer is durable once the command is complete, not before.
#[allow(clippy::too_many_arguments)]
#[pg_extern(sql = r#"
CREATE FUNCTION snowflake_lease_take(layout text, identity text, nonce uuid, host_name text, clock bigint, max_lead bigint, length bigint, fixed_worker integer, held_worker integer, held_not_before bigint, held_not_after bigint, OUT outcome text, OUT worker_id integer, OUT not_before bigint, OUT not_after bigint, OUT contested_by text, OUT detail text)
VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn snowflake_lease_take(
    layout: Option<Text>,
    identity: Option<Text>,
    nonce: Option<Uuid>,
    host_name: Option<Text>,
    clock: Option<i64>,
    max_lead: Option<i64>,
    length: Option<i64>,
    fixed_worker: Option<i32>,
    held_worker: Option<i32>,
    held_not_before: Option<i64>,
    held_not_after: Option<i64>,
) -> LeaseRow {
    let take = || {
        check_caller(c"snowflake_lease_take()")?;
        let layout = namespace(layout)?;
        let request = Request {
            identity: name(identity, "identity")?,
            nonce: proof::of(present(nonce, "nonce")?.0),
            host_name: name(host_name, "host_name")?,
            clock: present(clock, "clock")?,
            max_lead: within(max_lead, "max_lead", 0, i64::MAX)?,
            length: within(length, "length", 1, LONGEST)?,
            fixed: fixed_worker
                .map(|worker| layout.check_worker(worker))
                .transpose()?,
            held: held(&layout, held_worker, held_not_before, held_not_after)?,
        };
        take(&layout, &request)
    };
    lease_row::write(take().or_raise())
}

/// Gives a lease back from `mark` on, which no ID of the worker has reached. False if it is not the
/// caller's, or was given back before.
#[pg_extern(sql = r#"
CREATE FUNCTION snowflake_lease_release(layout text, worker_id integer, nonce uuid, mark bigint)
RETURNS boolean
STRICT VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn snowflake_lease_release(layout: Text, worker_id: i32, nonce: Uuid, mark: i64) -> bool {
    let release = || {
        check_caller(c"snowflake_lease_release()")?;
        let layout = namespace(Some(layout))?;
        let worker = layout.check_worker(worker_id)?;
        release(&layout, worker, proof::of(nonce.0), mark)
    };
    release().or_raise()
}

/// Refuses callers whose transaction would not do.
pub fn check_caller(function: &CStr) -> Outcome<()> {
    transaction::refuse_standby(function);
    transaction::refuse_read_only(function);
    let function = function.to_string_lossy();
    // the caller could act on an answer and then roll back, or keep all others waiting
    transaction::refuse_block(&function)?;
    // the function waits for its turn, and must then see what the others have stored
    transaction::refuse_other_isolation(&function)
}

pub fn invalid(message: String) -> Failure {
    Failure::new(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, message)
}

pub fn present<T>(argument: Option<T>, name: &str) -> Outcome<T> {
    argument.ok_or_else(|| {
        Failure::new(
            PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            format!("{name} must not be NULL"),
        )
    })
}

fn within(argument: Option<i64>, name: &str, least: i64, most: i64) -> Outcome<i64> {
    let value = present(argument, name)?;
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(invalid(format!("{name} {value} is out of range"))
        .detail(format!("It is {least} to {most} milliseconds.")))
}

/// Something that is stored, shown to people and written to logs.
pub fn name(argument: Option<Text>, name: &str) -> Outcome<String> {
    let text = present(argument, name)?;
    let (bytes, printable) = (text.bytes(), b' '..=b'~');
    if (1..=LONGEST_NAME).contains(&bytes.len())
        && bytes.iter().all(|byte| printable.contains(byte))
    {
        return Ok(text.as_str().into_owned());
    }
    Err(invalid(format!("invalid {name}")).detail(format!(
        "It has 1 to {LONGEST_NAME} printable ASCII characters."
    )))
}

/// The layout that worker IDs are leased for.
fn namespace(layout: Option<Text>) -> Outcome<Layout> {
    // its epoch is the caller's affair
    Ok(Layout::parse(
        &present(layout, "layout")?.as_str(),
        Timestamp::INFINITY,
    )?)
}

fn held(
    layout: &Layout,
    worker: Option<i32>,
    not_before: Option<i64>,
    not_after: Option<i64>,
) -> Outcome<Option<Lease>> {
    match (worker, not_before, not_after) {
        (None, None, None) => Ok(None),
        (Some(worker), Some(not_before), Some(not_after)) => Ok(Some(Lease {
            worker: layout.check_worker(worker)?,
            not_before,
            not_after,
        })),
        _ => Err(invalid(
            "held_worker, held_not_before and held_not_after must be given together".into(),
        )),
    }
}

fn take(layout: &Layout, request: &Request) -> Outcome<Answer> {
    let (tables, namespace) = (Tables::find()?, layout.namespace());
    // a grant that is lost could be given to another
    transaction::commit_durably();
    let registry = RegistryRow::lock(&tables)?;
    let entries = tables.entries(&namespace, None)?;
    let terms = Terms {
        // not before the lock was granted
        now: clock::wall().micros() / 1_000,
        tolerance: registry.tolerance,
        hold_until: registry.hold_until,
        longest: registry.longest,
        lost: registry.lost,
        workers: layout.largest_worker() + 1,
    };
    let decision = lease::decide(&terms, &entries, request);
    registry.store(&tables, &decision)?;
    for entry in &decision.entries {
        tables.store(&namespace, entry)?;
    }
    Ok(decision.answer)
}

fn release(layout: &Layout, worker: u32, nonce: u128, mark: i64) -> Outcome<bool> {
    let (tables, namespace) = (Tables::find()?, layout.namespace());
    RegistryRow::lock(&tables)?;
    let entries = tables.entries(&namespace, Some(worker))?;
    let entry = entries.first();
    match entry.and_then(|entry| lease::release(entry, nonce, mark)) {
        Some(released) => {
            tables.store(&namespace, &released)?;
            Ok(true)
        }
        None => Ok(false),
    }
}

/// Runs before the row of `snowflake_registry` is inserted, which takes the place of the one that
/// is there.
#[pg_extern(sql = r#"
CREATE FUNCTION snowflake_pg_replace_registry() RETURNS trigger LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn snowflake_pg_replace_registry(fcinfo: pg_sys::FunctionCallInfo) -> TriggerResult {
    replace(fcinfo).or_raise()
}

fn replace(fcinfo: pg_sys::FunctionCallInfo) -> Outcome<TriggerResult> {
    let schema = extension::find()?.schema;
    let table = extension::relation(schema, c"snowflake_registry")?;
    let name = extension::name(table)?;
    let function = "snowflake_pg_replace_registry()";
    Ok(trigger::before_only_row(fcinfo, function, table, &name)?.allow())
}

/// Creates the role of registered servers unless it exists.
#[pg_extern(volatile, parallel_unsafe)]
fn snowflake_pg_create_member_role() {
    role::create_unless_exists(MEMBER).or_raise();
}
