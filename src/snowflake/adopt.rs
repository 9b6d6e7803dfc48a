//! Turns the primary key of a table that exists into `bigint DEFAULT snowflake_next()`.

use pgrx::prelude::*;

use crate::host::clock;
use crate::postgres::error::{OrRaise, Outcome, Report};
use crate::postgres::name::Relation;
use crate::postgres::owner::RelationKind;
use crate::postgres::sql::{self, Sql};
use crate::postgres::text::NameArgument;
use crate::postgres::transaction;
use crate::postgres::user;
use crate::snowflake::adopt_obstacles;
use crate::snowflake::adopt_target::{Facts, Target};
use crate::snowflake::layouts;
use crate::snowflake::session;

/// What ALTER TABLE takes for a change of type.
const LOCK: u32 = pg_sys::AccessExclusiveLock;

/// Turns an integer, serial or identity primary key into `bigint DEFAULT snowflake_next()`, in this
/// transaction.
#[pg_extern(sql = r#"
CREATE FUNCTION snowflake_adopt("table" regclass, "column" name) RETURNS void
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn snowflake_adopt(table: pg_sys::Oid, column: NameArgument) {
    adopt(table, column).or_raise();
}

fn adopt(oid: pg_sys::Oid, column: NameArgument) -> Outcome<()> {
    transaction::refuse_read_only(c"snowflake_adopt()");
    transaction::refuse_old_snapshot("snowflake_adopt()")?;
    // before the lock, so that nobody can lock what belongs to others, and once more after it
    RelationKind::Table.check_alterable(oid)?;
    let name = Relation::lock(oid, LOCK).ok_or_else(|| RelationKind::Table.missing(oid))?;
    RelationKind::Table.check_alterable(oid)?;
    let target = Target::find(oid, name, column)?;
    let facts = sql::with_system_path(|| target.facts())?;
    if facts.adopted {
        let skipped = format!("{target} is DEFAULT snowflake_next() already, skipping");
        Report::new(skipped).notice();
        return Ok(());
    }
    sql::with_system_path(|| adopt_obstacles::check(&target, &facts))?;
    // this ID is discarded; it proves that the server can generate one
    let id = session::next()?;
    // other servers may be behind this one: the lowest ID of this instant
    let first = layouts::recorded()?.min_id(clock::wall())?.min(id);
    // constraints and indexes call functions, which may be anybody's
    user::as_owner(target.oid, || {
        adopt_obstacles::check_values(&target, first)?;
        adopt_obstacles::check_constraints(&target, id)
    })?;
    alter(&target, &facts)
}

/// Gives the column its type and its default, and drops the sequences that it no longer needs.
fn alter(target: &Target, facts: &Facts) -> Outcome<()> {
    let alter = |action: &str| {
        Sql::new("ALTER TABLE ")
            .relation(&target.table)
            .text(" ALTER COLUMN ")
            .name(&target.column)
            .text(action)
    };
    // the default of the old type goes first, it would be converted
    sql::run(alter(if facts.is_identity {
        " DROP IDENTITY"
    } else {
        " DROP DEFAULT"
    }))?;
    if !facts.is_bigint {
        // this evaluates constraints on every row
        user::as_owner(target.oid, || sql::run(alter(" TYPE pg_catalog.int8")))?;
    }
    let set = alter(" SET DEFAULT ").name(&target.generator);
    sql::run(set.text(".snowflake_next()"))?;
    for sequence in sql::with_system_path(|| owned_sequences(target))? {
        retire(sequence)?;
    }
    Ok(())
}

/// The sequences that are owned by the column, and what else uses each.
fn owned_sequences(target: &Target) -> Outcome<Vec<(pg_sys::Oid, Option<String>)>> {
    let sql = Sql::new(
        "SELECT d.objid, (SELECT min(pg_describe_object(u.classid, u.objid, u.objsubid))
                          FROM pg_depend u
                          WHERE u.refclassid = 'pg_class'::regclass AND u.refobjid = d.objid
                            AND u.deptype <> 'i')
         FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
         WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
           AND d.refobjid = $1 AND d.refobjsubid = $2 AND d.deptype = 'a'",
    );
    sql::rows(sql, &target.arguments(), |row| (row.oid(1), row.text(2)))
}

/// Drops a sequence of the column that nothing else uses.
fn retire((sequence, user): (pg_sys::Oid, Option<String>)) -> Outcome<()> {
    let Some(name) = Relation::find(sequence) else {
        return Ok(());
    };
    let Some(user) = user else {
        return sql::run(Sql::new("DROP SEQUENCE ").relation(&name));
    };
    Report::new(format!("sequence \"{name}\" is kept"))
        .detail(format!("It is used by {user}."))
        .notice();
    let keep = Sql::new("ALTER SEQUENCE ").relation(&name);
    sql::run(keep.text(" OWNED BY NONE"))
}
