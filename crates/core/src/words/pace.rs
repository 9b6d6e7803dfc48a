//! How far ticks may leave the clock.

use super::error::Error;
use crate::timestamp::Timestamp;

/// How far IDs may leave the clock; all in microseconds, none negative.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How far IDs may run ahead of the clock.
    pub max_lead: i64,
    /// The largest regression of the clock with which IDs go on.
    pub clock_tolerance: i64,
    /// How far ahead of need the mark is raised.
    pub window: i64,
}

/// How far ahead of need the mark is raised at the most where flushes take long, in microseconds;
/// `mark_window` may be longer.
pub const LONGEST_REACH: i64 = 30_000_000;

impl Pace {
    /// A regression up to this is neither logged nor refused: a server that starts finds its mark
    /// this far ahead of the clock. The two units, of a millisecond at least, are what rounding
    /// the mark up to whole units and milliseconds can add. All in microseconds, the unit of the
    /// ticks too.
    pub fn unremarkable(&self, unit: i64) -> i64 {
        let rounding = 2 * unit.max(1_000);
        self.max_lead
            .saturating_add(self.window)
            .saturating_add(rounding)
    }

    /// The same of a mark from before the start, which says nothing of how long flushes took then.
    /// Where less is tolerated than slow flushes explain, they explain nothing.
    pub fn unremarkable_at_start(&self, unit: i64) -> i64 {
        if self.clock_tolerance < LONGEST_REACH {
            return self.unremarkable(unit);
        }
        let slow = Self {
            window: self.window.max(LONGEST_REACH),
            ..*self
        };
        slow.unremarkable(unit)
    }

    /// Whether IDs go on with the clock at `wall`, the given number of microseconds behind.
    ///
    /// # Errors
    /// A regression beyond the tolerance.
    pub fn tolerate(&self, regression: i64, wall: Timestamp) -> Result<(), Error> {
        if regression > self.clock_tolerance {
            return Err(Error::ClockWentBack {
                regression,
                tolerance: self.clock_tolerance,
                wall,
            });
        }
        Ok(())
    }
}
