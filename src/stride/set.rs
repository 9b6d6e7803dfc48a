//! Plain sequences that several servers share out by remainder: setting one up, and finding what
//! breaks it. The arithmetic is in `snowflake_core::stride`.
//!
//! Which stride a sequence was given is recorded as its security label of the provider
//! "snowflake_pg". A label is what PostgreSQL has for extensions that say something about objects of
//! others: it goes with the sequence when that is renamed or dropped, pg_dump writes it, and only
//! the owner of the sequence can set it. A table of the extension would have to be open to everybody.

use std::ffi::{CStr, c_char};
use std::fmt::{self, Display, Formatter};

use pgrx::prelude::*;
use snowflake_core::stride::{SequenceState, Stride};

use crate::postgres::encoding;
use crate::postgres::error::{Failure, OrRaise, Outcome};
use crate::postgres::sequence;
use crate::postgres::sql::{self, Argument, Name, Relation, Sql};

/// The name of the label provider.
const PROVIDER: &CStr = c"snowflake_pg";

/// What ALTER SEQUENCE takes. It waits for transactions that have called nextval(), and its rewrite
/// makes sessions forget the numbers that they have cached.
const ALTER_LOCK: u32 = pg_sys::ShareRowExclusiveLock;

/// Lets strides be recorded as security labels.
pub fn register_labels() {
    // SAFETY: name and function stay valid as long as the process; called once, by `_PG_init`
    unsafe { pg_sys::register_label_provider(PROVIDER.as_ptr(), Some(check_label)) };
}

/// Checks a label that SECURITY LABEL sets, as a restore does; NULL removes it.
#[pg_guard]
unsafe extern "C-unwind" fn check_label(
    object: *const pg_sys::ObjectAddress,
    label: *const c_char,
) {
    // SAFETY: PostgreSQL calls it with an object that exists and a C string or NULL
    let (object, label) = unsafe {
        let label = (!label.is_null()).then(|| encoding::decode(CStr::from_ptr(label).to_bytes()));
        (&*object, label)
    };
    let Some(label) = label else { return };
    // SAFETY: a catalog look-up
    let is_sequence = object.classId == pg_sys::RelationRelationId
        && object.objectSubId == 0
        && unsafe { pg_sys::get_rel_relkind(object.objectId) } as u8 == pg_sys::RELKIND_SEQUENCE;
    if !is_sequence {
        Failure::new(
            PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            "label provider \"snowflake_pg\" labels sequences only",
        )
        .raise();
    }
    Stride::parse(&label).or_raise();
}

/// Makes a sequence give only the numbers of a node, above what exists. Answers the first of them.
#[pg_extern(sql = r#"
CREATE FUNCTION stride_sequence(sequence regclass, node int, nodes int) RETURNS bigint
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn stride_sequence(sequence: pg_sys::Oid, node: i32, nodes: i32) -> i64 {
    set(sequence, node, nodes).or_raise()
}

fn set(oid: pg_sys::Oid, node: i32, nodes: i32) -> Outcome<i64> {
    let stride = Stride::new(node, nodes)?;
    sql::refuse_read_only(c"stride_sequence()");
    sql::refuse_old_snapshot("stride_sequence()")?;
    // before the lock, so that nobody can lock what belongs to others, and once more after it
    check_alterable(oid)?;
    // tables come first, as for whoever drops or truncates one along with its sequence
    sql::with_system_path(|| Column::lock_all(oid, Column::check_visible))?;
    let name = sql::lock(oid, ALTER_LOCK).ok_or_else(|| missing(oid))?;
    check_alterable(oid)?;
    let found = sql::with_system_path(|| {
        let (sequence, _) = read(oid)?.ok_or_else(|| missing(oid))?;
        let mut in_use = None;
        for column in Column::lock_all(oid, Column::check_visible)? {
            in_use = in_use.max(column.largest(Sql::default(), &[])?);
        }
        Ok((sequence.adopt(stride, in_use)?, sequence.cycle))
    });
    let (change, cycle) = found?;
    let mut alter = Sql::new("ALTER SEQUENCE ")
        .relation(&name)
        .text(" INCREMENT BY ")
        .number(change.increment);
    if cycle {
        alter = alter.text(" MINVALUE ").number(change.min);
    }
    let alter = alter.text(" START WITH ").number(change.start);
    sql::run(alter.text(" RESTART WITH ").number(change.next))?;
    let label = Sql::new("SECURITY LABEL FOR snowflake_pg ON SEQUENCE ").relation(&name);
    sql::run(if stride.nodes() == 1 {
        // a sequence like any other
        label.text(" IS NULL")
    } else {
        label.text(&format!(" IS '{stride}'"))
    })?;
    Ok(change.next)
}

fn missing(oid: pg_sys::Oid) -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
        format!("sequence with OID {} does not exist", oid.to_u32()),
    )
}

