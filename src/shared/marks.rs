//! What databases have in shared memory: their marks and Lamport clocks, and what this server has
//! stored of marks.

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU64, Ordering};

use pgrx::prelude::*;
use snowflake_core::causality::lamport::Lamport;
use snowflake_core::probe::{self, FREED, Found, NEVER};
use snowflake_core::snowflake::Mark;

use crate::postgres::lock::Lock;

/// Marks and clocks that are shared. Where there is no room, every backend keeps a mark of its own,
/// which costs more raises, and takes each Lamport number from what is stored.
const PLACES: usize = 1_024;

/// Those of all databases.
#[repr(C)]
pub struct Marks {
    /// Held while an entry is looked up, taken or freed.
    lock: Lock,
    /// How often one was taken or freed.
    changes: AtomicU64,
    entries: [Entry; PLACES],
}

/// One of them.
#[repr(C, align(64))]
pub struct Entry {
    /// Database OID and OID of the sequence, or what says that the entry is free.
    key: AtomicU64,
    words: Words,
}

/// What the sequence is that of.
#[repr(C)]
union Words {
    mark: ManuallyDrop<Mark<AtomicU64>>,
    lamport: ManuallyDrop<Lamport<AtomicU64>>,
}

const _: () = assert!(size_of::<Lamport<AtomicU64>>() <= size_of::<Mark<AtomicU64>>());
const _: () = assert!(size_of::<Entry>() == 64);

impl Entry {
    /// The mark of a sequence that is one.
    pub fn mark(&self) -> &Mark<AtomicU64> {
        // SAFETY: nothing but numbers, and any are; 0 in an entry that was not used before
        unsafe { &self.words.mark }
    }

    /// The clock of a sequence that is its mark.
    pub fn lamport(&self) -> &Lamport<AtomicU64> {
        // SAFETY: as above, and no larger
        unsafe { &self.words.lamport }
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
                    key: AtomicU64::new(NEVER),
                    words: Words {
                        mark: ManuallyDrop::new(Mark::new()),
                    },
                }
            }; PLACES],
        }
    }

    /// The entry of a sequence; `None` if there is no room for it.
    pub fn of(&'static self, key: u64) -> Option<&'static Entry> {
        self.lock.with(|| {
            let place = match self.find(key) {
                Found::Taken(place) => place,
                Found::Free(place) => {
                    self.set(place, key);
                    self.changes.fetch_add(1, Ordering::Relaxed);
                    place
                }
                Found::Full => return None,
            };
            Some(&self.entries[place])
        })
    }

    /// The same without making room for it.
    pub fn known(&'static self, key: u64) -> Option<&'static Entry> {
        self.lock.with_shared(|| match self.find(key) {
            Found::Taken(place) => Some(&self.entries[place]),
            Found::Free(_) | Found::Full => None,
        })
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
        for (place, entry) in self.entries.iter().enumerate() {
            let key = self.at(place);
            if ![NEVER, FREED].contains(&key) && is_one(pg_sys::Oid::from((key >> 32) as u32)) {
                // all words
                entry.mark().clear();
                probe::free(
                    PLACES,
                    place,
                    |place| self.at(place),
                    |place, key| self.set(place, key),
                );
                self.changes.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The entry of a key, or the one that it may take. With the lock.
    fn find(&self, key: u64) -> Found {
        probe::find(PLACES, key, |place| self.at(place))
    }

    fn at(&self, place: usize) -> u64 {
        self.entries[place].key.load(Ordering::Relaxed)
    }

    fn set(&self, place: usize, key: u64) {
        self.entries[place].key.store(key, Ordering::Relaxed);
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
