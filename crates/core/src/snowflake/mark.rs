//! The mark: no ID with a timestamp at or above it has been given out.
//!
//! It is raised ahead of need, and durable before IDs go up to it. What a crash, a failover or a
//! restore brings back is the stored mark, which is above every ID given out before, and IDs go on
//! from it. On its way from the database to the callers it has several names:
//!
//! | mark | in | what it is |
//! |---|---|---|
//! | stored | milliseconds | what stands in the database, perhaps not yet durable |
//! | storing | milliseconds | what is about to be stored; [`Mark::storing`] notes it in `written` |
//! | written | milliseconds | the highest that this server has stored or taken over |
//! | durable | ticks | the highest that is known to survive a crash: IDs stay below it |
//! | bound | ticks | how far callers go without looking at the mark: never above `durable` |
//!
//! Milliseconds are since 1970. A stored mark above `written` came from elsewhere, from before the
//! start or from a restore; one below it lost something.
//!
//! A raise by half a window ahead need not wait until it is durable. Until it is, the IDs below
//! the durable mark last: the bound, which callers compare with, follows in steps, and at each step
//! a caller looks whether the raise has become durable.
//!
//! Where flushes take long the mark is raised further ahead than a window. A caller that waited for
//! a flush nevertheless goes by the clock as it was when it asked for the raise, so that it finds
//! itself below the mark however long the flush took: by the clock of afterwards it could be beyond
//! it again, each time.

use std::sync::atomic::AtomicU64;

use super::shape::Shape;
use crate::timestamp::Timestamp;
use crate::words::{LONGEST_REACH, Pace, Word, add_one};

/// How many flushes a mark is raised ahead of need: half of that passes before it is raised again,
/// and one flush may have to wait for another.
const FLUSHES: i64 = 8;

/// How far a mark goes that others must not find too far ahead, from a tick that is so itself, in
/// microseconds.
const STEP: i64 = 10_000;

/// One database's mark in shared memory.
///
/// ```
/// use snowflake_core::Timestamp;
/// use snowflake_core::snowflake::{Found, Layout, Mark, Need, Raise};
/// use snowflake_core::words::Pace;
///
/// let shape = Layout::twitter().shape();
/// let pace = Pace { max_lead: 500_000, clock_tolerance: 1_000_000, window: 1_000_000 };
/// let now = 1_735_689_600_000;
/// let wall = Timestamp::from_millis(now);
/// let first = shape.first_tick(wall);
///
/// let mark = Mark::new();
/// let found = Found { stored: 0, native: 0, wall, end: i64::MAX };
/// // a window beyond the unit that asks for it
/// let raise = mark.decide(&shape, Need::Now(first), found, &pace);
/// assert_eq!(raise, Raise::Store { mark: now + 1 + 1_000 });
/// mark.storing(now + 1_001);
/// // once it is durable
/// mark.publish(&shape, now + 1_001, &pace);
/// assert_eq!(mark.need(first), Need::Ahead(first));
/// ```
#[derive(Debug, Default)]
pub struct Mark<W> {
    /// The tick below which IDs may be given out without looking at the mark; never above
    /// `durable`, and 0 until the stored mark has been read.
    pub bound: W,
    /// The tick below which IDs may be given out: the durable mark.
    pub durable: W,
    /// The highest mark that this server has stored, or is about to store, in milliseconds since
    /// 1970; 0 before the first.
    pub written: W,
    /// How often a caller waited until a raise was durable.
    pub waits: W,
    /// How long it took lately until a raise was durable, in microseconds.
    pub flush: W,
    /// When the raise was stored that is not known to be durable yet, by the monotonic clock, in
    /// microseconds; 0 if there is none.
    pub asked: W,
}

/// What a caller needs of the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// That it is durable above a tick.
    Now(u64),
    /// That it is durable above a later tick in good time; it is above this one.
    Ahead(u64),
    /// That what is stored is what this server has stored.
    Intact,
}

/// What stands in the database while its lock is held, and the clock.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// The stored mark, in milliseconds since 1970; 0 if it was never raised.
    pub stored: i64,
    /// A stored mark up to this one, in milliseconds since 1970, is no foreign one, also where
    /// `written` does not know it.
    pub native: i64,
    /// What the wall clock says.
    pub wall: Timestamp,
    /// No ID may have a timestamp at or above this one, in milliseconds since 1970: the end of the
    /// server's lease; `i64::MAX` where none is needed.
    pub end: i64,
}

