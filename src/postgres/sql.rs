//! SQL that a function runs, with the rights that it has.
//!
//! Statements stay in the encoding of the database, which need not be UTF-8. They always see what
//! is committed, and one that only reads does not take a transaction ID, so that it works on a
//! standby.

use std::ffi::{CStr, CString, c_char};
use std::fmt::{self, Display, Formatter};

use pgrx::prelude::*;

use crate::postgres::datum::Argument;
use crate::postgres::encoding;
use crate::postgres::error::{Failure, Outcome};
use crate::postgres::memory;
use crate::postgres::name::{Name, Relation};
use crate::postgres::parameter;

/// A statement in the encoding of the database.
#[derive(Default)]
pub struct Sql(Vec<u8>);

impl Sql {
    /// Begins with text of SQL, in ASCII.
    pub fn new(text: &str) -> Self {
        Self::default().text(text)
    }

    /// Goes on with text of SQL, in ASCII.
    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        memory::or_raise(self.0.try_reserve(bytes.len()));
        self.0.extend(bytes);
        self
    }

    /// Goes on with a number.
    pub fn number(self, number: i64) -> Self {
        self.text(&number.to_string())
    }

    /// Goes on with a name, quoted.
    pub fn name(self, name: &Name) -> Self {
        // SAFETY: returns the C string that it got, or a quoted copy
        let quoted = unsafe { CStr::from_ptr(pg_sys::quote_identifier(name.as_c_str().as_ptr())) };
        self.bytes(quoted.to_bytes())
    }

    /// Goes on with another piece.
    pub fn append(self, piece: Sql) -> Self {
        self.bytes(&piece.0)
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
pub struct ResultRow {
    tuple: pg_sys::HeapTuple,
    descriptor: pg_sys::TupleDesc,
}

impl ResultRow {
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
        self.bytes(column).map(|bytes| Sql::default().bytes(bytes))
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
pub fn rows<T>(
    sql: Sql,
    arguments: &[Argument],
    read: impl Fn(&ResultRow) -> T,
) -> Outcome<Vec<T>> {
    execute(sql, arguments, || {
        let mut result = Vec::new();
        // SAFETY: NULL, or a result that has as many rows as it says
        if let Some(table) = unsafe { pg_sys::SPI_tuptable.as_ref() } {
            for number in 0..table.numvals as usize {
                result.push(read(&ResultRow {
                    // SAFETY: one of them
                    tuple: unsafe { *table.vals.add(number) },
                    descriptor: table.tupdesc,
                }));
            }
        }
        result
    })
}

/// Runs a statement, and returns how many rows it has changed.
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
    let mut sql = sql;
    // for the zero byte behind it
    memory::or_raise(sql.0.try_reserve_exact(1));
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
/// PostgreSQL's own, whatever the caller's search path.
pub fn with_system_path<T>(code: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    parameter::with(c"search_path", SYSTEM_PATH, code)
}

/// The same, and whatever parameters they set are put back: they call functions of others.
pub fn with_system_path_undone<T>(code: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    parameter::with_undone(c"search_path", SYSTEM_PATH, code)
}

const SYSTEM_PATH: &CStr = c"pg_catalog, pg_temp";
