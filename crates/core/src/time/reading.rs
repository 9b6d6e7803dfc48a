//! A reading of the clock that stands for the next ones, by a counter of the processor that is
//! cheaper to read.

/// Nanoseconds after which a rate is known well enough.
const LEAST_NANOS: i64 = 10_000_000;

/// The most ticks per nanosecond, and nanoseconds per tick, that are believed.
const MOST: u64 = 16;

/// For how many microseconds a reading stands at the most: it is as long as it may take until a
/// clock that was set is noticed.
pub const LONGEST_READING: u64 = 1_000;

/// How fast a counter runs, at the least: ticks in 2^20 microseconds, less an eighth. The eighth is
/// for a clock that is slewed meanwhile: Linux lets it be by 10 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterRate(u64);

impl CounterRate {
    /// By the ticks that were counted within so many nanoseconds; `None` if too few have passed, or
    /// if no such counter is known.
    pub fn between(ticks: u64, nanos: i64) -> Option<Self> {
        let elapsed = u64::try_from(nanos).ok()?;
        let fewest = elapsed / MOST;
        let most = elapsed.saturating_mul(MOST);
        if nanos < LEAST_NANOS || ticks < fewest || ticks > most {
            return None;
        }
        let per_span = ((u128::from(ticks) * 1_000) << 20) / u128::from(elapsed);
        Some(Self((per_span * 7 / 8) as u64))
    }

    /// Ticks within so many microseconds, [`LONGEST_READING`] at the most.
    #[inline(always)]
    const fn ticks(self, micros: u64) -> u64 {
        micros.saturating_mul(self.0) >> 20
    }
}

/// A tick that follows from the clock, such as the first one of the unit that it is in, and until
/// when it certainly does, unless somebody sets the clock.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    tick: u64,
    /// The counter, read before the clock.
    counter: u64,
    /// Ticks of the counter from then on.
    lasts: u64,
}

impl Reading {
    /// One that stands for nothing.
    pub const NONE: Self = Self {
        tick: 0,
        counter: 0,
        lasts: 0,
    };

    /// A tick that stands for `rest` microseconds from a reading of the clock on, or for
    /// [`LONGEST_READING`]; the counter stood at `counter` before.
    #[inline]
    pub const fn new(tick: u64, rest: u64, counter: u64, rate: CounterRate) -> Self {
        // the clock was read in whole microseconds, and may have been nearly one further
        let rest = rest.saturating_sub(1);
        let rest = if rest > LONGEST_READING {
            LONGEST_READING
        } else {
            rest
        };
        Self {
            tick,
            counter,
            lasts: rate.ticks(rest),
        }
    }

    /// Whether it stands for anything; if not, the counter need not be read.
    #[inline(always)]
    pub const fn is_some(&self) -> bool {
        self.lasts != 0
    }

    /// The tick, while it stands. A counter that went back ends that.
    #[inline(always)]
    pub const fn tick(&self, counter: u64) -> Option<u64> {
        if counter.wrapping_sub(self.counter) < self.lasts {
            Some(self.tick)
        } else {
            None
        }
    }
}
