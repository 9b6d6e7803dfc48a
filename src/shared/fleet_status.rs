//! What came of comparing this server's clock with those of its fleet.

use std::cell::UnsafeCell;

use snowflake_core::time::{Majority, Span};

use crate::postgres::lock::Lock;
use crate::shared::bounded_text::BoundedText;

/// What there is to tell about it.
#[derive(Clone, Copy, Default)]
pub struct FleetReport {
    /// What the registry's clock was ahead of this server's, in nanoseconds.
    pub offset: Option<Span>,
    /// What true time was ahead of this server's clock, as the fleet said; `None` if it said nothing.
    pub fleet: Option<Span>,
    pub majority: Majority,
    /// When that was, by this server's clock in nanoseconds since 1970.
    pub as_of: i64,
    /// How often the registry answered, and how often it did not.
    pub answers: u64,
    pub failures: u64,
    /// What is wrong; empty if nothing is.
    pub trouble: BoundedText<480>,
}

impl FleetReport {
    /// Whether something is wrong.
    pub fn has_trouble(&self) -> bool {
        self.trouble != BoundedText::default()
    }
}

/// The part of shared memory that is about the fleet.
#[repr(C)]
pub struct FleetStatus {
    /// Held for moments only, and with no other lock taken meanwhile.
    lock: Lock,
    /// `None` if no registry is asked.
    report: UnsafeCell<Option<FleetReport>>,
}

// SAFETY: the report is read and written under the lock
unsafe impl Sync for FleetStatus {}

impl FleetStatus {
    /// No registry is asked.
    pub fn new(tranche: i32) -> Self {
        Self {
            lock: Lock::new(tranche),
            report: UnsafeCell::new(None),
        }
    }

    /// What there is to tell.
    pub fn report(&self) -> Option<FleetReport> {
        self.lock.with_shared(|| {
            // SAFETY: read and written under the lock only
            unsafe { *self.report.get() }
        })
    }

    /// For the worker alone: changes it.
    pub fn change(&self, change: impl FnOnce(&mut FleetReport)) {
        self.lock.with(|| {
            // SAFETY: read and written under the lock only, which is held alone
            change(unsafe { (*self.report.get()).get_or_insert_default() });
        });
    }
}
