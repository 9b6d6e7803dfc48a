//! What is known of the NTP servers that this server asks, and how to wake who asks them.

use std::cell::UnsafeCell;
use std::net::SocketAddr;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use pgrx::pg_sys;
use snowflake_core::time::{
    KernelSample, MOST_SERVERS, Packet, Restraint, Ring, Samples, Standing, State,
};

use crate::postgres::lock::Lock;
use crate::shared::bounded_text::BoundedText;

/// What there is room for of the name of a server: host, brackets and port.
pub type ServerName = BoundedText<264>;

/// What there is to tell about a server.
#[derive(Clone, Copy, Default)]
pub struct Record {
    /// As it is listed.
    pub name: ServerName,
    /// Its first address, once that is known.
    pub address: Option<SocketAddr>,
    pub samples: Samples,
    /// What came of asking it last.
    pub latest: Option<State>,
    pub standing: Standing,
    /// How often it lets itself be asked.
    pub restraint: Restraint,
    /// Its latest answer.
    pub packet: Option<Packet>,
    /// Requests that were sent, or could not be.
    pub polls: u64,
    pub answers: u64,
    /// Datagrams that were no answers.
    pub ignored: u64,
    /// When it is asked next, by the elapsed time in nanoseconds; `None` if it is not.
    pub next_poll: Option<i64>,
    /// What was wrong last; empty if nothing ever was.
    pub last_error: BoundedText<160>,
}

/// The part of shared memory that is about NTP servers.
#[repr(C)]
pub struct ClockSources {
    /// Held for moments only, and with no other lock taken meanwhile.
    lock: Lock,
    /// How many of the records are in use.
    count: UnsafeCell<usize>,
    records: UnsafeCell<[Record; MOST_SERVERS]>,
    /// What the kernel said in the meantime.
    kernel: UnsafeCell<Ring<KernelSample>>,
    /// The latch of the worker that asks them; null before there is one.
    worker: AtomicPtr<pg_sys::Latch>,
    /// Whether the clock has jumped since the worker looked.
    jumped: AtomicBool,
}

// SAFETY: count, records and kernel are read and written under the lock
unsafe impl Sync for ClockSources {}

impl ClockSources {
    /// No servers.
    pub fn new(tranche: i32) -> Self {
        Self {
            lock: Lock::new(tranche),
            count: UnsafeCell::new(0),
            records: UnsafeCell::new([Record::default(); MOST_SERVERS]),
            kernel: UnsafeCell::new(Ring::default()),
            worker: AtomicPtr::new(null_mut()),
            jumped: AtomicBool::new(false),
        }
    }

    /// What is known of each server, in the order in which they are listed.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        (0..MOST_SERVERS).map_while(|index| self.record(index))
    }

    fn record(&self, index: usize) -> Option<Record> {
        self.lock.with_shared(|| {
            // SAFETY: read and written under the lock only
            let (count, records) = unsafe { (*self.count.get(), &*self.records.get()) };
            records.get(index).filter(|_| index < count).copied()
        })
    }

    /// What the kernel vouched for lately.
    pub fn kernel(&self) -> Ring<KernelSample> {
        self.lock.with_shared(|| {
            // SAFETY: read and written under the lock only
            unsafe { *self.kernel.get() }
        })
    }

    /// Wakes the worker, if there is one: the clock has jumped.
    pub fn report_jump(&self) {
        self.jumped.store(true, Ordering::Release);
        let latch = self.worker.load(Ordering::Acquire);
        if !latch.is_null() {
            // SAFETY: a latch in shared memory, which is there as long as the server; who has it by
            // now looks why it was woken and finds nothing
            unsafe { pg_sys::SetLatch(latch) };
        }
    }

    // What follows is for the worker alone.

    /// Says which latch wakes the worker.
    pub fn set_worker_latch(&self, latch: *mut pg_sys::Latch) {
        self.worker.store(latch, Ordering::Release);
    }

    /// Whether the clock has jumped since this was asked last.
    pub fn take_jump(&self) -> bool {
        self.jumped.swap(false, Ordering::AcqRel)
    }

    /// Says how many servers there are.
    pub fn set_count(&self, count: usize) {
        self.lock.with(|| {
            // SAFETY: read and written under the lock only, which is held alone
            unsafe { *self.count.get() = count.min(MOST_SERVERS) }
        });
    }

    /// Adds what the kernel vouches for, so long after the last time at the earliest, in nanoseconds.
    pub fn note_kernel(&self, sample: KernelSample, apart: i64) {
        self.lock.with(|| {
            // SAFETY: read and written under the lock only, which is held alone
            let ring = unsafe { &mut *self.kernel.get() };
            let next = |last: &KernelSample| last.at.elapsed.saturating_add(apart);
            if ring.latest().next().map(next) <= Some(sample.at.elapsed) {
                ring.push(sample);
            }
        });
    }

    /// Says what is known of a server.
    pub fn publish(&self, index: usize, record: &Record) {
        self.lock.with(|| {
            // SAFETY: read and written under the lock only, which is held alone
            let records = unsafe { &mut *self.records.get() };
            if let Some(place) = records.get_mut(index) {
                *place = *record;
            }
        });
    }
}
