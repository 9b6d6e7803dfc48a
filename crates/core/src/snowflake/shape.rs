//! The shape of a layout: all that generating an ID needs.

use super::divisor::Divisor;
use super::field::Place;
use crate::timestamp::Timestamp;
use crate::words::{self, Observed, Pace};

/// Where the fields of an ID stand that its [`Shape`] knows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    pub(super) timestamp: Place,
    pub(super) sequence: Place,
    /// The whole worker field; without bits if there is none.
    pub(super) worker: Place,
}

/// The figures of a layout that generating and decoding need, ready for use.
///
/// A *tick* is an ID without its worker: `units since the epoch << sequence bits | sequence`. A
/// [`Slot`](crate::words::Slot) gives out ticks, the shape makes IDs of them:
///
/// ```
/// use std::sync::atomic::AtomicU64;
///
/// use snowflake_core::Timestamp;
/// use snowflake_core::snowflake::Layout;
/// use snowflake_core::words::{Claim, Slot};
///
/// let layout = Layout::twitter();
/// let shape = layout.shape();
/// let now = Timestamp::from_millis(1_735_689_600_000);
/// let tick = shape.first_tick(now);
///
/// let (slot, mark) = (Slot::new(), AtomicU64::new(shape.last_tick() + 1));
/// let claim = slot.claim(&mark, tick, shape.last_tick(), 2, || 0);
/// assert_eq!(claim, Ok(Claim { first: tick, last: tick + 1 }));
///
/// let id = shape.id(tick + 1, shape.worker_bits(5));
/// assert_eq!(layout.encode(now, 5, 1), Ok(id));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub(super) timestamp: Place,
    pub(super) sequence: Place,
    pub(super) worker: Place,
    /// Microseconds.
    pub(super) unit: i64,
    /// The same as a divisor.
    per_unit: Divisor,
    /// Microseconds since 1970.
    pub(super) epoch: i64,
    /// Microseconds from the epoch that lie within the layout, none too many to calculate with.
    within: u64,
    /// What the next tick adds to the ID.
    per_tick: u64,
    /// What a unit adds to the ID beyond that, modulo 2^64: from where the sequence ends to where
    /// the timestamp begins.
    per_carry: u64,
}

impl Shape {
    /// Works out what follows from the places of the fields, the unit, in microseconds, and the
    /// epoch, in microseconds since 1970.
    pub(super) fn new(places: Places, unit: i64, epoch: i64) -> Self {
        let Places {
            timestamp,
            sequence,
            worker,
        } = places;
        let span = (1u128 << timestamp.bits) * unit as u128;
        let carry = 1u64 << (sequence.shift + sequence.bits);
        Self {
            timestamp,
            sequence,
            worker,
            unit,
            per_unit: Divisor::new(unit as u64),
            epoch,
            within: span.min(1 << 62) as u64,
            per_tick: 1 << sequence.shift,
            per_carry: (1u64 << timestamp.shift).wrapping_sub(carry),
        }
    }

    /// That of a word whose ticks are no IDs: microseconds since an epoch, which is in microseconds
    /// since 1970 itself, and a sequence below them.
    pub fn of_microseconds(timestamp_bits: u32, sequence_bits: u32, epoch: i64) -> Self {
        let place = |shift, bits| Place { shift, bits };
        let places = Places {
            timestamp: place(sequence_bits, timestamp_bits),
            sequence: place(0, sequence_bits),
            worker: Place::default(),
        };
        Self::new(places, 1, epoch)
    }

    /// Bits of the sequence.
    #[inline]
    pub const fn sequence_bits(&self) -> u32 {
        self.sequence.bits
    }

    /// The unit of the timestamp field, in microseconds.
    #[inline]
    pub const fn unit(&self) -> i64 {
        self.unit
    }

    /// The last tick of the layout.
    #[inline]
    pub const fn last_tick(&self) -> u64 {
        (1 << (self.timestamp.bits + self.sequence.bits)) - 1
    }

