//! The gate: whether IDs may be given out by the clock as it is.

use super::select::Span;

/// When IDs are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GateMode {
    /// Never: nothing is read.
    #[default]
    Off,
    /// Never, but the log says what is wrong.
    Warn,
    /// While the clock is certainly wrong.
    Wrong,
    /// Unless the clock is certainly right.
    Unsure,
}

/// What is known of the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody says anything, or nothing narrower than what is too much.
    #[default]
    Unknown,
    /// Off by no more than what is too much, for certain.
    Right,
    /// Perhaps right and perhaps wrong.
    Unsure,
    /// Off by more than what is too much, for certain.
    Wrong,
}

impl Verdict {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Right => "right",
            Self::Unsure => "unsure",
            Self::Wrong => "wrong",
        }
    }

    /// By what true time is ahead of the clock, all in nanoseconds. Nobody who says no more than that it
    /// is between far behind and far ahead says anything.
    pub fn new(offset: Option<Span>, max_error: i64) -> Self {
        let Some(offset) = offset else {
            return Self::Unknown;
        };
        if offset.low > max_error || offset.high < -max_error {
            Self::Wrong
        } else if offset.low >= -max_error && offset.high <= max_error {
            Self::Right
        } else if offset.low < -max_error && offset.high > max_error {
            Self::Unknown
        } else {
            Self::Unsure
        }
    }
}

impl GateMode {
    /// As it is set.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Wrong => "wrong",
            Self::Unsure => "unsure",
        }
    }

    /// Whether it may refuse.
    pub fn can_refuse(self) -> bool {
        matches!(self, Self::Wrong | Self::Unsure)
    }

    /// Whether IDs are given out.
    pub fn admits(self, verdict: Verdict) -> bool {
        match self {
            Self::Off | Self::Warn => true,
            Self::Wrong => verdict != Verdict::Wrong,
            Self::Unsure => verdict == Verdict::Right,
        }
    }
}
