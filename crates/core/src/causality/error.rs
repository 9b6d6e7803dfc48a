//! What is refused about the types and clocks of causality.

use crate::refusal::{Kind, Refusal};
use crate::timestamp::{Timestamp, seconds};

/// Why something is no value of a type, or makes none.
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
        /// How it is written.
        hint: &'static str,
    },
    /// JSON that does not read as one.
    #[error("cannot cast this jsonb to type version_vector")]
    Json {
        /// What is wrong with it, as a sentence.
        problem: String,
    },
    /// Bytes that are none, though their version is known.
    #[error("invalid binary form of a {name}")]
    Binary {
        /// The type.
        name: &'static str,
        /// What is wrong with them.
        problem: Malformed,
    },
    /// Bytes of another version.
    #[error("unknown version {version} of the binary form of {name}")]
    Version {
        /// The type.
        name: &'static str,
        /// The version that they begin with.
        version: u8,
    },
    /// A node outside the range.
    #[error("node {node} is out of range")]
    Node {
        /// What was given, or how it begins.
        node: String,
    },
    /// A counter outside the range.
    #[error("counter {counter} is out of range")]
    Counter {
        /// What was given, or how it begins.
        counter: String,
    },
    /// More of something than there can be.
    #[error("a {name} has {most} {what} at most")]
    TooMany {
        /// The type.
        name: &'static str,
        /// How many there can be.
        most: usize,
        /// Of what.
        what: &'static str,
    },
    /// A counter that cannot be incremented.
    #[error("the counter of node {node} is at its end")]
    Exhausted {
        /// The node.
        node: i64,
    },
}

/// What can be wrong with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There are none at all.
    #[error("It has no bytes.")]
    Empty,
    /// They do not end with an entry.
    #[error("It has {length} bytes: not one, and 16 for each entry.")]
    Length {
        /// How many there are.
        length: usize,
    },
    /// A node that is negative as bigint.
    #[error("The node of entry {place} is out of range.")]
    Node {
        /// Which entry, counted from 1.
        place: usize,
    },
    /// A counter that is 0, or negative as bigint.
    #[error("The counter of entry {place} is out of range.")]
    Counter {
        /// Which entry, counted from 1.
        place: usize,
    },
    /// A number that is cut off, too large, or longer than it need be.
    #[error("It does not begin with the number of its actors.")]
    Number,
    /// An actor that is cut off, or has numbers out of range.
    #[error("Actor {place} is cut off or out of range.")]
    Actor {
        /// Which one, counted from 1.
        place: usize,
    },
    /// An actor without events.
    #[error("Nothing is known of actor {place}.")]
    NoDots {
        /// Which one, counted from 1.
        place: usize,
    },
    /// Single events that are cut off or out of range.
    #[error("The dots of actor {place} are cut off or out of range.")]
    Dots {
        /// Which one, counted from 1.
        place: usize,
    },
    /// An actor that is not above the one before.
    #[error("Actor {place} is not above the one before it.")]
    ActorOrder {
        /// Which one, counted from 1.
        place: usize,
    },
    /// More bytes than belong to it.
    #[error("It has bytes after its last actor.")]
    Rest,
    /// A node that is not above the one before.
    #[error("The node of entry {place} is not above the one before it.")]
    Order {
        /// Which entry, counted from 1.
        place: usize,
    },
}

impl Refusal for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Text { .. } => Kind::InvalidText,
            Self::Json { .. } => Kind::InvalidParameter,
            Self::Binary { .. } | Self::Version { .. } => Kind::InvalidBinary,
            Self::Node { .. } | Self::Counter { .. } | Self::Exhausted { .. } => {
                Kind::NumericOutOfRange
            }
            Self::TooMany { .. } => Kind::LimitExceeded,
        }
    }

    fn detail(&self) -> Option<String> {
        Some(match self {
            Self::Text { problem, .. } | Self::Json { problem } => problem.clone(),
            Self::Binary { problem, .. } => problem.to_string(),
            Self::Version { .. } => "A later version of the extension may know it.".into(),
            Self::Node { .. } => format!("Nodes are 0 to {}.", i64::MAX),
            Self::Counter { .. } => format!("Counters are 0 to {}.", i64::MAX),
            Self::TooMany { .. } => return None,
            Self::Exhausted { .. } => format!("It is {}.", i64::MAX),
        })
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Text { hint, .. } => hint,
            Self::Json { .. } => {
                r#"It is an object such as {"1": 5, "2": 7}: a counter for each node."#
            }
            _ => return None,
        })
    }
}

