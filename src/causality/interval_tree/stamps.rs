//! Stamps that this database holds, each under a name: nothing else reads and writes
//! `itc_stamps`, and each change is one of the row, so that an identity is in one place.
//!
//! A row that came here with a copy of the database, or by replication, is another database's: that
//! one may still go on with it.

use pgrx::prelude::*;
use snowflake_core::causality::interval_tree::{Encoded, Error, Stamp};
use snowflake_core::excerpt;

use crate::causality::interval_tree::value::{
    Made, MadeStamp, MadeVersion, StampArgument, VersionArgument,
};
use crate::extension;
use crate::host::identity;
use crate::postgres::backend;
use crate::postgres::datum::Argument;
use crate::postgres::error::{Failure, OrRaise, Outcome};
use crate::postgres::name::Relation;
use crate::postgres::sql::{self, Sql};
use crate::postgres::text::ServerText;
use crate::postgres::transaction;
use crate::postgres::user;
use crate::postgres::wal;

extension_sql_file!(
    "../itc_stamps.sql",
    name = "itc_stamps",
    requires = ["interval_tree"]
);

/// Begins a history: the stamp that all others come from.
#[pg_extern(sql = false)]
fn itc_stamps_seed(name: ServerText) {
    change(name, |held| held.add("itc_seed()", &Stamp::seed()?)).or_raise();
}

/// Records an event. Returns what is known then.
#[pg_extern(sql = false)]
fn itc_stamps_event(name: ServerText) -> MadeVersion {
    version_after(name, Stamp::event)
}

/// Records that a version is known here, which is an event. Returns what is known then.
#[pg_extern(sql = false)]
fn itc_stamps_receive(name: ServerText, version: VersionArgument) -> MadeVersion {
    let version = version.value();
    version_after(name, |stamp| stamp.receive(&version))
}

fn version_after(
    name: ServerText,
    step: impl FnOnce(&Stamp) -> Result<Stamp, Error>,
) -> MadeVersion {
    let next = change(name, |held| {
        let next = step(&held.lock()?)?;
        held.replace(&next)?;
        Ok(Made::of(next.version())?)
    });
    next.or_raise()
}

/// What is known.
#[pg_extern(sql = false)]
fn itc_stamps_peek(name: ServerText) -> MadeVersion {
    let peek = || -> Outcome<MadeVersion> {
        let table = table()?;
        let stamp = user::as_owner(table, || Held::of(table, name)?.read(""))?;
        Ok(Made::of(stamp.version())?)
    };
    peek().or_raise()
}

/// Halves the identity. Returns the stamp with the half that is not kept.
#[pg_extern(sql = false)]
fn itc_stamps_fork(name: ServerText) -> MadeStamp {
    let given = change(name, |held| {
        let (kept, given) = held.lock()?.fork()?;
        held.replace(&kept)?;
        Ok(Made::of(&given)?)
    });
    given.or_raise()
}

/// Takes a stamp that another replica forked or retired, under a new name.
#[pg_extern(sql = false)]
fn itc_stamps_adopt(name: ServerText, stamp: StampArgument) {
    let stamp = stamp.value();
    change(name, |held| held.add("itc_adopt()", &stamp)).or_raise();
}

/// Takes a stamp out. Returns it, for another replica to join.
#[pg_extern(sql = false)]
fn itc_stamps_retire(name: ServerText) -> MadeStamp {
    let retired = change(name, |held| {
        let stamp = held.lock()?;
        held.delete()?;
        Ok(Made::of(&stamp)?)
    });
    retired.or_raise()
}

/// Joins a stamp that another replica retired with the one of the name.
#[pg_extern(sql = false)]
fn itc_stamps_join(name: ServerText, stamp: StampArgument) {
    let stamp = stamp.value();
    let joined = change(name, |held| {
        held.lock_additions("itc_join()")?;
        held.refuse_overlap(&stamp)?;
        held.replace(&held.lock()?.join(&stamp)?)
    });
    joined.or_raise();
}

/// Changes the row of a name, with the rights of the table's owner.
fn change<T>(name: ServerText, step: impl FnOnce(&Held) -> Outcome<T>) -> Outcome<T> {
    // else a crash could take back what was carried away
    transaction::commit_durably();
    let table = table()?;
    user::as_owner(table, || step(&Held::of(table, name)?))
}

fn table() -> Outcome<pg_sys::Oid> {
    extension::relation(extension::find()?.schema, c"itc_stamps")
}

/// The database as nothing but itself is it: a promoted standby and a backup that was restored to a
/// point in time have a timeline of their own, another server another system identifier, and a copy
/// of the database another OID.
fn origin() -> String {
    let timeline = wal::timeline();
    let (system, database) = (identity::system_identifier(), backend::database());
    format!("{system}/{timeline}/{}", database.to_u32())
}

/// The row of a name that is this database's.
struct Held<'a> {
    name: ServerText<'a>,
    table: Relation,
    origin: String,
}

impl<'a> Held<'a> {
    fn of(table: pg_sys::Oid, name: ServerText<'a>) -> Outcome<Self> {
        Ok(Self {
            name,
            table: extension::name(table)?,
            origin: origin(),
        })
    }

