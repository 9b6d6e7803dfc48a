//! State of one backend.

use std::cell::Cell;

use pgrx::pg_sys;

/// A value that belongs to one backend process, as C's static variables do.
pub struct BackendLocal<T>(Cell<T>);

// SAFETY: a backend runs extension code on its main thread only, so the cell is never shared
// between threads; a fork copies it.
unsafe impl<T> Sync for BackendLocal<T> {}

impl<T> BackendLocal<T> {
    pub const fn new(value: T) -> Self {
        Self(Cell::new(value))
    }

    pub fn set(&self, value: T) {
        self.0.set(value);
    }

    pub fn replace(&self, value: T) -> T {
        self.0.replace(value)
    }
}

impl<T: Copy> BackendLocal<T> {
    #[inline(always)]
    pub fn get(&self) -> T {
        self.0.get()
    }
}

/// The database that this backend is connected to.
pub fn database() -> pg_sys::Oid {
    // SAFETY: a variable of this process, set when it connects to its database
    unsafe { pg_sys::MyDatabaseId }
}
