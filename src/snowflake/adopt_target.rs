//! The column that `snowflake_adopt()` is called for, and what the catalogs say about it.

use std::fmt::{self, Display, Formatter};

use pgrx::prelude::*;

use crate::extension;
use crate::postgres::datum::Argument;
use crate::postgres::error::{Failure, Outcome};
use crate::postgres::name::{Name, Relation};
use crate::postgres::owner::RelationKind;
use crate::postgres::sql::{self, Sql};
use crate::postgres::text::NameArgument;

/// A column of a table that is locked.
pub struct Target {
    pub oid: pg_sys::Oid,
    pub number: i16,
    pub table: Relation,
    pub column: Name,
    /// The schema of snowflake_next().
    pub generator: Name,
}

impl Display for Target {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "column \"{}\" of table \"{}\"",
            self.column, self.table
        )
    }
}

/// What the catalogs say about the column.
pub struct Facts {
    /// Whether there is nothing to do.
    pub adopted: bool,
    pub is_bigint: bool,
    /// Whether it is smallint, integer or bigint.
    pub is_integer: bool,
    /// The name of the type.
    pub kind: String,
    pub is_identity: bool,
    pub is_generated: bool,
    /// The names of the columns of the primary key, if there is one.
    pub key: Option<String>,
    pub is_key: bool,
}

impl Target {
    /// Finds a column of a table by its name.
    pub fn find(oid: pg_sys::Oid, table: Relation, column: NameArgument) -> Outcome<Self> {
        // SAFETY: a catalog look-up by a C string; 0 for a column that is not there
        let number = unsafe { pg_sys::get_attnum(oid, column.0.as_ptr()) };
        let column = Name::from(column.0);
        if number == 0 {
            return Err(Failure::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
                format!("column \"{column}\" of relation \"{table}\" does not exist"),
            ));
        }
        let generator = Name::schema(extension::find()?.schema);
        Ok(Self {
            oid,
            number,
            table,
            column,
            generator: generator
                .ok_or_else(|| Failure::state("extension snowflake_pg was dropped"))?,
        })
    }

    /// Table and column, as `$1` and `$2`.
    pub fn arguments(&self) -> [Argument<'static>; 2] {
        [self.oid.into(), self.number.into()]
    }

    /// Why it cannot be adopted.
    pub fn refuse(&self, detail: impl Into<String>) -> Failure {
        Failure::state(format!("cannot adopt {self}")).detail(detail)
    }

    /// Reads what the catalogs say about it.
    pub fn facts(&self) -> Outcome<Facts> {
        let sql = Sql::new(
            "SELECT atttypid = 'int8'::regtype,
                    atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype),
                    format_type(atttypid, atttypmod), attidentity <> '', attgenerated <> '',
                    (SELECT string_agg(quote_ident(k.attname), ', ' ORDER BY position)
                     FROM unnest(conkey) WITH ORDINALITY AS key (number, position)
                          JOIN pg_attribute k ON k.attrelid = conrelid AND k.attnum = number),
                    conkey = ARRAY[$2],
                    pg_get_expr(adbin, adrelid) =
                        (SELECT quote_ident(nspname) || '.snowflake_next()'
                         FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
                         WHERE extname = 'snowflake_pg')
             FROM pg_attribute a
                  LEFT JOIN pg_constraint ON conrelid = $1 AND contype = 'p'
                  LEFT JOIN pg_attrdef ON adrelid = $1 AND adnum = $2
             WHERE attrelid = $1 AND attnum = $2",
        );
        let facts = sql::rows(sql, &self.arguments(), |row| Facts {
            is_bigint: row.flag(1),
            is_integer: row.flag(2),
            kind: row.text(3).unwrap_or_default(),
            is_identity: row.flag(4),
            is_generated: row.flag(5),
            key: row.text(6),
            is_key: row.flag(7),
            adopted: row.flag(1) && row.flag(7) && row.flag(8),
        })?;
        facts
            .into_iter()
            .next()
            .ok_or_else(|| RelationKind::Table.missing(self.oid))
    }
}