/// What to do about a stored mark, decided while it is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raise {
    /// Nothing: another backend has raised and published it.
    Published,
    /// It was raised ahead: publish `mark` if it is durable by now.
    Raised {
        /// Milliseconds since 1970.
        mark: i64,
    },
    /// It is high enough: make durable what is stored, then publish `mark`.
    Adopt {
        /// Milliseconds since 1970.
        mark: i64,
        /// It came from elsewhere: all words must be raised to it first.
        foreign: bool,
    },
    /// Store `mark`, make it durable, then publish it.
    Store {
        /// Milliseconds since 1970.
        mark: i64,
    },
    /// Nothing: the unit of the tick goes beyond the end.
    Ended,
}

impl Mark<AtomicU64> {
    /// A mark that has not been read.
    pub const fn new() -> Self {
        Self {
            bound: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            written: AtomicU64::new(0),
            waits: AtomicU64::new(0),
            flush: AtomicU64::new(0),
            asked: AtomicU64::new(0),
        }
    }
}

impl<W: Word> Mark<W> {
    /// Makes it one that has not been read, for another database. Nobody may be using it.
    pub fn clear(&self) {
        let marks = [&self.bound, &self.durable, &self.written];
        let figures = [&self.waits, &self.flush, &self.asked];
        for word in marks.into_iter().chain(figures) {
            word.store_relaxed(0);
        }
    }

    /// What a caller needs whose turn it is at `first`, a tick not below `bound`.
    pub fn need(&self, first: u64) -> Need {
        if self.durable.load_acquire() > first {
            Need::Ahead(first)
        } else {
            Need::Now(first)
        }
    }

    /// Decides what becomes of the stored mark. The caller holds the lock that serialises raises.
    ///
    /// The mark goes a window beyond the tick that asks for it, or more where flushes take long,
    /// but not beyond where the clock lets IDs go in that time: a server that starts goes on from
    /// the mark, and many starts in a row must not add up. Only a clock that went back puts the
    /// tick itself beyond that. Nor does it go beyond the end of the lease, and for long flushes
    /// not beyond half of what is left of it: what lies below the mark cannot be handed back.
    pub fn decide(&self, shape: &Shape, need: Need, found: Found, pace: &Pace) -> Raise {
        let wall = found.wall;
        self.decide_by(shape, need, found, |unit_end| {
            let lease_end = found.end.saturating_mul(1_000);
            let half = lease_end.saturating_sub(wall.micros()) / 2;
            let reach = self.reach(pace).min(half.max(pace.window));
            target(unit_end, wall, pace.max_lead, reach).min(lease_end)
        })
    }

    /// The same of a mark that others must not find too far ahead of their clocks once a server
    /// that starts goes on from it: it goes to a window beyond the clock, and where the tick itself
    /// is further ahead, 10 ms on from there, however long flushes take.
    pub fn decide_near(&self, shape: &Shape, need: Need, found: Found, pace: &Pace) -> Raise {
        let beyond = found.wall.micros().saturating_add(pace.window);
        self.decide_by(shape, need, found, |unit_end| {
            beyond.max(unit_end.saturating_add(STEP))
        })
    }

    /// Decides, with how far the mark should go for a tick whose unit has this end, in
    /// microseconds since 1970.
    fn decide_by(
        &self,
        shape: &Shape,
        need: Need,
        found: Found,
        target: impl FnOnce(i64) -> i64,
    ) -> Raise {
        let stored = found.stored;
        let written = self.written.load_relaxed() as i64;
        if stored > written.max(found.native) {
            return Raise::Adopt {
                mark: stored,
                foreign: true,
            };
        }
        let lost = stored < written;
        let first = match need {
            Need::Intact if lost => return Raise::Store { mark: written },
            Need::Intact => return Raise::Published,
            Need::Now(first) | Need::Ahead(first) => first,
        };
        let unit_end = end_of_unit(shape, first);
        let lease_end = found.end.saturating_mul(1_000);
        match need {
            Need::Now(_) if self.durable.load_acquire() > first => return Raise::Published,
            Need::Now(_) if unit_end > lease_end => return Raise::Ended,
            // what is durable still lasts
            Need::Ahead(_) if unit_end > lease_end => return Raise::Published,
            Need::Now(_) if !lost && bound_of(shape, stored) > first => {
                return Raise::Adopt {
                    mark: stored,
                    foreign: false,
                };
            }
            Need::Ahead(_) if !lost && bound_of(shape, stored) > self.durable.load_acquire() => {
                return Raise::Raised { mark: stored };
            }
            _ => {}
        }
        // rounded up to whole milliseconds, so that the tick is covered in any unit
        let mark = (target(unit_end).saturating_add(999) / 1_000)
            .max(written)
            .max(stored);
        if mark == stored {
            return Raise::Published;
        }
        Raise::Store { mark }
    }

