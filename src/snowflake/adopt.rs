//! Turns the primary key of a table that exists into `bigint DEFAULT snowflake_next()`.

use pgrx::prelude::*;

use crate::extension;
use crate::host::clock;
use crate::postgres::datum::Argument;
use crate::postgres::error::{Failure, OrRaise, Outcome, Report};
use crate::postgres::name::{Name, Relation};
use crate::postgres::owner::RelationKind;
use crate::postgres::sql::{self, Sql};
use crate::postgres::text::NameArgument;
use crate::postgres::transaction;
use crate::snowflake::layouts;
use crate::snowflake::session;

/// What ALTER TABLE takes for a change of type.
const LOCK: u32 = pg_sys::AccessExclusiveLock;

/// What keeps a column from being adopted: DETAIL and HINT of the first obstacle.
const OBSTACLES: &str = include_str!("adopt_obstacles.sql");

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
    sql::with_system_path(|| target.check_obstacles(&facts))?;
    // this ID is discarded; it proves that the server can generate one
    let id = session::next()?;
    // other servers may be behind this one: the lowest ID of this instant
    let first = layouts::recorded()?.min_id(clock::wall())?.min(id);
    sql::with_system_path(|| {
        target.check_values(first)?;
        target.check_constraints(id)
    })?;
    target.alter(&facts)
}

/// A column of a table that is locked.
struct Target {
    oid: pg_sys::Oid,
    number: i16,
    table: Relation,
    column: Name,
    /// The schema of snowflake_next().
    generator: Name,
}

impl std::fmt::Display for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "column \"{}\" of table \"{}\"",
            self.column, self.table
        )
    }
}

/// What the catalogs say about the column.
struct Facts {
    /// Whether there is nothing to do.
    adopted: bool,
    is_bigint: bool,
    /// Whether it is smallint, integer or bigint.
    is_integer: bool,
    /// The name of the type.
    kind: String,
    is_identity: bool,
    is_generated: bool,
    /// The names of the columns of the primary key, if there is one.
    key: Option<String>,
    is_key: bool,
}