/// Refuses what is no sequence, or not the caller's to alter.
fn check_alterable(oid: pg_sys::Oid) -> Outcome<()> {
    let name = Relation::find(oid).ok_or_else(|| missing(oid))?;
    let sql = Sql::new(
        "SELECT pg_has_role(c.relowner, 'USAGE'), c.relkind = 'S', e.extname::text
         FROM pg_class c
              LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
                                   AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
              LEFT JOIN pg_extension e ON e.oid = d.refobjid
         WHERE c.oid = $1",
    );
    let facts = sql::with_system_path(|| {
        sql::rows(sql, &[oid.into()], |row| {
            (row.flag(1), row.flag(2), row.text(3))
        })
    });
    let (owner, is_sequence, extension) = facts?.pop().ok_or_else(|| missing(oid))?;
    if !is_sequence {
        return Err(Failure::new(
            PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
            format!("\"{name}\" is not a sequence"),
        )
        .hint("pg_get_serial_sequence() names the sequence of a serial or identity column."));
    }
    if !owner {
        return Err(Failure::new(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("must be owner of sequence {name}"),
        ));
    }
    if let Some(extension) = extension {
        return Err(
            Failure::state(format!("cannot set a stride for sequence \"{name}\"")).detail(format!(
                "It belongs to extension \"{extension}\": pg_dump would not keep the stride."
            )),
        );
    }
    Ok(())
}

/// Reads a sequence and its label while nobody alters, renames or drops it; nothing if it is gone.
fn read(oid: pg_sys::Oid) -> Outcome<Option<(SequenceState, Option<String>)>> {
    // SELECT would not do: it does not keep ALTER SEQUENCE from taking the file away, and keeps its
    // own lock until the end of the transaction
    let Some(open) = sequence::Sequence::open_to_read(oid) else {
        return Ok(None);
    };
    let state = if open.is_sequence() {
        open.read()
    } else {
        None
    };
    let sql = Sql::new(
        "SELECT seqincrement, seqmin, seqmax, seqstart, seqcycle,
                (SELECT label FROM pg_seclabel
                 WHERE objoid = seqrelid AND classoid = 'pg_class'::regclass AND objsubid = 0
                   AND provider = 'snowflake_pg')
         FROM pg_sequence WHERE seqrelid = $1",
    );
    let found = sql::rows(sql, &[oid.into()], |row| {
        let state = state.as_ref()?;
        let sequence = SequenceState {
            increment: row.long(1)?,
            min: row.long(2)?,
            max: row.long(3)?,
            start: row.long(4)?,
            cycle: row.flag(5),
            last_value: state.last_value,
            called: state.is_called,
        };
        Some((sequence, row.text(6)))
    });
    open.close();
    Ok(found?.pop().flatten())
}

/// A column that gets its values from a sequence.
struct Column {
    oid: pg_sys::Oid,
    number: i16,
    table: Relation,
    name: Name,
}

