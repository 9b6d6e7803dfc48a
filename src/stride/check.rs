//! Finding what breaks the strides of the sequences of a database.

use pgrx::prelude::*;
use snowflake_core::stride::{SequenceState, Stride};

use crate::postgres::encoding;
use crate::postgres::error::{OrRaise, Outcome};
use crate::postgres::sql::{self, Sql};
use crate::stride::column::Column;
use crate::stride::label::LABEL;
use crate::stride::sequence;

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
    let reports = sql::with_system_path(check_all).or_raise();
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
struct StrideReport {
    sequence: pg_sys::Oid,
    stride: Option<Stride>,
    last_value: Option<i64>,
    problems: Vec<String>,
}

fn check_all() -> Outcome<Vec<StrideReport>> {
    let sql = Sql::new(
        "SELECT oid
         FROM pg_class c
         WHERE relkind = 'S'
           AND (relpersistence = 'p' OR relpersistence = 'u' AND NOT pg_is_in_recovery())
           AND NOT EXISTS (SELECT FROM pg_depend
                           WHERE classid = 'pg_class'::regclass AND objid = c.oid
                             AND deptype = 'e')
         ORDER BY oid::regclass::text COLLATE \"C\"",
    );
    let mut reports = Vec::new();
    for oid in sql::rows(sql, &[], |row| row.oid(1))? {
        if let Some(found) = look_at(oid)? {
            reports.push(found.report(oid)?);
        }
    }
    Ok(reports)
}

/// What is there to judge of a sequence.
#[derive(Default)]
struct Readings {
    label: Option<String>,
    /// Nothing if the caller may not read it.
    sequence: Option<SequenceState>,
    /// Columns that get their values from it, locked; only if it has a label.
    columns: Vec<Column>,
    /// Which columns the caller does not see all of.
    hidden: Vec<String>,
}

/// Looks at one sequence; nothing if it is none any more.
fn look_at(oid: pg_sys::Oid) -> Outcome<Option<Readings>> {
    let sql = Sql::new("SELECT has_sequence_privilege(c.oid, 'SELECT'), ")
        .text(LABEL)
        .text(" FROM pg_class c WHERE oid = $1 AND relkind = 'S'");
    let seen = sql::rows(sql, &[oid.into()], |row| (row.flag(1), row.text(2)))?.pop();
    let Some((readable, label)) = seen else {
        return Ok(None);
    };
    let mut found = Readings {
        label,
        ..Readings::default()
    };
    if !readable {
        return Ok(Some(found));
    }
    if found.label.is_some() {
        // tables come first, as when one is dropped along with its sequence
        found.columns = Column::lock_all(oid, |column| {
            let reason = column.hidden()?;
            let words = |reason| format!("{column} was not looked at: {reason}");
            found.hidden.extend(reason.map(words));
            Ok(reason.is_none())
        })?;
    }
    let Some((sequence, label)) = sequence::read(oid)? else {
        return Ok(None);
    };
    Ok(Some(Readings {
        label,
        sequence: Some(sequence),
        ..found
    }))
}

impl Readings {
    /// Compares it with its stride.
    fn report(self, oid: pg_sys::Oid) -> Outcome<StrideReport> {
        let mut report = StrideReport {
            sequence: oid,
            stride: None,
            last_value: self.sequence.as_ref().map(|sequence| sequence.last_value),
            problems: Vec::new(),
        };
        match self.label.as_deref().map(Stride::parse) {
            None => {}
            Some(Err(error)) => report.problems.push(error.to_string()),
            Some(Ok(stride)) => {
                report.stride = Some(stride);
                report.problems = self.problems(stride)?;
            }
        }
        Ok(report)
    }

    /// What breaks the stride.
    fn problems(self, stride: Stride) -> Outcome<Vec<String>> {
        let Some(sequence) = self.sequence else {
            return Ok(vec![
                "the sequence was not looked at: you may not read it".into(),
            ]);
        };
        let breaches = sequence.breaches(stride);
        let words = breaches.iter().map(|breach| breach.describe(stride));
        let mut problems: Vec<_> = words.chain(self.hidden).collect();
        for column in self.columns {
            problems.extend(column.problem(&sequence, stride)?);
        }
        Ok(problems)
    }
}