impl Target {
    fn find(oid: pg_sys::Oid, table: Relation, column: NameArgument) -> Outcome<Self> {
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

    fn arguments(&self) -> [Argument<'static>; 2] {
        [self.oid.into(), self.number.into()]
    }

    fn refuse(&self, detail: impl Into<String>) -> Failure {
        Failure::state(format!("cannot adopt {self}")).detail(detail)
    }

    fn facts(&self) -> Outcome<Facts> {
        let sql = Sql::new(
            "SELECT atttypid = 'int8'::regtype, atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype),
                    format_type(atttypid, atttypmod), attidentity <> '', attgenerated <> '',
                    (SELECT string_agg(quote_ident(k.attname), ', ' ORDER BY position)
                     FROM unnest(conkey) WITH ORDINALITY AS key (number, position)
                          JOIN pg_attribute k ON k.attrelid = conrelid AND k.attnum = number),
                    conkey = ARRAY[$2],
                    pg_get_expr(adbin, adrelid) = (SELECT quote_ident(nspname) || '.snowflake_next()'
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

    fn check_obstacles(&self, facts: &Facts) -> Outcome<()> {
        if !facts.is_integer || self.number < 0 {
            return Err(self
                .refuse(format!("It is of type {}, not an integer.", facts.kind))
                .hint("Snowflake IDs need a column of type smallint, integer or bigint."));
        }
        if !facts.is_key {
            let detail = match &facts.key {
                Some(key) => format!("The primary key of the table is ({key})."),
                None => "The table has no primary key.".into(),
            };
            return Err(self
                .refuse(detail)
                .hint("The column must be the primary key by itself."));
        }
        if facts.is_generated {
            return Err(self
                .refuse("It is a generated column.")
                .hint("Run ALTER TABLE ... ALTER COLUMN ... DROP EXPRESSION first."));
        }
        let [table, number] = self.arguments();
        let arguments = [table, number, (!facts.is_bigint).into()];
        let found = sql::rows(Sql::new(OBSTACLES), &arguments, |row| {
            (
                row.text(1).unwrap_or_default(),
                row.text(2).unwrap_or_default(),
            )
        })?;
        match found.into_iter().next() {
            Some((detail, hint)) => Err(self.refuse(detail).hint(hint)),
            None => Ok(()),
        }
    }

    /// Refuses values that the IDs to come could meet, or that are none.
    fn check_values(&self, first: i64) -> Outcome<()> {
        let sql = Sql::new("SELECT min(")
            .name(&self.column)
            .text(")::int8, max(")
            .name(&self.column)
            .text(")::int8 FROM ONLY ")
            .relation(&self.table);
        let found = sql::rows(sql, &[], |row| row.long(1).zip(row.long(2)))?;
        let Some(Some((smallest, largest))) = found.first().copied() else {
            return Ok(());
        };
        if smallest < 0 {
            return Err(self
                .refuse(format!(
                    "It holds {smallest}; snowflake IDs are not negative."
                ))
                .hint("Give the rows with negative values other ones first."));
        }
        if largest >= first {
            return Err(self
                .refuse(format!(
                    "It holds {largest}; snowflake IDs go on from {first} and would meet it."
                ))
                .hint(
                    "Give the rows above other values first, or choose a layout with larger IDs.",
                ));
        }
        Ok(())
    }

    /// Refuses if a CHECK constraint of the column does not allow an ID.
    fn check_constraints(&self, id: i64) -> Outcome<()> {
        let sql = Sql::new(
            "SELECT conname::text, pg_get_expr(conbin, conrelid)
             FROM pg_constraint WHERE conrelid = $1 AND contype = 'c' AND conkey = ARRAY[$2]
             ORDER BY conname",
        );
        let constraints = sql::rows(sql, &self.arguments(), |row| row.text(1).zip(row.sql(2)))?;
        for (name, expression) in constraints.into_iter().flatten() {
            let sql = Sql::new("SELECT (")
                .append(expression)
                .text(") IS FALSE FROM (SELECT $1 AS ");
            let sql = sql.name(&self.column).text(") AS new");
            let refused = sql::rows(sql, &[id.into()], |row| row.flag(1))?;
            if refused.contains(&true) {
                return Err(self
                    .refuse(format!(
                        "Constraint \"{name}\" does not allow snowflake IDs."
                    ))
                    .hint("Drop the constraint first, or change it so that it allows them."));
            }
        }
        Ok(())
    }

    fn alter(&self, facts: &Facts) -> Outcome<()> {
        let alter = |action: &str| {
            Sql::new("ALTER TABLE ")
                .relation(&self.table)
                .text(" ALTER COLUMN ")
                .name(&self.column)
                .text(action)
        };
        // the default of the old type goes first, it would be converted
        sql::run(alter(if facts.is_identity {
            " DROP IDENTITY"
        } else {
            " DROP DEFAULT"
        }))?;
        if !facts.is_bigint {
            sql::run(alter(" TYPE pg_catalog.int8"))?;
        }
        let set = alter(" SET DEFAULT ").name(&self.generator);
        sql::run(set.text(".snowflake_next()"))?;
        for sequence in sql::with_system_path(|| self.owned_sequences())? {
            self.retire(sequence)?;
        }
        Ok(())
    }

    /// The sequences that are owned by the column, and what else uses each.
    fn owned_sequences(&self) -> Outcome<Vec<(pg_sys::Oid, Option<String>)>> {
        let sql = Sql::new(
            "SELECT d.objid, (SELECT min(pg_describe_object(u.classid, u.objid, u.objsubid))
                              FROM pg_depend u
                              WHERE u.refclassid = 'pg_class'::regclass AND u.refobjid = d.objid AND u.deptype <> 'i')
             FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
             WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
               AND d.refobjid = $1 AND d.refobjsubid = $2 AND d.deptype = 'a'",
        );
        sql::rows(sql, &self.arguments(), |row| (row.oid(1), row.text(2)))
    }

    /// Drops a sequence of the column that nothing else uses.
    fn retire(&self, (sequence, user): (pg_sys::Oid, Option<String>)) -> Outcome<()> {
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
}
