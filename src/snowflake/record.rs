//! What a database records: its layout, and where its objects are.

use pgrx::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::snowflake::Layout;

use crate::extension;
use crate::postgres::backend::BackendLocal;
use crate::postgres::encoding;
use crate::postgres::error::{Failure, OrRaise, Outcome};
use crate::postgres::invalidation;
use crate::postgres::sql::{self, Sql};
use crate::postgres::table::{Table, Tuple};
use crate::postgres::text::Text;
use crate::postgres::trigger::{self, RowChange, TriggerResult};
use crate::settings;
use crate::snowflake::layouts;
use crate::snowflake::mark;
use crate::snowflake::session;

extension_sql_file!(
    "record.sql",
    name = "record",
    requires = [snowflake_pg_server_layout, snowflake_pg_replace_record]
);

/// The relations of the extension in this database.
#[derive(Clone, Copy)]
pub struct Relations {
    /// Table `snowflake_recorded_layout`.
    pub layout: pg_sys::Oid,
    /// Sequence `snowflake_mark`.
    pub mark: pg_sys::Oid,
}

static RELATIONS: BackendLocal<Option<Relations>> = BackendLocal::new(None);

/// The relations, found by way of the extension's schema and not of the search path.
pub fn relations() -> Outcome<Relations> {
    if let Some(relations) = RELATIONS.get() {
        return Ok(relations);
    }
    let (relations, lasting) = invalidation::look_up(find_relations);
    if lasting {
        RELATIONS.set(relations.as_ref().ok().copied());
    }
    relations
}

fn find_relations() -> Outcome<Relations> {
    let schema = extension::find()?.schema;
    let find = |name| {
        extension::relation(schema, name).map_err(|failure| {
            failure.hint("If it was renamed or moved to another schema, undo that.")
        })
    };
    Ok(Relations {
        layout: find(c"snowflake_recorded_layout")?,
        mark: find(c"snowflake_mark")?,
    })
}

/// Forgets what was looked up, if it has to do with a relation; `InvalidOid` stands for any.
pub fn relation_changed(relation: pg_sys::Oid) {
    let ours = RELATIONS.get().is_some_and(|relations| {
        [relations.layout, relations.mark, pg_sys::InvalidOid].contains(&relation)
    });
    if ours {
        RELATIONS.set(None);
        layouts::forget_record();
        session::forget();
    }
}

/// The table of the record.
const TABLE: &str = "snowflake_recorded_layout";

/// Its row.
struct Row {
    layout: String,
    /// The transaction that wrote it.
    writer: pg_sys::TransactionId,
}

/// Reads the record.
fn read(relations: Relations) -> Outcome<Row> {
    let table = Table::open(relations.layout, TABLE)?;
    let column = table.column(c"layout", pg_sys::TEXTOID)?;
    let row = table.find(None, |row| {
        Some(Row {
            layout: text_of(row, column)?,
            writer: row.writer(),
        })
    });
    table.close();
    row.ok_or_else(|| {
        Failure::state("table \"snowflake_recorded_layout\" is empty")
            .detail("The database does not say which layout its IDs have.")
            .hint("Insert the layout that they were generated with.")
    })
}

/// A column that was checked to be a text.
fn text_of(row: &Tuple, column: i16) -> Option<String> {
    let datum = row.value(column)?;
    // SAFETY: it is one
    unsafe { encoding::from_datum(datum, false) }
}

/// Refuses to give out a database's first ID while the record can still be rolled back, which would
/// leave an ID of another layout than recorded. A record that comes and goes with the extension is
/// no risk.
pub fn check_settled(relations: Relations) -> Outcome<()> {
    let writer = read(relations)?.writer;
    // SAFETY: asks for the state of this transaction
    let current = unsafe { pg_sys::TransactionIdIsCurrentTransactionId(writer) };
    if current && extension::find()?.writer != writer {
        return Err(
            Failure::state("the layout of the database was changed in this transaction")
                .hint("Commit before the first ID."),
        );
    }
    Ok(())
}

/// The layout that the database records.
pub fn recorded(relations: Relations) -> Outcome<Layout> {
    // its epoch was compared with the clock when it was recorded
    Ok(Layout::parse(
        &read(relations)?.layout,
        Timestamp::INFINITY,
    )?)
}

/// Refuses to generate unless the server runs with the layout that the database records.
pub fn check(relations: Relations) -> Outcome<Layout> {
    let (server, database) = (settings::layout()?, recorded(relations)?);
    if server != database {
        return Err(Failure::state(format!(
            "the server runs with layout \"{}\", this database records \"{}\"",
            server.name(),
            database.name()
        ))
        .detail("IDs of two layouts in one database would collide and not sort.")
        .hint(
            "Set snowflake_pg.layout to the recorded layout and restart the server. Before the \
             first ID of the database, snowflake_set_layout() can change the record instead.",
        ));
    }
    Ok(database)
}

/// The layout that CREATE EXTENSION records.
#[pg_extern(volatile, parallel_restricted)]
fn snowflake_pg_server_layout() -> String {
    match crate::shared::segment::shared() {
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
    let layout = Layout::parse(text, crate::host::clock::wall())?;
    let relations = relations()?;
    // SAFETY: locks a relation until the end of the transaction: generation of the first ID reads
    // the record under a lock that conflicts, and stores the mark before it lets go of it.
    unsafe {
        pg_sys::LockRelationOid(relations.layout, pg_sys::AccessExclusiveLock as i32);
    }
    if mark::used(relations)? {
        return Err(
            Failure::state(format!("cannot change the layout to \"{}\"", layout.name()))
                .detail(format!(
                    "This database has given out IDs of layout \"{}\".",
                    recorded(relations)?.name()
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
    let table = relations()?.layout;
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
