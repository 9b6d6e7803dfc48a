//! The marks of databases in shared memory, and what this server has stored of them.

use std::sync::atomic::{AtomicU64, Ordering};

use pgrx::prelude::*;
use snowflake_core::snowflake::Mark;

/// Databases whose mark is shared; in further ones every backend keeps a mark of its own, which
/// costs more raises.
const DATABASES: usize = 1_024;

/// The marks of all databases.
#[repr(transparent)]
pub struct Marks([Entry; DATABASES]);

/// The mark of one database.
#[repr(C, align(64))]
struct Entry {
    /// Database OID and OID of the mark's sequence, 0 while the entry is free. Never reused.
    key: AtomicU64,
    mark: Mark<AtomicU64>,
}

impl Marks {
    /// Entries that are all free.
    pub const fn new() -> Self {
        Self(
            [const {
                Entry {
                    key: AtomicU64::new(0),
                    mark: Mark::new(),
                }
            }; DATABASES],
        )
    }

    /// The mark of a database; `None` if there is no room for it.
    pub fn of(&'static self, key: u64) -> Option<&'static Mark<AtomicU64>> {
        self.find(key, |entry| {
            let order = Ordering::Relaxed;
            match entry.key.compare_exchange(0, key, order, order) {
                Ok(_) => true,
                Err(present) => present == key,
            }
        })
    }

    /// The same without making room for it.
    pub fn known(&'static self, key: u64) -> Option<&'static Mark<AtomicU64>> {
        self.find(key, |entry| entry.key.load(Ordering::Relaxed) == key)
    }

    /// The mark of the first entry that will do, in the order in which a key tries them.
    fn find(
        &'static self,
        key: u64,
        will_do: impl Fn(&Entry) -> bool,
    ) -> Option<&'static Mark<AtomicU64>> {
        let start = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize;
        (0..DATABASES)
            .map(|step| &self.0[start.wrapping_add(step) % DATABASES])
            .find(|entry| will_do(entry))
            .map(|entry| &entry.mark)
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
