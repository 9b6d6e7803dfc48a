//! The generator: one shared word per worker holds the last tick given out.
//!
//! The next tick is `max(last + 1, now)` by compare-and-swap. The same line covers a new unit of
//! time, a full sequence (it carries into the next unit), many backends at once, and a clock that
//! goes back (it goes on from the last tick).
//!
//! A *tick* counts units of time since an epoch, with a sequence in its lower bits. The word knows
//! neither the unit nor how many bits the sequence has.

use std::sync::atomic::AtomicU64;

use super::pace::Pace;
use super::word::{Word, add_one};
use crate::timestamp::{ClockSample, Timestamp};

/// What all backends share of one worker. A cache line each, so that two workers never share one.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Slot<W> {
    /// The last tick given out; above all ticks while the worker belongs to another server.
    pub last: W,
    /// Where the word was put without giving out an ID, at start and from the mark: it has given
    /// out one since if `last` is above.
    pub floor: W,
    /// The highest difference wall clock - monotonic clock seen since IDs last followed the wall
    /// clock, in an unsigned form that sorts the same; 0 before the first sample.
    pub offset: W,
    /// The regression that was noticed last, in microseconds, so that a step back is counted
    /// once, or that the start explains, with [`EXPLAINED`]; 0 while the clock is right.
    pub regressed: W,
    /// For a word without a mark: the tick below which no sample of the clocks is due.
    pub sampled: W,
    /// How often a caller waited for the clock.
    pub waits: W,
    /// How often the clock was found to have gone back.
    pub regressions: W,
    /// How often an ID was refused.
    pub errors: W,
}

/// Above every tick: where the word of a worker stands that is not this server's.
const CLOSED: u64 = 1 << 63;

/// Marks a regression in `regressed` that the start explains: the mark was that far ahead.
const EXPLAINED: u64 = 1 << 63;

/// Consecutive ticks of one worker that belong to the caller alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// No tick could be given out: `first` is the one whose turn it is, and is either past what the
/// clock allows or past the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// The tick whose turn it is.
    pub first: u64,
}

/// What a sample of the clocks says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// What the wall clock says.
    pub wall: Timestamp,
    /// How far it is behind where it would be had it never gone back, in microseconds.
    pub regression: i64,
    /// Whether that is more than a start of the server explains.
    pub remarkable: bool,
    /// Whether it was found just now.
    pub noticed: bool,
}

/// How the clocks stood to each other and to the word of a worker when a caller looked at both that
/// goes on ahead of a clock that went back. Until one of them is set that stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Wall clock - monotonic clock, in microseconds.
    difference: i64,
    /// The highest difference that counts, as the slot has it.
    offset: u64,
}

/// Two readings of clocks that no more than this sets apart are of clocks that were not set, in
/// microseconds: as much as one that is held up between two readings makes of it.
const STEADY: u64 = 100;

impl Observed {
    /// Where the clock would be had it never gone back.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.wall.micros().saturating_add(self.regression))
    }

    /// The latest time that an ID may have.
    pub fn horizon(&self, pace: &Pace) -> Timestamp {
        Timestamp::from_micros(self.now().micros().saturating_add(pace.max_lead))
    }
}

impl Slot<AtomicU64> {
    /// A slot that has given out nothing.
    pub const fn new() -> Self {
        Self {
            last: AtomicU64::new(0),
            floor: AtomicU64::new(0),
            offset: AtomicU64::new(0),
            regressed: AtomicU64::new(0),
            sampled: AtomicU64::new(0),
            waits: AtomicU64::new(0),
            regressions: AtomicU64::new(0),
            errors: AtomicU64::new(0),
        }
    }

    /// A slot that gives out nothing until it is opened.
    pub const fn closed() -> Self {
        Self {
            last: AtomicU64::new(CLOSED),
            ..Self::new()
        }
    }
}

