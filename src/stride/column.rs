//! The columns that get their values from a sequence, and what is in them.

use std::fmt::{self, Display, Formatter};

use pgrx::prelude::*;
use snowflake_core::stride::{SequenceState, Stride};

use crate::postgres::datum::Argument;
use crate::postgres::error::{Failure, Outcome};
use crate::postgres::name::{Name, Relation};
use crate::postgres::sql::{self, ResultRow, Sql};
use crate::postgres::user;

/// A column that gets its values from a sequence.
pub struct Column {
    oid: pg_sys::Oid,
    number: i16,
    table: Relation,
    name: Name,
}

/// The columns that own a sequence, or whose default is its nextval() and nothing more.
fn of_sequence(sequence: pg_sys::Oid) -> Outcome<Vec<(pg_sys::Oid, i16)>> {
    let sql = Sql::new(
        r"WITH uses AS (
              SELECT refobjid AS relation, refobjsubid AS number
              FROM pg_depend
              WHERE classid = 'pg_class'::regclass AND objid = $1 AND objsubid = 0
                AND refclassid = 'pg_class'::regclass AND refobjsubid > 0 AND deptype IN ('a', 'i')
              UNION
              SELECT adrelid, adnum
              FROM pg_depend JOIN pg_attrdef a ON a.oid = objid
              WHERE classid = 'pg_attrdef'::regclass AND refclassid = 'pg_class'::regclass
                AND refobjid = $1
                AND pg_get_expr(adbin, adrelid) ~ '^nextval\(E?''([^'']|'''')*''::regclass\)$'
          )
          SELECT relation, number::smallint
          FROM uses JOIN pg_class c ON c.oid = relation
               JOIN pg_attribute a ON attrelid = relation AND attnum = number
               JOIN pg_type t ON t.oid = atttypid
          WHERE relkind IN ('r', 'p', 'f') AND NOT pg_is_other_temp_schema(relnamespace)
            AND CASE typtype WHEN 'd' THEN typbasetype ELSE t.oid END
                IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
          ORDER BY relation, number",
    );
    sql::rows(sql, &[sequence.into()], |row| (row.oid(1), row.short(2)))
}

impl Display for Column {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self { name, table, .. } = self;
        write!(formatter, "column \"{name}\" of table \"{table}\"")
    }
}

impl Column {
    /// Names it; nothing if it is gone. It stays true while the table is locked.
    fn find(oid: pg_sys::Oid, number: i16) -> Option<Self> {
        Some(Self {
            oid,
            number,
            table: Relation::find(oid)?,
            name: Name::column(oid, number)?,
        })
    }

    /// Locks the tables of a sequence's columns for reading, those that a check accepts.
    pub fn lock_all(
        sequence: pg_sys::Oid,
        mut check: impl FnMut(&Self) -> Outcome<bool>,
    ) -> Outcome<Vec<Self>> {
        let mut locked = Vec::new();
        for (table, number) in of_sequence(sequence)? {
            // before the lock, so that nobody can lock what belongs to others
            let Some(column) = Self::find(table, number) else {
                continue;
            };
            if check(&column)? && Relation::lock(table, pg_sys::AccessShareLock).is_some() {
                locked.extend(Self::find(table, number));
            }
        }
        Ok(locked)
    }

    /// What keeps the caller from seeing all rows.
    pub fn hidden(&self) -> Outcome<Option<&'static str>> {
        let sql = Sql::new(
            "SELECT has_column_privilege(oid, $2, 'SELECT')
                    AND has_schema_privilege(relnamespace, 'USAGE'),
                    has_column_privilege(relowner, oid, $2, 'SELECT')
                    AND has_schema_privilege(relowner, relnamespace, 'USAGE'),
                    row_security_active(oid)
             FROM pg_class WHERE oid = $1",
        );
        let arguments = [self.oid.into(), self.number.into()];
        let read = |row: &ResultRow| (row.flag(1), row.flag(2), row.flag(3));
        let rows = sql::rows(sql, &arguments, read)?;
        Ok(match rows.first() {
            Some((false, ..)) => Some("you may not read it"),
            Some((_, false, _)) => Some("its owner may not read it"),
            Some((.., true)) => Some("row-level security hides rows from you"),
            _ => None,
        })
    }

    /// Refuses if the caller does not see all rows.
    pub fn check_visible(&self) -> Outcome<bool> {
        let Some(reason) = self.hidden()? else {
            return Ok(true);
        };
        Err(Failure::new(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("cannot read {self}"),
        )
        .detail(format!(
            "The sequence has to go on above the numbers in it, but {reason}."
        )))
    }

    /// The largest value in it; nothing if there is none.
    pub fn largest(&self) -> Outcome<Option<i64>> {
        self.largest_where(Sql::default(), &[])
    }

    /// The largest value, of those that a condition holds for. It is read with the rights of the
    /// table's owner: the plan calls functions of its indexes, which may be anybody's.
    fn largest_where(&self, condition: Sql, arguments: &[Argument]) -> Outcome<Option<i64>> {
        let sql = Sql::new("SELECT max(")
            .name(&self.name)
            .text(")::int8 FROM ")
            .relation(&self.table);
        let sql = sql.append(condition);
        let rows = user::as_owner(self.oid, || sql::rows(sql, arguments, |row| row.long(1)))?;
        Ok(rows.first().copied().flatten())
    }

    /// What is wrong with the values in it, seen from the sequence: one that it will give out
    /// again.
    pub fn problem(&self, sequence: &SequenceState, stride: Stride) -> Outcome<Option<String>> {
        // the rest of a negative number is negative
        let condition = Sql::new(" WHERE ")
            .name(&self.name)
            .text(" > $1 AND ")
            .name(&self.name)
            .text(" <= $2 AND (")
            .name(&self.name)
            .text(" % $3 + $3) % $3 = $4");
        let arguments = [
            sequence.given().into(),
            sequence.max.into(),
            i64::from(stride.nodes()).into(),
            stride.remainder().into(),
        ];
        let largest = self.largest_where(condition, &arguments)?;
        Ok(largest.map(|value| format!("{self} holds {value}, which is yet to come")))
    }
}
