//! Giving a sequence the numbers of a node. The arithmetic is in `snowflake_core::stride`.

use pgrx::prelude::*;
use snowflake_core::stride::{Alteration, Stride};

use crate::postgres::error::{Failure, OrRaise, Outcome};
use crate::postgres::name::Relation;
use crate::postgres::owner::RelationKind;
use crate::postgres::sql::{self, Sql};
use crate::postgres::transaction;
use crate::stride::column::Column;
use crate::stride::label;
use crate::stride::sequence;

/// What ALTER SEQUENCE takes. It waits for transactions that have called nextval(), and its rewrite
/// makes sessions forget the numbers that they have cached.
const ALTER_LOCK: u32 = pg_sys::ShareRowExclusiveLock;

/// Makes a sequence give only the numbers of a node, above what exists. Returns the first of them.
#[pg_extern(sql = r#"
CREATE FUNCTION stride_sequence(sequence regclass, node int, nodes int) RETURNS bigint
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn stride_sequence(sequence: pg_sys::Oid, node: i32, nodes: i32) -> i64 {
    set(sequence, node, nodes).or_raise()
}

fn set(oid: pg_sys::Oid, node: i32, nodes: i32) -> Outcome<i64> {
    let stride = Stride::new(node, nodes)?;
    transaction::refuse_read_only(c"stride_sequence()");
    transaction::refuse_old_snapshot("stride_sequence()")?;
    // before the lock, so that nobody can lock what belongs to others, and once more after it
    check_settable(oid)?;
    // tables come first, as when one is dropped or truncated along with its sequence
    sql::with_system_path(|| Column::lock_all(oid, Column::check_visible))?;
    let missing = || RelationKind::Sequence.missing(oid);
    let name = Relation::lock(oid, ALTER_LOCK).ok_or_else(missing)?;
    check_settable(oid)?;
    let found = sql::with_system_path(|| {
        let (sequence, _) = sequence::read(oid)?.ok_or_else(missing)?;
        let mut in_use = None;
        for column in Column::lock_all(oid, Column::check_visible)? {
            in_use = in_use.max(column.largest()?);
        }
        Ok((sequence.adopt(stride, in_use)?, sequence.cycle))
    });
    let (change, cycle) = found?;
    alter(&name, &change, cycle)?;
    label::record(oid, stride);
    Ok(change.next)
}

fn alter(name: &Relation, change: &Alteration, cycle: bool) -> Outcome<()> {
    let mut alter = Sql::new("ALTER SEQUENCE ")
        .relation(name)
        .text(" INCREMENT BY ")
        .number(change.increment);
    if cycle {
        alter = alter.text(" MINVALUE ").number(change.min);
    }
    let alter = alter.text(" START WITH ").number(change.start);
    sql::run(alter.text(" RESTART WITH ").number(change.next))
}

/// Refuses what is no sequence, not the caller's to alter, or an extension's.
fn check_settable(oid: pg_sys::Oid) -> Outcome<()> {
    RelationKind::Sequence.check_alterable(oid)?;
    let sql = Sql::new(
        "SELECT extname::text FROM pg_depend JOIN pg_extension e ON e.oid = refobjid
         WHERE classid = 'pg_class'::regclass AND objid = $1
           AND refclassid = 'pg_extension'::regclass AND deptype = 'e'",
    );
    let extensions = sql::with_system_path(|| sql::rows(sql, &[oid.into()], |row| row.text(1)));
    let Some(extension) = extensions?.pop().flatten() else {
        return Ok(());
    };
    let name = Relation::find(oid).ok_or_else(|| RelationKind::Sequence.missing(oid))?;
    Err(
        Failure::state(format!("cannot set a stride for sequence \"{name}\"")).detail(format!(
            "It belongs to extension \"{extension}\": pg_dump would not keep the stride."
        )),
    )
}
