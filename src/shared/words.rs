//! The words of all workers: one for snowflake IDs and one for snowflake128 per worker ID.

use std::sync::atomic::AtomicU64;

use snowflake_core::snowflake::{Shape, first_whole_tick};
use snowflake_core::uuid::{Ticks, UnixSequence};
use snowflake_core::words::{Pace, Slot};
use snowflake_core::{ClockSample, Timestamp};

/// The words of all workers, which lie behind each other in shared memory.
#[derive(Clone, Copy)]
pub struct Words {
    slots: &'static [Slot<AtomicU64>],
    slots128: &'static [Slot<AtomicU64>],
}

/// Where words begin that have not given out anything here.
pub struct Beginning {
    /// No snowflake ID has a time before this one,
    pub first: Timestamp,
    /// and none of 128 bits before this one.
    pub first128: Timestamp,
    /// What the wall clock counts as having said,
    pub wall: Timestamp,
    /// when the monotonic clock stood here, in microseconds.
    pub monotonic: i64,
    /// How far behind that the clock may be without a word, in microseconds.
    pub explained: i64,
}

impl Beginning {
    /// Where the IDs of a predecessor may have ended that ran ahead of the clock by `max_lead`
    /// microseconds; for a layout that ends before that, at the clock.
    pub fn after_lead(shape: &Shape, sample: &ClockSample, max_lead: i64) -> Self {
        let led = Timestamp::from_micros(sample.wall.micros().saturating_add(max_lead));
        Self {
            first: shape.beginning(led, sample.wall),
            first128: led,
            wall: sample.wall,
            monotonic: sample.monotonic_after,
            explained: 0,
        }
    }

    /// At an instant that IDs have reached with a lead of `max_lead` microseconds.
    pub fn at(first: Timestamp, max_lead: i64, sample: &ClockSample) -> Self {
        Self {
            first,
            first128: first,
            wall: Timestamp::from_micros(first.micros().saturating_sub(max_lead)),
            monotonic: sample.monotonic_after,
            explained: 0,
        }
    }

    /// The same where a start explains the distance from the clock, if it is one that slow flushes
    /// explain.
    pub fn at_start(first: Timestamp, pace: &Pace, unit: i64, sample: &ClockSample) -> Self {
        let beginning = Self::at(first, pace.max_lead, sample);
        let ahead = beginning.wall.micros().saturating_sub(sample.wall.micros());
        let slow = pace.unremarkable(unit) < ahead && ahead <= pace.unremarkable_at_start(unit);
        Self {
            explained: if slow { ahead } else { 0 },
            ..beginning
        }
    }

    /// Lets a word go on there, in the unit of the instant at the earliest.
    pub fn resume(&self, shape: &Shape, slot: &Slot<AtomicU64>) {
        slot.resume(shape.first_tick(self.first), self.wall, self.monotonic);
        slot.explain(self.explained);
    }
}

impl Words {
    /// Bytes that the words of the given number of workers take.
    pub fn size(workers: usize) -> usize {
        2 * workers * size_of::<Slot<AtomicU64>>()
    }

    /// Writes words that have given out nothing.
    ///
    /// # Safety
    /// The memory has [`Words::size`] bytes, is aligned, and not yet shared.
    pub unsafe fn write(memory: *mut Slot<AtomicU64>, workers: usize) {
        for index in 0..2 * workers {
            // SAFETY: as the caller promises
            unsafe { memory.add(index).write(Slot::default()) };
        }
    }

    /// The words at an address.
    ///
    /// # Safety
    /// They were written there, for that number of workers, and stay as long as the process.
    pub unsafe fn at(memory: *const Slot<AtomicU64>, workers: usize) -> Self {
        // SAFETY: as the caller promises
        unsafe {
            Self {
                slots: std::slice::from_raw_parts(memory, workers),
                slots128: std::slice::from_raw_parts(memory.add(workers), workers),
            }
        }
    }

    /// The word of a worker.
    pub fn slot(self, worker: u32) -> Option<&'static Slot<AtomicU64>> {
        self.slots.get(worker as usize)
    }

    /// The words of all workers, by worker ID.
    pub fn slots(self) -> &'static [Slot<AtomicU64>] {
        self.slots
    }

    /// The word of snowflake128 of a worker.
    pub fn slot128(self, worker: u32) -> Option<&'static Slot<AtomicU64>> {
        self.slots128.get(worker as usize)
    }

    /// Lets the words of snowflake IDs go on in the unit of an instant at the earliest.
    pub fn resume_ids(self, shape: &Shape, beginning: &Beginning) {
        for slot in self.slots {
            beginning.resume(shape, slot);
        }
    }

    /// Lets all words go on in the unit of an instant at the earliest.
    pub fn resume_all(self, shape: &Shape, beginning: &Beginning) {
        let Beginning {
            first128,
            wall,
            monotonic,
            ..
        } = *beginning;
        self.resume_ids(shape, beginning);
        for slot in self.slots128 {
            slot.resume(UnixSequence::at(first128), wall, monotonic);
        }
    }

    /// Opens the words of a worker that is leased from now on: no ID has a time before the
    /// beginning of the lease.
    pub fn open(self, worker: u32, shape: &Shape, beginning: &Beginning) {
        let Beginning {
            first,
            first128,
            wall,
            monotonic,
            explained,
        } = *beginning;
        if let Some(slot) = self.slot(worker) {
            slot.explain(explained);
            slot.open(first_whole_tick(shape, first), wall, monotonic);
        }
        if let Some(slot) = self.slot128(worker) {
            slot.open(UnixSequence::at(first128), wall, monotonic);
        }
    }

    /// Opens all words, which were closed since the start.
    pub fn open_all(self, shape: &Shape, beginning: &Beginning) {
        let workers = 0..self.slots.len() as u32;
        workers.for_each(|worker| self.open(worker, shape, beginning));
    }

    /// Closes the words of a worker: it may be another server's.
    pub fn close(self, worker: u32) {
        let slots = [self.slot(worker), self.slot128(worker)];
        slots.into_iter().flatten().for_each(Slot::close);
    }

    /// Closes all words, until a lease opens those of its worker ID.
    pub fn close_all(self) {
        let slots = self.slots.iter().chain(self.slots128);
        slots.for_each(Slot::close);
    }
}