/// Why a Lamport clock gives out no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LamportError {
    /// A number that no Lamport clock has given out.
    #[error("Lamport number {number} is out of range")]
    OutOfRange {
        /// What was given.
        number: i64,
        /// The largest one that there is.
        largest: u64,
    },
    /// A number further ahead of the clock than one step may take it.
    #[error("Lamport number {witnessed} is too far ahead")]
    TooFar {
        /// What was given.
        witnessed: u64,
        /// Where the clock stands.
        last: u64,
        /// How long a step may be.
        longest: u64,
    },
    /// There are no further numbers.
    #[error("the Lamport clock is at its end")]
    Exhausted {
        /// The largest one that there is.
        largest: u64,
    },
}

impl Refusal for LamportError {
    fn kind(&self) -> Kind {
        match self {
            Self::OutOfRange { .. } | Self::TooFar { .. } => Kind::NumericOutOfRange,
            Self::Exhausted { .. } => Kind::Exhausted,
        }
    }

    fn detail(&self) -> Option<String> {
        Some(match self {
            Self::OutOfRange { largest, .. } => format!("Lamport numbers are 0 to {largest}."),
            Self::TooFar { last, longest, .. } => {
                format!("The clock stands at {last}, and a step is {longest} at most.")
            }
            Self::Exhausted { largest } => format!("The last number is {largest}."),
        })
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::TooFar { .. } => Some(
                "If the number is right, call lamport_witness() with numbers in between first.",
            ),
            _ => None,
        }
    }
}

/// Why something is no hybrid time, or is not to be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HybridError {
    /// Text that does not read as one.
    #[error("invalid input syntax for type hlc: \"{text}\"")]
    Text {
        /// What was given, or how it begins.
        text: String,
    },
    /// An instant outside the range.
    #[error("timestamp {instant} is out of range for type hlc")]
    Time {
        /// What was given.
        instant: Timestamp,
        /// The first and the last in the range.
        range: [Timestamp; 2],
    },
    /// A counter outside the range.
    #[error("counter {counter} is out of range")]
    Counter {
        /// What was given.
        counter: i32,
        /// The largest.
        largest: i32,
    },
    /// One that is further ahead of this server's clock than a right clock can be.
    #[error("the hybrid time {time} is {} ahead of the clock", seconds(*ahead))]
    Ahead {
        /// What the other server sent.
        time: String,
        /// How far it is ahead, in microseconds.
        ahead: i64,
        /// How far it may be, in microseconds.
        most: i64,
        /// What the clock says.
        wall: Timestamp,
    },
    /// There is none any more.
    #[error("there are no hybrid times left")]
    Exhausted {
        /// The last one.
        last: String,
    },
}

impl Refusal for HybridError {
    fn kind(&self) -> Kind {
        match self {
            Self::Text { .. } => Kind::InvalidText,
            Self::Time { .. } => Kind::TimestampOutOfRange,
            Self::Counter { .. } => Kind::NumericOutOfRange,
            Self::Ahead { .. } => Kind::Clock,
            Self::Exhausted { .. } => Kind::Exhausted,
        }
    }

    fn detail(&self) -> Option<String> {
        Some(match self {
            Self::Text { .. } => return None,
            Self::Time { range, .. } => format!("Times are {} to {}.", range[0], range[1]),
            Self::Counter { largest, .. } => format!("Counters are 0 to {largest}."),
            Self::Ahead { most, wall, .. } => format!(
                "The clock of this server reads {wall}; snowflake_pg.max_clock_offset is {}.",
                seconds(*most)
            ),
            Self::Exhausted { last } => format!("The last one is {last}."),
        })
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Text { .. } => {
                "Write it as 2026-11-24 16:05:34.123456+00/17: a time in UTC, and a counter."
            }
            Self::Ahead { .. } => {
                "Compare both clocks with the right time, and correct the one that is wrong. What is \
                 repeated, as by a subscription, goes on once this clock has caught up."
            }
            _ => return None,
        })
    }
}
