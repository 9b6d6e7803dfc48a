//! Recording the layout of a database: by CREATE EXTENSION, before the first ID, and when a dump is
//! restored.

use pgrx::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::snowflake::Layout;

use crate::extension;
use crate::host::clock;
use crate::postgres::error::{Failure, OrRaise, Outcome};
use crate::postgres::sql::{self, Sql};
use crate::postgres::table::Table;
use crate::postgres::text::Text;
use crate::postgres::trigger::{self, RowChange, TriggerResult};
use crate::settings;
use crate::shared::segment;
use crate::snowflake::mark;
use crate::snowflake::record::{self, TABLE, text_of};

extension_sql_file!(
    "record.sql",
    name = "record",
    requires = [
        snowflake_pg_server_layout,
        snowflake_pg_replace_record,
        snowflake_set_layout
    ]
);

/// The layout that CREATE EXTENSION records.
#[pg_extern(volatile, parallel_restricted)]
fn snowflake_pg_server_layout() -> String {
    match segment::shared() {
        Ok(_) => settings::layout().or_raise().name().into(),
        Err(_) => Layout::twitter().name().into(),
    }
}
/// Records another layout, before the first ID.
#[pg_extern(volatile, parallel_unsafe)]
fn snowflake_set_layout(layout: Text) {
    set_layout(&layout.as_str()).or_raise();
}

fn set_layout(text: &str) -> Outcome<()> {
    let layout = Layout::parse(text, clock::wall())?;
    let relations = record::relations()?;
    // SAFETY: locks a relation until the end of the transaction: generation of the first ID reads
    // the record under a lock that conflicts, and stores the mark before it lets go of it.
    unsafe {
        pg_sys::LockRelationOid(relations.layout, pg_sys::AccessExclusiveLock as i32);
    }
    if mark::is_used(relations)? {
        return Err(
            Failure::state(format!("cannot change the layout to \"{}\"", layout.name()))
                .detail(format!(
                    "This database has given out IDs of layout \"{}\".",
                    record::recorded(relations)?.name()
                ))
                .hint("IDs of two layouts in one database would collide and not sort."),
        );
    }
    let update = Sql::new("UPDATE ").relation(&extension::name(relations.layout)?);
    // the trigger on the table tells all backends
    let rows = sql::change(update.text(" SET layout = $1"), &[layout.name().into()])?;
    if rows != 1 {
        return Err(Failure::state(format!(
            "table \"snowflake_recorded_layout\" has {rows} rows that can be updated, not 1"
        )));
    }
    Ok(())
}

/// Runs before the row of `snowflake_recorded_layout` is written or deleted: checks the layout, and
/// tells all backends to read the record again. A row that is inserted takes the place of the one
/// that is there.
#[pg_extern(sql = r#"
CREATE FUNCTION snowflake_pg_replace_record() RETURNS trigger LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn snowflake_pg_replace_record(fcinfo: pg_sys::FunctionCallInfo) -> TriggerResult {
    replace_record(fcinfo).or_raise()
}

fn replace_record(fcinfo: pg_sys::FunctionCallInfo) -> Outcome<TriggerResult> {
    let table = record::relations()?.layout;
    let name = extension::name(table)?;
    let function = "snowflake_pg_replace_record()";
    let change = trigger::before_only_row(fcinfo, function, table, &name)?;
    if let RowChange::Write(row) = change {
        let open = Table::open(table, TABLE)?;
        let column = open.column(c"layout", pg_sys::TEXTOID)?;
        // SAFETY: the trigger is one of this table
        let row = unsafe { open.row(row) };
        let layout = text_of(&row, column);
        open.close();
        Layout::parse(&layout.unwrap_or_default(), Timestamp::INFINITY)?;
    }
    // SAFETY: tells all backends, at commit, to read the record again
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(table) };
    Ok(change.allow())
}