impl<W: Word> Slot<W> {
    /// Claims up to `count` ticks (1 or more), one at least: from the later of the tick after the
    /// last one and the first of the unit `now`, to `allowed` at the most, and below `mark`
    /// (exclusive).
    ///
    /// `start` picks the sequence with which a new unit begins; the carry makes any value below
    /// the number of sequences sound.
    ///
    /// The bounds are checked before the swap, never after: a tick once taken cannot be put back,
    /// and the mark is read first, so that a word raised before the mark was published is seen.
    ///
    /// # Errors
    /// The tick whose turn it is, if it is past `allowed` or not below `mark`.
    #[inline(always)]
    pub fn claim(
        &self,
        mark: &W,
        now: u64,
        allowed: u64,
        count: u64,
        mut start: impl FnMut() -> u64,
    ) -> Result<Claim, Beyond> {
        let limit = mark.load_acquire().saturating_sub(1).min(allowed);
        let mut current = self.last.load_relaxed();
        loop {
            let first = if now > current {
                now + start()
            } else {
                current + 1
            };
            if first > limit {
                return Err(Beyond { first });
            }
            let last = limit.min(first + (count - 1));
            match self.last.compare_exchange_relaxed(current, last) {
                Ok(_) => return Ok(Claim { first, last }),
                Err(actual) => current = actual,
            }
        }
    }

    /// Claims up to `count` ticks right after the last one, if the first of them lies after
    /// `reached`: for a caller that has not read the clock, but knows that it is not past the unit
    /// of that tick. Otherwise as [`Slot::claim`], which would return the same.
    #[inline(always)]
    pub fn claim_ahead(&self, mark: &W, reached: u64, allowed: u64, count: u64) -> Option<Claim> {
        let limit = mark.load_acquire().saturating_sub(1).min(allowed);
        let mut current = self.last.load_relaxed();
        loop {
            let first = current + 1;
            if first <= reached || first > limit {
                return None;
            }
            let last = limit.min(first + (count - 1));
            match self.last.compare_exchange_relaxed(current, last) {
                Ok(_) => return Some(Claim { first, last }),
                Err(actual) => current = actual,
            }
        }
    }

    /// The same of one tick, by what followed from a standing of the clocks: only for a slot that
    /// they stand to alike. Another worker's may never have seen the clock that went back.
    #[inline(always)]
    pub fn claim_behind(
        &self,
        standing: Standing,
        mark: &W,
        reached: u64,
        allowed: u64,
    ) -> Option<Claim> {
        if self.offset.load_relaxed() != standing.offset {
            return None;
        }
        self.claim_ahead(mark, reached, allowed, 1)
    }

    /// How the clocks stand now, if the wall clock is behind where it would be had it never gone back,
    /// by more than rounding both to microseconds makes of it.
    pub fn standing(&self, sample: &ClockSample) -> Option<Standing> {
        let difference = sample.wall.micros().saturating_sub(sample.monotonic_before);
        let offset = self.offset.load_relaxed();
        (offset > order(difference.saturating_add(2))).then_some(Standing { difference, offset })
    }

    /// How far the monotonic clock is behind where the wall clock would be had it never gone back,
    /// in microseconds: for a caller that has looked at the clocks before, and now has cheap
    /// readings of both. `None` unless they stand as they did, so that there is nothing new to be
    /// noticed or refused.
    #[inline(always)]
    pub fn still(&self, standing: Standing, wall: Timestamp, monotonic: i64) -> Option<i64> {
        let difference = wall.micros().wrapping_sub(monotonic);
        let is_steady = difference.abs_diff(standing.difference) <= STEADY;
        (is_steady && self.offset.load_relaxed() == standing.offset)
            .then(|| disorder(standing.offset))
    }

    /// Forgets how far the wall clock went back once it is past the last tick, whose time is
    /// `reached`: IDs follow it again, and a later step back is one of its own.
    pub fn catch_up(&self, sample: &ClockSample, reached: Timestamp) {
        if sample.wall >= reached {
            let difference = order(sample.wall.micros().saturating_sub(sample.monotonic_after));
            let highest = self.offset.load_relaxed();
            if highest > difference {
                // after a lost race, the next sample does it
                let _ = self.offset.compare_exchange_relaxed(highest, difference);
            }
        }
    }

    /// Samples the clocks: how far the wall clock went back. A regression above `unremarkable`
    /// microseconds is counted, once.
    pub fn observe(&self, sample: &ClockSample, unremarkable: i64) -> Observed {
        let wall = sample.wall.micros();
        // the bounds of the true difference: the highest is raised by the lower one, the
        // regression counted from the upper one, so a pause between the readings shows as neither
        let lower = wall.saturating_sub(sample.monotonic_after);
        let regression = behind(self.offset.raise_relaxed(order(lower)), sample);

        let known = self.regressed.load_relaxed();
        let explained = if known & EXPLAINED == 0 {
            0
        } else {
            (known & !EXPLAINED) as i64
        };
        let remarkable = regression > unremarkable.saturating_add(explained);
        Observed {
            wall: sample.wall,
            regression,
            remarkable,
            // what is explained is so until the clock is right
            noticed: (remarkable || regression <= unremarkable)
                && self.notice(known, regression, remarkable, unremarkable),
        }
    }

