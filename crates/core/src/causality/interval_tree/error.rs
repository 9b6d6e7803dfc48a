//! What is refused about interval tree clocks.

use crate::refusal::{Kind, Refusal};

use super::limits::{DEEPEST, MOST_BYTES, MOST_EVENTS};

/// Why something is no stamp or version, or makes none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Text that does not read as one.
    #[error("invalid input syntax for type {name}: \"{text}\"")]
    Text {
        /// The type.
        name: &'static str,
        /// What was given, or how it begins.
        text: String,
        /// Where it is wrong, as a sentence.
        problem: String,
    },
    /// Bytes that are none, though their version is known.
    #[error("invalid binary form of type {name}")]
    Binary {
        /// The type.
        name: &'static str,
        /// What is wrong with them.
        problem: Malformed,
    },
    /// Bytes of another version.
    #[error("unknown version {version} of the binary form of type {name}")]
    Version {
        /// The type.
        name: &'static str,
        /// The version that they begin with.
        version: u8,
    },
    /// More levels than there can be.
    #[error("an interval tree clock has {} levels at most", DEEPEST)]
    TooDeep,
    /// More bytes than there can be.
    #[error("an interval tree clock has {} bytes at most", MOST_BYTES)]
    TooLarge,
    /// More events than can be counted.
    #[error("an interval tree clock counts {} events at most", MOST_EVENTS)]
    TooMany,
    /// Two stamps of which one identity is a part of the other, or has a part in common with it.
    #[error("the identities of the stamps overlap")]
    Overlap,
    /// A stamp that is nobody's.
    #[error("a stamp without an identity cannot record events")]
    NoIdentity,
    /// There is no memory for it.
    #[error("out of memory")]
    OutOfMemory,
}

/// What can be wrong with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There are none at all.
    #[error("It has no bytes.")]
    Empty,
    /// A tree goes on behind them.
    #[error("It ends within a tree.")]
    Short,
    /// They mean something that is written in another way.
    #[error("It is not the one form that its value has.")]
    OtherForm,
}

impl Refusal for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Text { .. } => Kind::InvalidText,
            Self::Binary { .. } | Self::Version { .. } => Kind::InvalidBinary,
            Self::TooDeep | Self::TooLarge => Kind::LimitExceeded,
            Self::TooMany => Kind::NumericOutOfRange,
            Self::Overlap | Self::NoIdentity => Kind::InvalidParameter,
            Self::OutOfMemory => Kind::OutOfMemory,
        }
    }

    fn detail(&self) -> Option<String> {
        Some(match self {
            Self::Text { problem, .. } => problem.clone(),
            Self::Binary { problem, .. } => problem.to_string(),
            Self::Version { .. } => "A later version of the extension may know it.".into(),
            Self::Overlap => {
                "A stamp was copied: one of these, or one that they come from, is in use twice."
                    .into()
            }
            _ => return None,
        })
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Text {
                name: "itc_stamp", ..
            } => "Write it as ((0,1),(2,0,(0,3,0))): identity and events.",
            Self::Text { .. } => "Write it as (2,0,(0,3,0)): events, and those of both halves.",
            Self::TooDeep | Self::TooLarge => {
                "Join stamps of replicas that are gone, which gives their identities back."
            }
            Self::NoIdentity => "Stamps with an identity come from itc_seed() and itc_fork().",
            _ => return None,
        })
    }
}
