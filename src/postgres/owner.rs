//! Whether a relation is the caller's to alter, in PostgreSQL's words.

use pgrx::prelude::*;

use crate::postgres::error::{Failure, Outcome};
use crate::postgres::name::Relation;
use crate::postgres::sql::{self, Sql};

/// What a relation has to be.
#[derive(Clone, Copy)]
pub enum RelationKind {
    Table,
    Sequence,
}

impl RelationKind {
    fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Sequence => "sequence",
        }
    }

    /// What holds for it in pg_class. A partitioned table is a table.
    fn condition(self) -> &'static str {
        match self {
            Self::Table => "relkind IN ('r', 'p')",
            Self::Sequence => "relkind = 'S'",
        }
    }

    /// A relation of this kind that is not there, or no longer.
    pub fn missing(self, oid: pg_sys::Oid) -> Failure {
        Failure::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
            format!("{} with OID {} does not exist", self.name(), oid.to_u32()),
        )
    }

    fn mistaken(self, name: &Relation) -> Failure {
        let failure = Failure::new(
            PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
            format!("\"{name}\" is not a {}", self.name()),
        );
        match self {
            Self::Table => failure,
            Self::Sequence => failure.hint(
                "pg_get_serial_sequence() names the sequence of a serial or identity column.",
            ),
        }
    }

    /// Refuses a relation that is not of this kind, or not the caller's to alter.
    pub fn check_alterable(self, oid: pg_sys::Oid) -> Outcome<()> {
        let name = Relation::find(oid).ok_or_else(|| self.missing(oid))?;
        let sql = Sql::new("SELECT ")
            .text(self.condition())
            .text(", pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = $1");
        let facts = sql::with_system_path(|| {
            sql::rows(sql, &[oid.into()], |row| (row.flag(1), row.flag(2)))
        });
        let (is_one, owner) = facts?.pop().ok_or_else(|| self.missing(oid))?;
        if !is_one {
            return Err(self.mistaken(&name));
        }
        if !owner {
            return Err(Failure::new(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("must be owner of {} {name}", self.name()),
            ));
        }
        Ok(())
    }
}
