//! SQL that a function runs, with the rights that it has, and the names to put into it.
//!
//! Names and statements stay in the encoding of the database, which need not be UTF-8. Statements
//! always see what is committed, and a statement that only reads does not take a transaction ID, so
//! that it works on a standby.

use std::ffi::{CStr, CString, c_char};
use std::fmt::{self, Display, Formatter};

use pgrx::prelude::*;

use crate::postgres::encoding;
use crate::postgres::error::{Failure, Outcome};

/// A value for `$1` and so on.
pub type Argument<'a> = pgrx::datum::DatumWithOid<'a>;

/// A name in the encoding of the database, as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(CString);

impl Name {
    /// Copies a C string that PostgreSQL answered; nothing for NULL.
    ///
    /// # Safety
    /// `name` is NULL or a C string.
    unsafe fn copy(name: *const c_char) -> Option<Self> {
        // SAFETY: as the caller promises
        (!name.is_null()).then(|| Self(unsafe { CStr::from_ptr(name) }.into()))
    }

    /// The name of a column.
    pub fn column(relation: pg_sys::Oid, number: i16) -> Option<Self> {
        // SAFETY: a catalog look-up that answers NULL for what is not there
        unsafe { Self::copy(pg_sys::get_attname(relation, number, true)) }
    }

    /// The name of a schema.
    pub fn schema(schema: pg_sys::Oid) -> Option<Self> {
        // SAFETY: as above
        unsafe { Self::copy(pg_sys::get_namespace_name(schema)) }
    }
}

impl From<&CStr> for Name {
    fn from(name: &CStr) -> Self {
        Self(name.into())
    }
}

/// For messages.
impl Display for Name {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&encoding::decode(self.0.to_bytes()))
    }
}

/// The name of a relation, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    schema: Name,
    name: Name,
}

impl Relation {
    /// Looks it up; nothing if it is gone. It stays true while the relation is locked.
    pub fn find(relation: pg_sys::Oid) -> Option<Self> {
        // SAFETY: catalog look-ups that answer NULL for what is not there
        unsafe {
            let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relation));
            Some(Self {
                schema: Name::copy(schema)?,
                name: Name::copy(pg_sys::get_rel_name(relation))?,
            })
        }
    }
}

/// For messages, without the schema, as PostgreSQL's own are.
impl Display for Relation {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.name.fmt(formatter)
    }
}

/// A statement in the encoding of the database.
#[derive(Default)]
pub struct Sql(Vec<u8>);

impl Sql {
    /// Begins with text of SQL, in ASCII.
    pub fn new(text: &str) -> Self {
        Self::default().text(text)
    }

    /// Goes on with text of SQL, in ASCII.
    pub fn text(mut self, text: &str) -> Self {
        self.0.extend(text.bytes());
        self
    }

    /// Goes on with a number.
    pub fn number(self, number: i64) -> Self {
        self.text(&number.to_string())
    }

    /// Goes on with a name, quoted.
    pub fn name(mut self, name: &Name) -> Self {
        // SAFETY: answers the C string that it got, or a quoted copy
        let quoted = unsafe { CStr::from_ptr(pg_sys::quote_identifier(name.0.as_ptr())) };
        self.0.extend(quoted.to_bytes());
        self
    }

    /// Goes on with another piece.
    pub fn append(mut self, piece: Sql) -> Self {
        self.0.extend(piece.0);
        self
    }

    /// Goes on with a relation, quoted, by schema and name.
    pub fn relation(self, relation: &Relation) -> Self {
        self.name(&relation.schema).text(".").name(&relation.name)
    }
}

/// For messages.
impl Display for Sql {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&encoding::decode(&self.0))
    }
}

/// A row of a result.
pub struct Row {
    tuple: pg_sys::HeapTuple,
    descriptor: pg_sys::TupleDesc,
}

impl Row {
    /// A column, counted from 1.
    fn datum(&self, column: i32) -> (pg_sys::Datum, bool) {
        let mut is_null = true;
        // SAFETY: tuple and descriptor belong together; a column that is not there is NULL
        let datum =
            unsafe { pg_sys::SPI_getbinval(self.tuple, self.descriptor, column, &mut is_null) };
        (datum, is_null)
    }

    /// A column of the type that PostgreSQL has for this one; text is read by `text`.
    pub fn value<T: FromDatum + IntoDatum>(&self, column: i32) -> Option<T> {
        // SAFETY: reads the descriptor of the row
        let found = unsafe { pg_sys::SPI_gettypeid(self.descriptor, column) };
        if !T::is_compatible_with(found) {
            return None;
        }
        let (datum, is_null) = self.datum(column);
        // SAFETY: it has the type
        unsafe { T::from_datum(datum, is_null) }
    }

    pub fn flag(&self, column: i32) -> bool {
        self.value(column).unwrap_or(false)
    }

    pub fn oid(&self, column: i32) -> pg_sys::Oid {
        self.value(column).unwrap_or(pg_sys::InvalidOid)
    }

    pub fn short(&self, column: i32) -> i16 {
        self.value(column).unwrap_or(0)
    }

    pub fn long(&self, column: i32) -> Option<i64> {
        self.value(column)
    }