    /// The stamp, as it stays until the end of the transaction.
    fn lock(&self) -> Outcome<Stamp> {
        self.read(" FOR NO KEY UPDATE")
    }

    fn read(&self, lock: &str) -> Outcome<Stamp> {
        let select = Sql::new("SELECT stamp::bytea FROM ").relation(&self.table);
        let select = select.text(" WHERE name = $1 AND origin = $2").text(lock);
        let rows = sql::rows(select, &self.key(), |row| row.value::<Vec<u8>>(1))?;
        match rows.into_iter().next() {
            Some(Some(bytes)) => Ok(Stamp::stored(&bytes)?),
            _ => Err(self.missing()?),
        }
    }

    fn missing(&self) -> Outcome<Failure> {
        let select = Sql::new("SELECT FROM ").relation(&self.table);
        let copies = sql::rows(select.text(" WHERE name = $1"), &[self.name.into()], |_| ())?;
        let name = self.name.to_text();
        Ok(if copies.is_empty() {
            Failure::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
                format!("stamp \"{name}\" does not exist"),
            )
            .hint("Call itc_seed() once, and itc_adopt() on each other replica.")
        } else {
            Failure::state(format!("stamp \"{name}\" is another database's"))
                .detail(
                    "It came here with a copy of the database, by promotion of a standby, or by \
                     replication, and the other database may go on with it.",
                )
                .hint(
                    "Call itc_adopt() with a stamp that another replica forks; or with this one \
                     if nobody will ever use it elsewhere.",
                )
        })
    }

    fn replace(&self, stamp: &Stamp) -> Outcome<()> {
        let update = Sql::new("UPDATE ")
            .relation(&self.table)
            .text(" SET stamp = $3::");
        let update = self
            .stamp_type(update)
            .text(" WHERE name = $1 AND origin = $2");
        self.write(update, stamp)
    }

    fn delete(&self) -> Outcome<()> {
        let delete = Sql::new("DELETE FROM ").relation(&self.table);
        sql::change(delete.text(" WHERE name = $1 AND origin = $2"), &self.key())?;
        Ok(())
    }

    /// Makes the row. Those of other databases with its name are of no use any more.
    fn add(&self, function: &str, stamp: &Stamp) -> Outcome<()> {
        if stamp.is_anonymous() {
            return Err(Error::NoIdentity.into());
        }
        self.lock_additions(function)?;
        let select = Sql::new("SELECT FROM ").relation(&self.table);
        let select = select.text(" WHERE name = $1 AND origin = $2");
        if !sql::rows(select, &self.key(), |_| ())?.is_empty() {
            return Err(Failure::new(
                PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
                format!("stamp \"{}\" already exists", self.name.to_text()),
            )
            .hint("Use itc_join() to add what a replica that is gone has given back."));
        }
        self.refuse_overlap(stamp)?;
        let delete = Sql::new("DELETE FROM ").relation(&self.table);
        sql::change(delete.text(" WHERE name = $1"), &[self.name.into()])?;
        let insert = Sql::new("INSERT INTO ").relation(&self.table);
        let insert = insert.text(" (name, origin, stamp, adopted) VALUES ($1, $2, $3::");
        self.write(
            self.stamp_type(insert).text(", statement_timestamp())"),
            stamp,
        )
    }

    /// Until the end of the transaction nobody else adds an identity to those that are here, and
    /// all that were added are seen.
    fn lock_additions(&self, function: &str) -> Outcome<()> {
        transaction::refuse_old_snapshot(function)?;
        let lock = Sql::new("LOCK TABLE ").relation(&self.table);
        sql::run(lock.text(" IN SHARE UPDATE EXCLUSIVE MODE"))
    }

    /// Refuses a stamp of which a part is in use here.
    fn refuse_overlap(&self, stamp: &Stamp) -> Outcome<()> {
        let select = Sql::new("SELECT name, stamp::bytea FROM ").relation(&self.table);
        let select = select.text(" WHERE origin = $1");
        let rows = sql::rows(select, &[self.origin.as_str().into()], |row| {
            (row.text(1), row.value::<Vec<u8>>(2))
        })?;
        for (name, bytes) in rows {
            let held = Stamp::stored(&bytes.unwrap_or_default())?;
            if held.overlaps(stamp) {
                let name = name.unwrap_or_default();
                return Err(Failure::from(Error::Overlap).hint(format!(
                    "The identity, or a part of it, is that of stamp \"{}\" here.",
                    excerpt(&name)
                )));
            }
        }
        Ok(())
    }

    fn key(&self) -> [Argument<'_>; 2] {
        [self.name.into(), self.origin.as_str().into()]
    }

    /// Goes on with the type of stamps, wherever the extension is.
    fn stamp_type(&self, sql: Sql) -> Sql {
        let name = c"itc_stamp".into();
        let schema = self.table.schema.clone();
        sql.relation(&Relation { schema, name })
    }

    fn write(&self, sql: Sql, stamp: &Stamp) -> Outcome<()> {
        let [name, origin] = self.key();
        let bytes = stamp.encode()?;
        sql::change(sql, &[name, origin, bytes.as_slice().into()])?;
        Ok(())
    }
}
