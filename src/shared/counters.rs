//! Ticket counters in shared memory: the blocks that all backends draw from.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use pgrx::prelude::*;
use snowflake_core::ticket::Cache;

use crate::postgres::lock::Lock;

/// Ticket counters whose blocks are cached; of further ones every number is claimed by itself.
pub const COUNTERS: usize = 256;

/// The cached blocks of one ticket counter. What every ticket touches comes first.
#[repr(C, align(128))]
pub struct CounterEntry {
    /// Database OID and OID of the sequence, 0 while the entry is free.
    key: AtomicU64,
    pub cache: Cache<AtomicU64>,
    /// Excludes those who write `cache` and `file`, other than by drawing a number.
    pub lock: Lock,
    /// The file of the sequence that the numbers come from.
    file: AtomicU32,
    /// How often the entry was taken: an OID comes back, and with it a key.
    taken: AtomicU32,
}

impl CounterEntry {
    /// An entry that is free.
    pub fn new(tranche: i32) -> Self {
        Self {
            key: AtomicU64::new(0),
            cache: Cache::new(),
            lock: Lock::new(tranche),
            file: AtomicU32::new(0),
            taken: AtomicU32::new(0),
        }
    }

    /// Whether the entry belongs to the counter with that key.
    #[inline]
    pub fn belongs_to(&self, key: u64) -> bool {
        self.key.load(Ordering::Relaxed) == key
    }

    /// Which taking of the entry this is.
    pub fn turn(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Frees the entry if it belongs to the counter; its numbers are never given out.
    fn free(&self, key: u64) {
        // freed with the lock of the entry, taken with that of all
        self.lock.with(|| {
            // another backend may have been first
            if self.belongs_to(key) {
                self.cache.clear();
                self.key.store(0, Ordering::Relaxed);
            }
        });
    }

    /// Forgets the numbers of a file that the sequence no longer has: it was altered, and begins
    /// as it is told. With the lock.
    pub fn follow(&self, key: u64, file: u32) {
        if self.belongs_to(key) && self.file.swap(file, Ordering::Relaxed) != file {
            self.cache.discard();
        }
    }
}

/// All entries, with the lock that is held while one of them is looked up, taken or freed.
#[derive(Clone, Copy)]
pub struct Counters {
    lock: &'static Lock,
    entries: &'static [CounterEntry; COUNTERS],
}

impl Counters {
    pub fn new(lock: &'static Lock, entries: &'static [CounterEntry; COUNTERS]) -> Self {
        Self { lock, entries }
    }

    /// The entry of a counter, which gets one unless it has one; `None` if there is no room.
    pub fn entry(self, key: u64) -> Option<&'static CounterEntry> {
        self.lock.with(|| {
            self.find(key).or_else(|| {
                let free = self.find(0)?;
                free.taken.fetch_add(1, Ordering::Relaxed);
                free.key.store(key, Ordering::Relaxed);
                Some(free)
            })
        })
    }

    /// The entry of a counter, if it has one.
    pub fn known(self, key: u64) -> Option<&'static CounterEntry> {
        self.lock.with(|| self.find(key))
    }

    /// Frees the entry of a counter that is dropped; its numbers are never given out.
    pub fn forget(self, key: u64) {
        if let Some(entry) = self.known(key) {
            entry.free(key);
        }
    }

    /// The keys of all entries that are taken.
    pub fn keys(self) -> impl Iterator<Item = u64> {
        let keys = self.entries.iter();
        keys.map(|entry| entry.key.load(Ordering::Relaxed))
            .filter(|key| *key != 0)
    }

    /// Frees the entries of a database.
    pub fn forget_database(self, database: pg_sys::Oid) {
        for entry in self.entries {
            let key = entry.key.load(Ordering::Relaxed);
            if key >> 32 == u64::from(database.to_u32()) {
                entry.free(key);
            }
        }
    }

    /// The entry with a key; that of a free one is 0. With the lock.
    fn find(self, key: u64) -> Option<&'static CounterEntry> {
        self.entries.iter().find(|entry| entry.belongs_to(key))
    }
}