/// The columns that own a sequence, or whose default is its nextval() and nothing more.
fn columns(sequence: pg_sys::Oid) -> Outcome<Vec<(pg_sys::Oid, i16)>> {
    let sql = Sql::new(
        r"WITH uses AS (
              SELECT refobjid AS relation, refobjsubid AS number
              FROM pg_depend
              WHERE classid = 'pg_class'::regclass AND objid = $1 AND objsubid = 0
                AND refclassid = 'pg_class'::regclass AND refobjsubid > 0 AND deptype IN ('a', 'i')
              UNION
              SELECT adrelid, adnum
              FROM pg_depend JOIN pg_attrdef a ON a.oid = objid
              WHERE classid = 'pg_attrdef'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = $1
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
    fn lock_all(
        sequence: pg_sys::Oid,
        mut check: impl FnMut(&Self) -> Outcome<bool>,
    ) -> Outcome<Vec<Self>> {
        let mut locked = Vec::new();
        for (table, number) in columns(sequence)? {
            // before the lock, so that nobody can lock what belongs to others
            let Some(column) = Self::find(table, number) else {
                continue;
            };
            if check(&column)? && sql::lock(table, pg_sys::AccessShareLock).is_some() {
                locked.extend(Self::find(table, number));
            }
        }
        Ok(locked)
    }

    /// What keeps the caller from seeing all rows.
    fn hidden(&self) -> Outcome<Option<&'static str>> {
        let sql =
            Sql::new(
            "SELECT has_column_privilege(oid, $2, 'SELECT') AND has_schema_privilege(relnamespace, 'USAGE'),
                    row_security_active(oid)
             FROM pg_class WHERE oid = $1",
        );
        let arguments = [self.oid.into(), self.number.into()];
        let rows = sql::rows(sql, &arguments, |row| (row.flag(1), row.flag(2)))?;
        Ok(match rows.first() {
            Some((false, _)) => Some("you may not read it"),
            Some((_, true)) => Some("row-level security hides rows from you"),
            _ => None,
        })
    }

    /// Refuses if the caller does not see all rows.
    fn check_visible(&self) -> Outcome<bool> {
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

    /// The largest value, of those that a condition holds for.
    fn largest(&self, condition: Sql, arguments: &[Argument]) -> Outcome<Option<i64>> {
        let sql = Sql::new("SELECT max(")
            .name(&self.name)
            .text(")::int8 FROM ")
            .relation(&self.table);
        let rows = sql::rows(sql.append(condition), arguments, |row| row.long(1))?;
        Ok(rows.first().copied().flatten())
    }

    /// What is wrong with the values in it, seen from the sequence: one that it will give out again.
    fn problem(&self, sequence: &SequenceState, stride: Stride) -> Outcome<Option<String>> {
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
        let largest = self.largest(condition, &arguments)?;
        Ok(largest.map(|value| format!("{self} holds {value}, which is yet to come")))
    }
}

/// The sequences of the database, their strides and what breaks them.
#[allow(clippy::type_complexity)]
#[pg_extern(sql = r#"
CREATE FUNCTION stride_check() RETURNS TABLE (sequence regclass, node int, nodes int, last_value bigint, problems text[])
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn stride_check() -> TableIterator<
    'static,
    (
        name!(sequence, pg_sys::Oid),
        name!(node, Option<i32>),
        name!(nodes, Option<i32>),
        name!(last_value, Option<i64>),
        name!(problems, Vec<String>),
    ),
> {
    let reports = sql::with_system_path(check).or_raise();
    TableIterator::new(reports.into_iter().map(|report| {
        (
            report.sequence,
            report.stride.map(|stride| stride.node()),
            report.stride.map(|stride| stride.nodes()),
            report.last_value,
            report.problems.into_iter().map(encoding::message).collect(),
        )
    }))
}

/// A row of `stride_check()`.
struct Report {
    sequence: pg_sys::Oid,
    stride: Option<Stride>,
    last_value: Option<i64>,
    problems: Vec<String>,
}

fn check() -> Outcome<Vec<Report>> {
    let sql = Sql::new(
        "SELECT oid
         FROM pg_class c
         WHERE relkind = 'S' AND (relpersistence = 'p' OR relpersistence = 'u' AND NOT pg_is_in_recovery())
           AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
         ORDER BY oid::regclass::text COLLATE \"C\"",
    );
    let mut reports = Vec::new();
    for oid in sql::rows(sql, &[], |row| row.oid(1))? {
        reports.extend(report(oid)?);
    }
    Ok(reports)
}

/// Looks at one sequence; nothing if it is none any more.
fn report(oid: pg_sys::Oid) -> Outcome<Option<Report>> {
    let sql = Sql::new(
        "SELECT has_sequence_privilege(c.oid, 'SELECT'),
                (SELECT label FROM pg_seclabel
                 WHERE objoid = c.oid AND classoid = 'pg_class'::regclass AND objsubid = 0
                   AND provider = 'snowflake_pg')
         FROM pg_class c WHERE oid = $1 AND relkind = 'S'",
    );
    let found = sql::rows(sql, &[oid.into()], |row| (row.flag(1), row.text(2)))?.pop();
    let Some((readable, mut label)) = found else {
        return Ok(None);
    };
    let mut hidden = Vec::new();
    let mut columns = Vec::new();
    let mut sequence = None;
    if readable {
        if label.is_some() {
            // tables come first, as in `set`
            columns = Column::lock_all(oid, |column| {
                let reason = column.hidden()?;
                let words = |reason| format!("{column} was not looked at: {reason}");
                hidden.extend(reason.map(words));
                Ok(reason.is_none())
            })?;
        }
        let Some(found) = read(oid)? else {
            return Ok(None);
        };
        (sequence, label) = (Some(found.0), found.1);
    }
    let mut report = Report {
        sequence: oid,
        stride: None,
        last_value: sequence.map(|sequence| sequence.last_value),
        problems: Vec::new(),
    };
    let stride = match label.as_deref().map(Stride::parse) {
        None => return Ok(Some(report)),
        Some(Err(error)) => {
            report.problems.push(error.to_string());
            return Ok(Some(report));
        }
        Some(Ok(stride)) => stride,
    };
    report.stride = Some(stride);
    let Some(sequence) = sequence else {
        let problem = "the sequence was not looked at: you may not read it";
        report.problems.push(problem.into());
        return Ok(Some(report));
    };
    let breaches = sequence.breaches(stride);
    let words = breaches.iter().map(|breach| breach.describe(stride));
    report.problems.extend(words);
    report.problems.extend(hidden);
    for column in columns {
        report.problems.extend(column.problem(&sequence, stride)?);
    }
    Ok(Some(report))
}