    /// Whole units from the epoch to an instant; 0 before the epoch.
    #[inline]
    pub const fn units(&self, instant: Timestamp) -> u64 {
        let since = instant.micros().saturating_sub(self.epoch);
        if since < 0 {
            0
        } else {
            self.per_unit.divide(since as u64)
        }
    }

    /// The first tick of the unit that an instant lies in; past the layout, the one after the
    /// last tick.
    pub const fn first_tick(&self, instant: Timestamp) -> u64 {
        let units = self.units(instant);
        if units > self.timestamp.largest() {
            self.last_tick() + 1
        } else {
            units << self.sequence.bits
        }
    }

    /// Where IDs begin that should begin at `first`: there, unless that is past the layout while the
    /// clock is not.
    pub const fn beginning(&self, first: Timestamp, wall: Timestamp) -> Timestamp {
        let last = self.last_tick();
        if self.first_tick(first) > last && self.first_tick(wall) <= last {
            wall
        } else {
            first
        }
    }

    /// The same as `first_tick` for an instant that is known to lie within the layout, by one comparison; `None`
    /// also for some that do.
    #[inline(always)]
    pub const fn first_tick_within(&self, instant: Timestamp) -> Option<u64> {
        // a huge number before the epoch
        let since = instant.micros().wrapping_sub(self.epoch) as u64;
        if since < self.within {
            Some(self.per_unit.divide(since) << self.sequence.bits)
        } else {
            None
        }
    }

    /// The same, with how many microseconds are left of the unit.
    #[inline]
    pub const fn first_tick_and_rest(&self, instant: Timestamp) -> Option<(u64, u64)> {
        let since = instant.micros().wrapping_sub(self.epoch) as u64;
        if since < self.within {
            let units = self.per_unit.divide(since);
            let rest = self.unit as u64 - (since - units * self.unit as u64);
            Some((units << self.sequence.bits, rest))
        } else {
            None
        }
    }

    /// The last tick of the unit that an instant lies in: what comes after it is of a later unit.
    pub const fn last_tick_of(&self, instant: Timestamp) -> u64 {
        self.first_tick(instant) | self.sequence.largest()
    }

    /// The instant at which the unit of a tick begins.
    pub const fn instant(&self, tick: u64) -> Timestamp {
        let units = (tick >> self.sequence.bits) as i64;
        Timestamp::from_micros(self.epoch.saturating_add(units.saturating_mul(self.unit)))
    }

    /// The bits of a worker ID in their place, for [`Shape::id`].
    pub const fn worker_bits(&self, worker: u32) -> u64 {
        (worker as u64) << self.worker.shift
    }

    /// The ID of a tick; `worker` as from [`Shape::worker_bits`].
    #[inline(always)]
    pub const fn id(&self, tick: u64, worker: u64) -> i64 {
        let units = tick >> self.sequence.bits;
        let fields = tick
            .wrapping_mul(self.per_tick)
            .wrapping_add(units.wrapping_mul(self.per_carry));
        (fields | worker) as i64
    }

    /// Up to which tick IDs may go.
    ///
    /// # Errors
    /// A regression beyond the tolerance.
    pub fn allow(&self, observed: &Observed, pace: &Pace) -> Result<Allowance, words::Error> {
        if observed.remarkable {
            pace.tolerate(observed.regression, observed.wall)?;
        }
        let last = self
            .last_tick_of(observed.horizon(pace))
            .min(self.last_tick());
        Ok(Allowance {
            regression: observed.regression,
            now: observed.now(),
            last,
        })
    }
}

/// What the clocks allow at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How far the wall clock is behind where it would be had it never gone back, in
    /// microseconds.
    pub regression: i64,
    /// Where the clock would be had it never gone back.
    pub now: Timestamp,
    /// The last tick that may be given out.
    pub last: u64,
}

impl Allowance {
    /// How long until `first` may be given out, in microseconds.
    pub fn wait(&self, shape: &Shape, first: u64, pace: &Pace) -> i64 {
        let from = shape.instant(first).micros();
        from.saturating_sub(self.now.micros())
            .saturating_sub(pace.max_lead)
            .max(0)
    }
}
