//! The marks of databases in shared memory, and what this server has stored of them.

use std::sync::atomic::{AtomicU64, Ordering};

use pgrx::prelude::*;
use snowflake_core::snowflake::Mark;

use crate::postgres::lock::Lock;

/// Databases whose mark is shared; in further ones every backend keeps a mark of its own, which
/// costs more raises.
const DATABASES: usize = 1_024;

/// The marks of all databases.
#[repr(C)]
pub struct Marks {
    /// Held while an entry is looked up, taken or freed.
    lock: Lock,
    /// How often one was taken or freed.
    changes: AtomicU64,
    entries: [Entry; DATABASES],
}

/// The mark of one database.
#[repr(C, align(64))]
struct Entry {
    /// Database OID and OID of the mark's sequence, 0 while the entry is free.
    key: AtomicU64,
    mark: Mark<AtomicU64>,
}

impl Entry {
    fn belongs_to(&self, key: u64) -> bool {
        self.key.load(Ordering::Relaxed) == key
    }
}

impl Marks {
    /// Entries that are all free.
    pub fn new(tranche: i32) -> Self {
        Self {
            lock: Lock::new(tranche),
            changes: AtomicU64::new(0),
            entries: [const {
                Entry {
                    key: AtomicU64::new(0),
                    mark: Mark::new(),
                }
            }; DATABASES],
        }
    }

    /// The mark of a database; `None` if there is no room for it.
    pub fn of(&'static self, key: u64) -> Option<&'static Mark<AtomicU64>> {
        self.lock.with(|| {
            let entry = self.find(key, key).or_else(|| {
                let free = self.find(key, 0)?;
                free.key.store(key, Ordering::Relaxed);
                self.changes.fetch_add(1, Ordering::Relaxed);
                Some(free)
            })?;
            Some(&entry.mark)
        })
    }

    /// The same without making room for it.
    pub fn known(&'static self, key: u64) -> Option<&'static Mark<AtomicU64>> {
        self.lock
            .with_shared(|| self.find(key, key).map(|entry| &entry.mark))
    }

    /// Frees the entries of a database that nobody is connected to: sessions keep references to
    /// theirs.
    pub fn forget_database(&self, database: pg_sys::Oid) {
        self.lock.with(|| self.free(|one| one == database));
    }

    /// How often an entry was taken or freed.
    pub fn changes(&self) -> u64 {
        self.lock
            .with_shared(|| self.changes.load(Ordering::Relaxed))
    }

    /// Frees the entries of databases that do not exist, if those are the same as when there were
    /// so many changes, before `exists` was found out: a database that came back meanwhile has
    /// freed the entry of before, and may have taken it again.
    pub fn keep(&self, changes: u64, exists: impl Fn(pg_sys::Oid) -> bool) {
        self.lock.with(|| {
            if self.changes.load(Ordering::Relaxed) == changes {
                self.free(|database| !exists(database));
            }
        });
    }

    /// Frees the entries of some databases. With the lock.
    fn free(&self, is_one: impl Fn(pg_sys::Oid) -> bool) {
        for entry in &self.entries {
            let key = entry.key.load(Ordering::Relaxed);
            if key != 0 && is_one(pg_sys::Oid::from((key >> 32) as u32)) {
                entry.mark.clear();
                entry.key.store(0, Ordering::Relaxed);
                self.changes.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The first entry with the key `wanted`, that of a free one is 0, in the order in which a key
    /// tries them. With the lock.
    fn find(&self, key: u64, wanted: u64) -> Option<&Entry> {
        let start = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize;
        (0..DATABASES)
            .map(|step| &self.entries[start.wrapping_add(step) % DATABASES])
            .find(|entry| entry.belongs_to(wanted))
    }
}

/// What this server has stored, in whatever database.
#[derive(Default)]
#[repr(C)]
pub struct StoredMarks {
    /// The highest mark, in milliseconds since 1970.
    highest: AtomicU64,
    /// Where the write-ahead log stood before the first one; 0 until then.
    log_start: AtomicU64,
}

impl StoredMarks {
    /// Remembers a mark that is about to be stored.
    pub fn storing(&self, mark: i64) {
        self.highest.fetch_max(mark as u64, Ordering::Relaxed);
    }

    /// The highest mark, in milliseconds since 1970.
    pub fn highest(&self) -> i64 {
        self.highest.load(Ordering::Relaxed) as i64
    }

    /// A position in the write-ahead log that all marks of this server come after, and all of its
    /// predecessors before. To be called before a mark is stored.
    pub fn log_start(&self) -> pg_sys::XLogRecPtr {
        let order = Ordering::Relaxed;
        if self.log_start.load(order) == 0 {
            // SAFETY: reads shared memory of the server
            let now = unsafe { pg_sys::GetXLogInsertRecPtr() };
            // another backend may have been first, and its position is as good
            let _ = self.log_start.compare_exchange(0, now, order, order);
        }
        self.log_start.load(order)
    }
}