    /// Whether a regression is news: the first since the clock was right, or a further step.
    fn notice(&self, known: u64, regression: i64, remarkable: bool, unremarkable: i64) -> bool {
        let amount = (known & !EXPLAINED) as i64;
        let news = if remarkable {
            regression > amount.saturating_add(unremarkable)
        } else {
            known != 0
        };
        // after a lost race, the winner or the next sample does it
        let next = if remarkable { regression as u64 } else { 0 };
        let noticed =
            news && self.regressed.compare_exchange_relaxed(known, next).is_ok() && remarkable;
        if noticed {
            add_one(&self.regressions);
        }
        noticed
    }

    /// Goes on from `tick` at the earliest, and takes the clock to have been at `instant` when
    /// the monotonic clock stood at `monotonic`.
    pub fn resume(&self, tick: u64, instant: Timestamp, monotonic: i64) {
        self.floor.raise_relaxed(tick);
        self.last.raise_relaxed(tick);
        let offset = instant.micros().saturating_sub(monotonic);
        self.offset.raise_relaxed(order(offset));
    }

    /// Goes on after `tick` at the earliest, which another server has given out: that says nothing of
    /// the clocks here. No call opens the word meanwhile.
    pub(super) fn pass(&self, tick: u64) {
        self.floor.raise_relaxed(tick);
        self.last.raise_relaxed(tick);
    }

    /// Takes a regression up to this, in microseconds, for one that the start explains, until the
    /// clock is right or goes back further.
    pub fn explain(&self, regression: i64) {
        if regression <= 0 {
            return;
        }
        let word = EXPLAINED | regression as u64;
        let mut known = self.regressed.load_relaxed();
        while (known == 0 || known & EXPLAINED != 0) && known < word {
            match self.regressed.compare_exchange_relaxed(known, word) {
                Ok(_) => return,
                Err(actual) => known = actual,
            }
        }
    }

    /// How far the wall clock is behind where it would be had it never gone back, in
    /// microseconds, with the last tick at `reached`; changes nothing.
    pub fn regression(&self, sample: &ClockSample, reached: Timestamp) -> i64 {
        if sample.wall >= reached {
            return 0;
        }
        behind(self.offset.load_relaxed(), sample)
    }

    /// Gives out no further tick: the worker belongs to another server now.
    pub fn close(&self) {
        let last = self.last.raise_relaxed(CLOSED);
        if last < CLOSED {
            self.floor.raise_relaxed(last);
        }
    }

    /// Whether the worker belongs to another server.
    pub fn is_closed(&self) -> bool {
        self.last.load_relaxed() >= CLOSED
    }

    /// Opens the word again, as [`Slot::resume`] and not below any tick from before it was closed.
    /// No other call puts the word anywhere meanwhile.
    pub fn open(&self, tick: u64, instant: Timestamp, monotonic: i64) {
        self.resume(tick, instant, monotonic);
        let floor = self.floor.load_relaxed();
        while self.is_closed() {
            // fails spuriously at the most
            let _ = self.last.compare_exchange_relaxed(CLOSED, floor);
        }
    }

    /// The last tick given out, if any was since the word was put where it began.
    pub fn given(&self) -> Option<u64> {
        let last = self.last.load_relaxed();
        (last > self.floor.load_relaxed() && last < CLOSED).then_some(last)
    }

    /// Counts a caller that waits.
    pub fn count_wait(&self) {
        add_one(&self.waits);
    }

    /// Counts an ID that was refused.
    pub fn count_error(&self) {
        add_one(&self.errors);
    }
}

/// How far a sample of the clocks is behind the highest difference that counts, in microseconds.
fn behind(offset: u64, sample: &ClockSample) -> i64 {
    let upper = sample.wall.micros().saturating_sub(sample.monotonic_before);
    let behind = match offset {
        0 => 0,
        offset => disorder(offset).saturating_sub(upper),
    };
    // each of the two differences is of readings that were rounded down: one is no step
    if behind > 1 { behind } else { 0 }
}

/// A signed number as an unsigned one that orders the same way.
const fn order(signed: i64) -> u64 {
    signed as u64 ^ 1 << 63
}

const fn disorder(ordered: u64) -> i64 {
    (ordered ^ 1 << 63) as i64
}
