//! What keeps a column from becoming `bigint DEFAULT snowflake_next()`.

use crate::postgres::error::Outcome;
use crate::postgres::sql::{self, Sql};
use crate::snowflake::adopt_target::{Facts, Target};

/// What else the catalogs have against it: DETAIL and HINT of the first obstacle.
const OBSTACLES: &str = include_str!("adopt_obstacles.sql");

/// Refuses a column that cannot take IDs as a primary key, or cannot be altered so that it does.
pub fn check(target: &Target, facts: &Facts) -> Outcome<()> {
    check_type(target, facts)?;
    check_key(target, facts)?;
    check_catalogs(target, facts)
}

fn check_type(target: &Target, facts: &Facts) -> Outcome<()> {
    if facts.is_integer && target.number >= 0 {
        return Ok(());
    }
    Err(target
        .refuse(format!("It is of type {}, not an integer.", facts.kind))
        .hint("Snowflake IDs need a column of type smallint, integer or bigint."))
}

fn check_key(target: &Target, facts: &Facts) -> Outcome<()> {
    if !facts.is_key {
        let detail = match &facts.key {
            Some(key) => format!("The primary key of the table is ({key})."),
            None => "The table has no primary key.".into(),
        };
        return Err(target
            .refuse(detail)
            .hint("The column must be the primary key by itself."));
    }
    if facts.is_generated {
        return Err(target
            .refuse("It is a generated column.")
            .hint("Run ALTER TABLE ... ALTER COLUMN ... DROP EXPRESSION first."));
    }
    Ok(())
}

fn check_catalogs(target: &Target, facts: &Facts) -> Outcome<()> {
    let [table, number] = target.arguments();
    let arguments = [table, number, (!facts.is_bigint).into()];
    let found = sql::rows(Sql::new(OBSTACLES), &arguments, |row| {
        (
            row.text(1).unwrap_or_default(),
            row.text(2).unwrap_or_default(),
        )
    })?;
    match found.into_iter().next() {
        Some((detail, hint)) => Err(target.refuse(detail).hint(hint)),
        None => Ok(()),
    }
}

/// Refuses values that cannot be IDs, or that the IDs to come could meet.
pub fn check_values(target: &Target, first: i64) -> Outcome<()> {
    let sql = Sql::new("SELECT min(")
        .name(&target.column)
        .text(")::int8, max(")
        .name(&target.column)
        .text(")::int8 FROM ONLY ")
        .relation(&target.table);
    let found = sql::rows(sql, &[], |row| row.long(1).zip(row.long(2)))?;
    let Some(Some((smallest, largest))) = found.first().copied() else {
        return Ok(());
    };
    if smallest < 0 {
        return Err(target
            .refuse(format!(
                "It holds {smallest}; snowflake IDs are not negative."
            ))
            .hint("Give the rows with negative values other ones first."));
    }
    if largest >= first {
        return Err(target
            .refuse(format!(
                "It holds {largest}; snowflake IDs go on from {first} and would meet it."
            ))
            .hint("Give the rows above other values first, or choose a layout with larger IDs."));
    }
    Ok(())
}

/// Refuses if a CHECK constraint of the column does not allow an ID.
pub fn check_constraints(target: &Target, id: i64) -> Outcome<()> {
    let sql = Sql::new(
        "SELECT conname::text, pg_get_expr(conbin, conrelid)
         FROM pg_constraint WHERE conrelid = $1 AND contype = 'c' AND conkey = ARRAY[$2]
         ORDER BY conname",
    );
    let constraints = sql::rows(sql, &target.arguments(), |row| row.text(1).zip(row.sql(2)))?;
    for (name, expression) in constraints.into_iter().flatten() {
        let sql = Sql::new("SELECT (")
            .append(expression)
            .text(") IS FALSE FROM (SELECT $1 AS ");
        let sql = sql.name(&target.column).text(") AS new");
        let refused = sql::rows(sql, &[id.into()], |row| row.flag(1))?;
        if refused.contains(&true) {
            return Err(target
                .refuse(format!(
                    "Constraint \"{name}\" does not allow snowflake IDs."
                ))
                .hint("Drop the constraint first, or change it so that it allows them."));
        }
    }
    Ok(())
}
