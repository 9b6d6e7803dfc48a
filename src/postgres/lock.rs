//! PostgreSQL's lightweight locks. A backend that ends by an ERROR gives them back.

use std::cell::UnsafeCell;

use pgrx::prelude::*;

/// A lightweight lock in shared memory. Others wait for it whatever they are told, so it is held for
/// moments only: what is done meanwhile waits for nothing, raises no ERROR and allocates no memory. So
/// results are `Copy`: text is made of them afterwards.
#[repr(transparent)]
pub struct Lock(UnsafeCell<pg_sys::LWLock>);

// SAFETY: made to be shared; changed by PostgreSQL's functions alone
unsafe impl Sync for Lock {}

impl Lock {
    /// A lock that nobody holds.
    pub fn new(tranche: i32) -> Self {
        // SAFETY: writes the lock, all of which may be zero before
        let lock = unsafe {
            let mut lock = std::mem::zeroed();
            pg_sys::LWLockInitialize(&mut lock, tranche);
            lock
        };
        Self(UnsafeCell::new(lock))
    }

    /// Waits for the lock, and calls while no other process holds it. An ERROR on the way out
    /// unwinds without running anything of ours; PostgreSQL then releases the lock.
    pub fn with<T: Copy>(&self, work: impl FnOnce() -> T) -> T {
        self.acquire(pg_sys::LWLockMode::LW_EXCLUSIVE);
        self.finish(work)
    }

    /// The same while others may hold it in this way, too.
    pub fn with_shared<T: Copy>(&self, work: impl FnOnce() -> T) -> T {
        self.acquire(pg_sys::LWLockMode::LW_SHARED);
        self.finish(work)
    }

    fn acquire(&self, mode: pg_sys::LWLockMode::Type) {
        // SAFETY: the lock is in shared memory and initialised
        unsafe { pg_sys::LWLockAcquire(self.0.get(), mode) };
    }

    fn finish<T: Copy>(&self, work: impl FnOnce() -> T) -> T {
        let result = work();
        // SAFETY: held by this process
        unsafe { pg_sys::LWLockRelease(self.0.get()) };
        result
    }
}

/// A tranche for the locks of the extension.
pub fn new_tranche() -> i32 {
    // SAFETY: counts up in shared memory
    unsafe { pg_sys::LWLockNewTrancheId() }
}

/// Gives the tranche the name that wait events show.
pub fn name_tranche(tranche: i32) {
    // SAFETY: keeps the pointer, which is static
    unsafe { pg_sys::LWLockRegisterTranche(tranche, c"snowflake_pg".as_ptr()) };
}