    /// Remembers `mark`, in milliseconds since 1970, which is about to be stored, while the lock is
    /// held, or which was taken over from elsewhere.
    pub fn storing(&self, mark: i64) {
        self.written.raise_relaxed(mark as u64);
    }

    /// How far ahead of need the mark is raised, in microseconds: a window, or more where a flush
    /// takes longer than the half of it that a raise comes early.
    pub fn reach(&self, pace: &Pace) -> i64 {
        let flush = self.flush.load_relaxed() as i64;
        if flush <= pace.window / 2 {
            return pace.window;
        }
        pace.window.max(flush.saturating_mul(FLUSHES))
    }

    /// Remembers that a raise was stored at `now`, by the monotonic clock in microseconds.
    pub fn asking(&self, now: i64) {
        self.asked.store_relaxed(now as u64);
    }

    /// Learns that it was not durable at `now`.
    pub fn not_yet_durable(&self, now: i64) {
        let asked = self.asked.load_relaxed();
        if asked > 0 {
            self.flush.raise_relaxed(took(asked, now));
        }
    }

    /// Learns that it was durable at `now`, and if a caller `waited` for that, not long before. A
    /// disk that is fast again is believed little by little.
    pub fn found_durable(&self, now: i64, waited: bool) {
        let asked = self.asked.load_relaxed();
        if asked == 0 || self.asked.compare_exchange_relaxed(asked, 0).is_err() {
            return;
        }
        let took = if waited { took(asked, now) } else { 0 };
        let known = self.flush.load_relaxed();
        // after a lost race, the next raise does it
        let _ = self
            .flush
            .compare_exchange_relaxed(known, took.max(known - known / 4));
    }

    /// Learns how long a caller waited until a raise was durable, in microseconds: the flush took no
    /// less, whatever others have asked for since.
    pub fn waited(&self, micros: i64) {
        self.flush.raise_relaxed(took(0, micros));
    }

    /// Publishes `mark`, which is durable, in milliseconds since 1970, as far as the server's fence
    /// admits it. Words that must be above it were raised before.
    ///
    /// Callers look at the mark again half a window before it, or half of its reach.
    pub fn publish(&self, shape: &Shape, mark: i64, pace: &Pace) {
        self.durable.raise_release(bound_of(shape, mark));
        let half = Timestamp::from_micros(mark.saturating_mul(1_000) - self.reach(pace) / 2);
        self.bound.raise_release(shape.first_tick(half));
    }

    /// Lets callers go on for a sixteenth of the reach, or a unit, from `first`, as far as the mark
    /// allows.
    pub fn step(&self, shape: &Shape, first: u64, pace: &Pace) {
        let end = end_of_unit(shape, first).saturating_add(self.reach(pace) / 16);
        let step = Timestamp::from_micros(end);
        let bound = shape.first_tick(step).min(self.durable.load_acquire());
        self.bound.raise_release(bound);
    }

    /// Counts a caller that waited until a raise was durable.
    pub fn count_wait(&self) {
        add_one(&self.waits);
    }
}

/// How long a flush took that was asked for at `asked`, in microseconds: no longer than counts.
fn took(asked: u64, now: i64) -> u64 {
    now.saturating_sub(asked as i64)
        .clamp(0, LONGEST_REACH / FLUSHES) as u64
}

/// How far a mark goes that is raised for a unit with this end; all in microseconds, ends and
/// instants since 1970.
fn target(unit_end: i64, wall: Timestamp, max_lead: i64, reach: i64) -> i64 {
    let ahead = unit_end.saturating_add(reach);
    let ceiling = wall.micros().saturating_add(max_lead).saturating_add(reach);
    if ceiling >= unit_end {
        ahead.min(ceiling)
    } else {
        ahead
    }
}

/// Where the unit of a tick ends, in microseconds since 1970.
fn end_of_unit(shape: &Shape, tick: u64) -> i64 {
    let begin = shape.instant(tick).micros();
    begin.saturating_add(shape.unit())
}

/// The first tick at or above a mark, rounded down to a whole unit.
fn bound_of(shape: &Shape, mark: i64) -> u64 {
    shape.first_tick(Timestamp::from_millis(mark))
}
