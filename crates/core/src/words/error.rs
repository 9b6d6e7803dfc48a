//! What the shared words refuse.

use crate::refusal::{Kind, Refusal};
use crate::timestamp::{Timestamp, seconds};

/// Why no tick is given out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The clock is further behind than is tolerated.
    #[error("the clock went back by {}", seconds(*regression))]
    ClockWentBack {
        /// How far, in microseconds.
        regression: i64,
        /// How far is tolerated, in microseconds.
        tolerance: i64,
        /// What the clock says.
        wall: Timestamp,
    },
}

impl Refusal for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::ClockWentBack { .. } => Kind::Clock,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::ClockWentBack {
                tolerance, wall, ..
            } => Some(format!(
                "The clock reads {wall}; snowflake_pg.clock_tolerance is {}.",
                seconds(*tolerance)
            )),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::ClockWentBack { .. } => Some(
                "Correct the clock, or raise snowflake_pg.clock_tolerance above the distance to \
                 go on with IDs that are ahead of time.",
            ),
        }
    }
}
