//! What the kernel says of its clock, by adjtimex(2).

use super::moment::Moment;

/// With a larger error the kernel itself takes its clock for unsynchronised, in microseconds.
const LARGEST_ERROR: i64 = 16_000_000;
/// What systemd-timesyncd lets a clock be off before it steps it, while it reports no error at all,
/// in microseconds.
const UNREPORTED: i64 = 400_000;
/// STA_INS and STA_DEL: a leap second is to be inserted, or deleted, at the end of the day.
const LEAP_BITS: i32 = 0x30;
/// TIME_INS, TIME_DEL and TIME_OOP: the same, and that one is in progress.
const LEAP_STATES: std::ops::RangeInclusive<i32> = 1..=3;

/// What adjtimex(2) returned, in its own units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelReading {
    /// What it returned, such as TIME_OK.
    pub state: i32,
    /// The bits of `status`.
    pub status: i32,
    /// `maxerror`, in microseconds.
    pub max_error: i64,
    /// `esterror`, in microseconds.
    pub est_error: i64,
    /// `freq`, in units of 2⁻¹⁶ ppm.
    pub frequency: i64,
    /// `tai`, in seconds.
    pub tai: i32,
}

impl KernelReading {
    /// What the clock is off by at the most, in microseconds; `None` if nothing keeps it right.
    ///
    /// Told by the error and not by STA_UNSYNC: chrony without `rtcsync` sets the one and leaves the
    /// other. systemd-timesyncd reports no error at all, and counts as what it lets pass.
    pub fn bound(&self) -> Option<i64> {
        (self.max_error < LARGEST_ERROR).then(|| self.largest_error())
    }

    /// Whether it announces a leap second.
    pub fn announces_leap(&self) -> bool {
        self.status & LEAP_BITS != 0 || LEAP_STATES.contains(&self.state)
    }

    fn largest_error(&self) -> i64 {
        let unreported = if self.est_error == 0 { UNREPORTED } else { 0 };
        self.max_error.max(0).saturating_add(unreported)
    }
}

/// What the kernel vouched for once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelSample {
    /// When.
    pub at: Moment,
    /// What the wall clock was off by at the most, in nanoseconds.
    pub error: i64,
}

/// What that means.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelClock {
    /// Whether something keeps the clock right, by [`KernelReading::bound`].
    pub synchronised: bool,
    /// What the clock is off by at the most, in microseconds. 400 ms more than the kernel says if
    /// it says that the estimated error is 0.
    pub max_error: i64,
    /// What it is off by as the daemon estimates, in microseconds.
    pub est_error: i64,
    /// How the daemon corrects the crystal, in ppm.
    pub frequency_ppm: f64,
    /// The names of the bits of `status`.
    pub flags: Vec<&'static str>,
    /// What TAI is ahead of UTC, in seconds; 0 if nobody told the kernel.
    pub tai_offset: i32,
    /// ok, insert, delete, in progress, wait or error.
    pub state: &'static str,
}

/// The names of the bits of `status`, the lowest first: STA_PLL and so on.
const FLAGS: [&str; 16] = [
    "pll",
    "ppsfreq",
    "ppstime",
    "fll",
    "ins",
    "del",
    "unsync",
    "freqhold",
    "ppssignal",
    "ppsjitter",
    "ppswander",
    "ppserror",
    "clockerr",
    "nano",
    "mode",
    "clk",
];

impl From<KernelReading> for KernelClock {
    fn from(reading: KernelReading) -> Self {
        let is_set = |bit: usize| reading.status >> bit & 1 == 1;
        Self {
            synchronised: reading.bound().is_some(),
            max_error: reading.largest_error(),
            est_error: reading.est_error,
            frequency_ppm: reading.frequency as f64 / 65_536.0,
            flags: FLAGS
                .iter()
                .enumerate()
                .filter(|(bit, _)| is_set(*bit))
                .map(|(_, name)| *name)
                .collect(),
            tai_offset: reading.tai,
            state: match reading.state {
                0 => "ok",
                1 => "insert",
                2 => "delete",
                3 => "in progress",
                4 => "wait",
                _ => "error",
            },
        }
    }
}
