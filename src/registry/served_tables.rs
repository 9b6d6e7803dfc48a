//! The tables of a registry in this database: what they hold is read and stored here.

use pgrx::prelude::*;
use snowflake_core::lease::{Decision, Entry};
use snowflake_core::uuid::Uuid;

use crate::extension;
use crate::host::identity;
use crate::postgres::backend;
use crate::postgres::error::{Failure, Outcome};
use crate::postgres::name::Relation;
use crate::postgres::sql::{self, Sql};
use crate::postgres::time_limit;
use crate::postgres::wal;
use crate::registry::proof;

/// The tables, by names with the schema.
pub struct Tables {
    registry: Relation,
    leases: Relation,
}

impl Tables {
    /// Finds them, wherever the extension is.
    pub fn find() -> Outcome<Self> {
        let schema = extension::find()?.schema;
        Ok(Self {
            registry: extension::name(extension::relation(schema, c"snowflake_registry")?)?,
            leases: extension::name(extension::relation(schema, c"snowflake_registry_lease")?)?,
        })
    }

    /// The entries of a layout, or that of a worker ID of it.
    pub fn entries(&self, namespace: &str, worker: Option<u32>) -> Outcome<Vec<Entry>> {
        let sql = Sql::new(
            "SELECT worker_id, identity, nonce, host_name, not_before, not_after,
                (EXTRACT(epoch FROM renewed) * 1000)::bigint, fixed, released, contested_by
             FROM ",
        );
        let sql = sql
            .relation(&self.leases)
            .text(" WHERE layout = $1 AND ($2 IS NULL OR worker_id = $2)");
        let arguments = [namespace.into(), worker.map(|worker| worker as i32).into()];
        let rows = sql::rows(sql, &arguments, |row| {
            Some(Entry {
                worker: row.value::<i32>(1)? as u32,
                identity: row.text(2)?,
                nonce: proof::stored(Uuid::from_bytes(*row.value::<pgrx::Uuid>(3)?)),
                host_name: row.text(4)?,
                not_before: row.long(5)?,
                not_after: row.long(6)?,
                renewed: row.long(7)?,
                fixed: row.value(8)?,
                released: row.value(9)?,
                contested_by: row.text(10),
            })
        })?;
        let entries: Option<_> = rows.into_iter().collect();
        entries.ok_or_else(altered)
    }

    /// Stores an entry in the place of the one of its worker ID.
    pub fn store(&self, namespace: &str, entry: &Entry) -> Outcome<()> {
        let insert = Sql::new("INSERT INTO ").relation(&self.leases).text(
            " (layout, worker_id, identity, nonce, host_name, not_before, not_after, renewed, fixed,
                released, contested_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8 / 1000.0), $9, $10, $11)
             ON CONFLICT (layout, worker_id) DO UPDATE SET
                identity = EXCLUDED.identity, nonce = EXCLUDED.nonce,
                host_name = EXCLUDED.host_name, not_before = EXCLUDED.not_before,
                not_after = EXCLUDED.not_after, renewed = EXCLUDED.renewed,
                fixed = EXCLUDED.fixed, released = EXCLUDED.released,
                contested_by = EXCLUDED.contested_by",
        );
        let arguments = [
            namespace.into(),
            (entry.worker as i32).into(),
            entry.identity.as_str().into(),
            pgrx::Uuid::from_bytes(entry.nonce.to_be_bytes()).into(),
            entry.host_name.as_str().into(),
            entry.not_before.into(),
            entry.not_after.into(),
            entry.renewed.into(),
            entry.fixed.into(),
            entry.released.into(),
            entry.contested_by.as_deref().into(),
        ];
        sql::change(insert, &arguments)?;
        Ok(())
    }
}

/// How long one caller may keep the others waiting, in milliseconds: a decision takes few of them,
/// but what else is in its statement is up to the caller.
///
/// Measured from the lock to the end of the function, 900 worker IDs taken, six callers at once
/// beside writers that fill a cache of 2 MB, on a machine with five times the load that it has
/// processors for: 1.7 ms in the middle, 39 ms for one in a thousand, 58 ms at the longest of 8,010,
/// whether a flush of the log takes 200 or 600 ms, as the commit is not part of it. This is more than
/// ten times that, and no more than the shortest time that a member waits for its answer.
pub const LONGEST_HOLD: i32 = 1_000;

/// The row of `snowflake_registry`, locked: one decides at a time.
pub struct RegistryRow {
    pub hold_until: i64,
    pub longest: i64,
    pub tolerance: i64,
    /// Whether this is another registry than the row says, with a past of its own; not if the row
    /// says nothing yet.
    pub lost: bool,
    /// Whether the row says which registry this is.
    known: bool,
}

/// What tells this registry from one whose grants it may not know: a promoted standby and a backup
/// restored to a point in time have a timeline of their own, a dump that was restored has another
/// system identifier, a copy of the database another OID.
fn origin() -> (String, pg_sys::Oid, i64) {
    (
        identity::system_identifier().to_string(),
        backend::database(),
        wal::timeline().into(),
    )
}

impl RegistryRow {
    /// Reads it and locks it until the end of the transaction.
    pub fn lock(tables: &Tables) -> Outcome<Self> {
        let (system, database, timeline) = origin();
        let sql = Sql::new(
            "SELECT hold_until, longest,
                (EXTRACT(epoch FROM clock_tolerance) * 1000)::bigint,
                (system_identifier, database, timeline) IS DISTINCT FROM ($1, $2, $3),
                system_identifier IS NOT NULL
             FROM ",
        );
        let arguments = [system.into(), database.into(), timeline.into()];
        let sql = sql.relation(&tables.registry).text(" FOR UPDATE");
        let rows = sql::rows(sql, &arguments, |row| {
            let (another, known) = (row.value::<bool>(4)?, row.value(5)?);
            Some(Self {
                hold_until: row.long(1)?,
                longest: row.long(2)?,
                tolerance: row.long(3)?,
                lost: another && known,
                known,
            })
        })?;
        // all others wait from here on
        time_limit::limit_transaction(LONGEST_HOLD);
        let Some(row) = rows.into_iter().next() else {
            let insert = Sql::new("INSERT INTO ").relation(&tables.registry);
            return Err(
                Failure::state("table \"snowflake_registry\" is empty").hint(format!(
                    "Restore its row. If that is lost: {insert} DEFAULT VALUES, once the longest \
                     lease that was granted is over.",
                )),
            );
        };
        row.ok_or_else(altered)
    }

    /// Stores what has changed.
    pub fn store(&self, tables: &Tables, decision: &Decision) -> Outcome<()> {
        let (hold_until, longest) = (decision.hold_until, decision.longest);
        if self.known && !self.lost && (hold_until, longest) == (self.hold_until, self.longest) {
            return Ok(());
        }
        let (system, database, timeline) = origin();
        let update = Sql::new("UPDATE ").relation(&tables.registry).text(
            " SET hold_until = $1, longest = $2, system_identifier = $3, database = $4,
                timeline = $5",
        );
        let arguments = [
            hold_until.into(),
            longest.into(),
            system.into(),
            database.into(),
            timeline.into(),
        ];
        sql::change(update, &arguments)?;
        Ok(())
    }
}

/// For a NULL or a type that the tables do not allow as they were made.
pub fn altered() -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
        "tables of the registry were altered",
    )
}
