//! Reading the extension's tables without SQL, with a catalog snapshot: that works in parallel
//! workers and read-only transactions, and makes no plan.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::CStr;
use std::hash::Hash;

use pgrx::prelude::*;

use crate::postgres::error::{Failure, Outcome};

/// What reading takes.
const LOCK: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

/// A table, locked, until `close`. An error leaves that to the end of the transaction.
pub struct Table {
    relation: pg_sys::Relation,
    name: &'static str,
}

/// What rows are looked for by: a text in a column, by way of an index on it.
pub struct Key {
    pub index: &'static CStr,
    pub column: i16,
    pub text: pg_sys::Datum,
}

/// A row of a table that is open.
pub struct Tuple {
    tuple: pg_sys::HeapTuple,
    descriptor: pg_sys::TupleDesc,
}

impl Table {
    /// Opens it to read; `name` is for messages.
    pub fn open(oid: pg_sys::Oid, name: &'static str) -> Outcome<Self> {
        // SAFETY: opens by OID; a relation that is gone gives NULL
        let relation = unsafe { pg_sys::try_relation_open(oid, LOCK) };
        if relation.is_null() {
            return Err(Failure::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
                format!("table \"{name}\" was dropped"),
            ));
        }
        // SAFETY: an open relation has its pg_class row
        if unsafe { (*(*relation).rd_rel).relkind } as u8 != pg_sys::RELKIND_RELATION {
            return Err(altered(name));
        }
        Ok(Self { relation, name })
    }

    /// The number of a column that has this type.
    pub fn column(&self, column: &CStr, kind: pg_sys::Oid) -> Outcome<i16> {
        // SAFETY: a field of an open relation; catalog look-ups
        unsafe {
            let table = (*self.relation).rd_id;
            let number = pg_sys::get_attnum(table, column.as_ptr());
            if number > 0 && pg_sys::get_atttype(table, number) == kind {
                Ok(number)
            } else {
                Err(altered(self.name))
            }
        }
    }

    /// The first row that `read` makes something of, among those that have the key.
    pub fn find<T>(&self, key: Option<Key>, read: impl Fn(&Tuple) -> Option<T>) -> Option<T> {
        // SAFETY: the table is open and locked, the column of the key a text; a row is read before
        // the scan goes on. Where the index is missing all rows are compared with the key.
        unsafe {
            let mut index = pg_sys::InvalidOid;
            let mut scan_key = pg_sys::ScanKeyData::default();
            if let Some(key) = &key {
                let schema = (*(*self.relation).rd_rel).relnamespace;
                index = pg_sys::get_relname_relid(key.index.as_ptr(), schema);
                pg_sys::ScanKeyEntryInitialize(
                    &mut scan_key,
                    0,
                    key.column,
                    pg_sys::BTEqualStrategyNumber as u16,
                    pg_sys::InvalidOid,
                    pg_sys::C_COLLATION_OID,
                    pg_sys::Oid::from(pg_sys::F_TEXTEQ),
                    key.text,
                );
            }
            let scan = pg_sys::systable_beginscan(
                self.relation,
                index,
                index != pg_sys::InvalidOid,
                std::ptr::null_mut(),
                key.is_some().into(),
                &mut scan_key,
            );
            let mut found = None;
            while found.is_none() {
                let tuple = pg_sys::systable_getnext(scan);
                if tuple.is_null() {
                    break;
                }
                found = read(&self.row(tuple));
            }
            pg_sys::systable_endscan(scan);
            found
        }
    }

    /// What `read` makes of all rows.
    pub fn all<T: Eq + Hash>(&self, read: impl Fn(&Tuple) -> Option<T>) -> HashSet<T> {
        let found = RefCell::new(HashSet::new());
        self.find(None, |row| {
            if let Some(value) = read(row) {
                found.borrow_mut().insert(value);
            }
            None::<()>
        });
        found.into_inner()
    }

    /// A row of it.
    ///
    /// # Safety
    /// PostgreSQL has handed it over as one, and keeps it as long.
    pub unsafe fn row(&self, tuple: pg_sys::HeapTuple) -> Tuple {
        // SAFETY: a field of an open relation
        let descriptor = unsafe { (*self.relation).rd_att };
        Tuple { tuple, descriptor }
    }

    pub fn close(self) {
        // SAFETY: closes what `open` opened
        unsafe { pg_sys::relation_close(self.relation, LOCK) };
    }
}

impl Tuple {
    /// The value in a column, which the table has; nothing for NULL.
    pub fn value(&self, column: i16) -> Option<pg_sys::Datum> {
        let mut is_null = false;
        // SAFETY: tuple and descriptor belong together
        let datum = unsafe {
            pg_sys::heap_getattr(self.tuple, column.into(), self.descriptor, &mut is_null)
        };
        (!is_null).then_some(datum)
    }

    /// The value in a column of type oid or one like it.
    pub fn oid(&self, column: i16) -> Option<pg_sys::Oid> {
        let datum = self.value(column)?;
        Some(pg_sys::Oid::from(datum.value() as u32))
    }

    /// The transaction that wrote it.
    pub fn writer(&self) -> pg_sys::TransactionId {
        // SAFETY: a row that a scan returns has a header
        unsafe { (*(*self.tuple).t_data).t_choice.t_heap.t_xmin }
    }
}

fn altered(name: &str) -> Failure {
    Failure::state(format!("table \"{name}\" was altered"))
}
