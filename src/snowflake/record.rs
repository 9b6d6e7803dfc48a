//! What a database records: its layout, and where its objects are.

use pgrx::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::snowflake::Layout;

use crate::extension;
use crate::postgres::encoding;
use crate::postgres::error::{Failure, Outcome};
use crate::postgres::invalidation::Kept;
use crate::postgres::table::{Table, Tuple};
use crate::settings;

/// The relations of the extension in this database.
#[derive(Clone, Copy)]
pub struct Relations {
    /// Table `snowflake_recorded_layout`.
    pub layout: pg_sys::Oid,
    /// Sequence `snowflake_mark`.
    pub mark: pg_sys::Oid,
}

impl Relations {
    /// Whether a relation is one of them.
    pub fn have(&self, relation: pg_sys::Oid) -> bool {
        [self.layout, self.mark].contains(&relation)
    }
}

static RELATIONS: Kept<Relations> = Kept::new(|relations, changed| relations.have(changed));

/// The relations, found by way of the extension's schema and not of the search path.
pub fn relations() -> Outcome<Relations> {
    RELATIONS.get_or(find_relations)
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

/// The table of the record.
pub const TABLE: &str = "snowflake_recorded_layout";

/// Its row.
struct RecordedLayout {
    layout: String,
    /// The transaction that wrote it.
    writer: pg_sys::TransactionId,
}

/// Reads the record.
fn read(relations: Relations) -> Outcome<RecordedLayout> {
    let table = Table::open(relations.layout, TABLE)?;
    let column = table.column(c"layout", pg_sys::TEXTOID)?;
    let row = table.find(None, |row| {
        Some(RecordedLayout {
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
pub fn text_of(row: &Tuple, column: i16) -> Option<String> {
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
