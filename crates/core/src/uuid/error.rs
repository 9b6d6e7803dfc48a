//! What is refused about UUIDs.

use crate::refusal::{Kind, Refusal};
use crate::timestamp::Timestamp;

/// Why a UUID cannot be made or taken apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Bytes that are not a UUID.
    #[error("a UUID has 16 bytes, not {length}")]
    Length {
        /// How many there are.
        length: usize,
    },
    /// A time that UUIDs of version 7 do not hold.
    #[error("timestamp {timestamp} is out of range for UUID version 7")]
    TimestampOutOfRange {
        /// The time.
        timestamp: Timestamp,
    },
    /// A UUID that is no snowflake128.
    #[error("UUID {uuid} is not a snowflake128")]
    NotSnowflake128 {
        /// The UUID.
        uuid: String,
    },
}

impl Refusal for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Length { .. } | Self::NotSnowflake128 { .. } => Kind::InvalidParameter,
            Self::TimestampOutOfRange { .. } => Kind::TimestampOutOfRange,
        }
    }

    fn detail(&self) -> Option<String> {
        Some(match self {
            Self::Length { .. } => return None,
            Self::TimestampOutOfRange { .. } => {
                "It holds times from 1970-01-01T00:00:00Z to 10889-08-02T05:31:50.655Z.".into()
            }
            Self::NotSnowflake128 { .. } => {
                "A snowflake128 is a UUID of version 8 and variant rfc9562.".into()
            }
        })
    }

    fn hint(&self) -> Option<&'static str> {
        None
    }
}
