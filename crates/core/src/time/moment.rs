//! The wall clock beside a clock that nobody sets, and how one shows that the other was set.

/// Nanoseconds by which the wall clock may leave the elapsed time without having jumped, and which part
/// of the time besides: chrony slews it by up to a twelfth.
const UNREMARKABLE_JUMP: i64 = 100_000_000;
const UNREMARKABLE_SLEW: i64 = 10;

/// Two clocks at one moment, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock, since 1970.
    pub wall: i64,
    /// A clock that nobody sets or slews.
    pub elapsed: i64,
}

impl Moment {
    /// By how much the wall clock has jumped since an earlier moment: left the time that has passed
    /// further than a slew can.
    pub fn jump_since(self, earlier: Self) -> Option<Jump> {
        let passed = self.elapsed.saturating_sub(earlier.elapsed);
        let by = self
            .wall
            .saturating_sub(earlier.wall)
            .saturating_sub(passed);
        let unremarkable = UNREMARKABLE_JUMP.saturating_add(passed.max(0) / UNREMARKABLE_SLEW);
        let at = self.wall;
        (by.unsigned_abs() > unremarkable.unsigned_abs()).then_some(Jump { by, at })
    }
}

/// A jump of the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// By how much, in nanoseconds; forward if positive.
    pub by: i64,
    /// What the wall clock said after it, in nanoseconds since 1970.
    pub at: i64,
}