    /// A column of type text, in UTF-8.
    pub fn text(&self, column: i32) -> Option<String> {
        self.bytes(column).map(encoding::decode)
    }

    /// A column of type text that is a piece of SQL, as PostgreSQL writes expressions.
    pub fn sql(&self, column: i32) -> Option<Sql> {
        self.bytes(column).map(|bytes| Sql(bytes.into()))
    }

    fn bytes(&self, column: i32) -> Option<&[u8]> {
        let (datum, is_null) = self.datum(column);
        // SAFETY: reads the descriptor of the row
        let found = unsafe { pg_sys::SPI_gettypeid(self.descriptor, column) };
        if found != pg_sys::TEXTOID {
            return None;
        }
        // SAFETY: text and bytea have one representation
        unsafe { <&[u8]>::from_datum(datum, is_null) }
    }
}

/// Runs a statement, and reads the rows of its result.
pub fn rows<T>(sql: Sql, arguments: &[Argument], read: impl Fn(&Row) -> T) -> Outcome<Vec<T>> {
    execute(sql, arguments, || {
        let mut result = Vec::new();
        // SAFETY: NULL, or a result with so many rows
        if let Some(table) = unsafe { pg_sys::SPI_tuptable.as_ref() } {
            for number in 0..table.numvals as usize {
                result.push(read(&Row {
                    // SAFETY: one of them
                    tuple: unsafe { *table.vals.add(number) },
                    descriptor: table.tupdesc,
                }));
            }
        }
        result
    })
}

/// Runs a statement, and answers how many rows it has changed.
pub fn change(sql: Sql, arguments: &[Argument]) -> Outcome<u64> {
    // SAFETY: a variable of this process
    execute(sql, arguments, || unsafe { pg_sys::SPI_processed })
}

/// Runs a statement for what it does.
pub fn run(sql: Sql) -> Outcome<()> {
    change(sql, &[])?;
    Ok(())
}

/// Runs a statement, and looks at its result before that is freed. An ERROR unwinds past this
/// without running anything: PostgreSQL then disconnects from SPI itself.
fn execute<T>(sql: Sql, arguments: &[Argument], look: impl FnOnce() -> T) -> Outcome<T> {
    let internal = |message: &str| Failure::new(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, message);
    let sql = CString::new(sql.0).map_err(|_| internal("zero byte in a statement"))?;
    let mut types = Vec::with_capacity(arguments.len());
    let mut values = Vec::with_capacity(arguments.len());
    let mut nulls = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let value = argument.datum().map(|datum| datum.sans_lifetime());
        types.push(argument.oid());
        nulls.push(if value.is_none() { b'n' } else { b' ' } as c_char);
        values.push(value.unwrap_or(pg_sys::Datum::null()));
    }
    // SAFETY: the arrays have as many elements as there are arguments
    unsafe {
        if pg_sys::SPI_connect() < 0 {
            return Err(internal("SPI_connect failed"));
        }
        let status = pg_sys::SPI_execute_with_args(
            sql.as_ptr(),
            values.len() as i32,
            types.as_mut_ptr(),
            values.as_mut_ptr(),
            nulls.as_ptr(),
            false,
            0,
        );
        let result = (status >= 0).then(look);
        pg_sys::SPI_finish();
        result.ok_or_else(|| internal(&format!("SPI_execute failed: code {status}")))
    }
}

/// Runs statements that see nothing but what they name by schema: operators and functions are
/// PostgreSQL's own, whatever the caller's search path. An error leaves resetting to PostgreSQL.
pub fn with_system_path<T>(code: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    // SAFETY: sets a setting until the level ends, here or with the transaction
    let level = unsafe {
        let level = pg_sys::NewGUCNestLevel();
        pg_sys::set_config_option(
            c"search_path".as_ptr(),
            c"pg_catalog, pg_temp".as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
        level
    };
    let result = code();
    // SAFETY: ends the level that began above
    unsafe { pg_sys::AtEOXact_GUC(true, level) };
    result
}

/// Refuses where nothing can be changed.
pub fn refuse_read_only(function: &CStr) {
    // SAFETY: raises an error, or does nothing
    unsafe { pg_sys::PreventCommandIfReadOnly(function.as_ptr()) };
}

/// Refuses where a transaction does not see what others have committed since it began: such rows
/// would not be counted.
pub fn refuse_old_snapshot(function: &str) -> Outcome<()> {
    // SAFETY: reads a variable of this process
    if unsafe { pg_sys::XactIsoLevel } < pg_sys::XACT_REPEATABLE_READ as i32 {
        return Ok(());
    }
    Err(Failure::new(
        PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION,
        format!("{function} cannot run in a REPEATABLE READ or SERIALIZABLE transaction"),
    )
    .detail("It must see the rows that others have committed since the transaction began.")
    .hint("Run it in a READ COMMITTED transaction."))
}

/// Locks a relation until the end of the transaction, and answers its name; nothing if it is gone.
pub fn lock(relation: pg_sys::Oid, mode: u32) -> Option<Relation> {
    // SAFETY: takes a lock, after which the catalogs are read anew
    unsafe { pg_sys::LockRelationOid(relation, mode as i32) };
    Relation::find(relation)
}
