//! What is refused about measuring time.

use super::duration::exact_seconds;
use super::limits::{LARGEST_TIMEOUT, MOST_ROUNDS, MOST_SAMPLES, MOST_SERVERS, PACKET_LENGTH};
use crate::excerpt::excerpt;
use crate::refusal::{Kind, Refusal};

/// Why there is no figure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Bytes that are fewer than a packet has.
    #[error("an NTP packet has at least {PACKET_LENGTH} bytes, not {length}")]
    PacketShort {
        /// How many there are.
        length: usize,
    },
    /// An infinite time where an instant is wanted.
    #[error("timestamp must be finite")]
    TimestampInfinite,
    /// A difference of times that no interval holds.
    #[error("interval out of range")]
    IntervalOutOfRange,
    /// A sum of numbers that no double precision holds.
    #[error("value out of range: overflow")]
    FloatOutOfRange,
    /// Four timestamps by which the way took less than no time.
    #[error("the timestamps contradict each other")]
    Contradiction,
    /// A message that came back before it was sent.
    #[error("received before it was sent")]
    ReceivedBeforeSent,
    /// A shortest round trip that is negative, or longer than the one that was measured.
    #[error("shortest round trip is out of range")]
    ShortestRoundTrip,
    /// A distance below zero.
    #[error("distance {place} is negative")]
    DistanceNegative {
        /// Which one, counted from 1.
        place: usize,
    },
    /// Not as many offsets as distances.
    #[error("as many distances as offsets are needed")]
    CountsDiffer {
        /// How many offsets there are.
        offsets: usize,
        /// How many distances there are.
        distances: usize,
    },
    /// Text that names no server.
    #[error("invalid NTP server \"{text}\"")]
    ServerInvalid {
        /// What was given, or how it begins.
        text: String,
        /// What is wrong with it, as a sentence.
        problem: String,
    },
    /// More servers than are asked.
    #[error("{count} NTP servers are too many")]
    ServersTooMany {
        /// How many there are.
        count: usize,
    },
    /// A server that is there twice: it would have two votes.
    #[error("NTP server \"{server}\" is listed twice")]
    ServerTwice {
        /// The server.
        server: String,
    },
    /// A name of nobody who says what the time is.
    #[error("invalid source of time \"{name}\"")]
    AuthorityUnknown {
        /// What was given, or how it begins.
        name: String,
    },
    /// One who says what the time is, twice in a list.
    #[error("source of time \"{name}\" is listed twice")]
    AuthorityTwice {
        /// Which one.
        name: &'static str,
    },
    /// A number of samples that is not taken.
    #[error("number of samples {samples} is out of range")]
    Samples {
        /// What was given.
        samples: i32,
    },
    /// A time limit that nobody is given.
    #[error("timeout is out of range")]
    Timeout,
    /// A number of round trips that is not made.
    #[error("number of rounds {rounds} is out of range")]
    Rounds {
        /// What was given.
        rounds: i32,
    },
    /// Another server was asked for two times, and sent something else.
    #[error("the other server does not tell the time")]
    NoServerTimes {
        /// What it sent, as a sentence.
        problem: String,
    },
    /// Two times of another server by which it had the request for less than no time, or for longer than
    /// the round trip took.
    #[error("the times of the other server contradict each other")]
    ServerTimes {
        /// How long it had the request by its clock, in nanoseconds.
        held: i64,
        /// How long the round trip took by ours, in nanoseconds.
        round_trip: i64,
    },
    /// Round trips with another server by which its clock is in no single range.
    #[error("the clock of the other server was changed meanwhile")]
    ServerClock {
        /// By how much it was too late or too soon for the rounds before, in nanoseconds.
        by: i64,
    },
}

impl Error {
    /// The error that nobody is called this.
    pub(super) fn authority_unknown(name: &str) -> Self {
        Self::AuthorityUnknown {
            name: excerpt(name).into_owned(),
        }
    }
}

impl Refusal for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::TimestampInfinite | Self::IntervalOutOfRange => Kind::TimestampOutOfRange,
            Self::FloatOutOfRange => Kind::NumericOutOfRange,
            Self::NoServerTimes { .. } => Kind::Protocol,
            Self::ServerTimes { .. } | Self::ServerClock { .. } => Kind::Clock,
            _ => Kind::InvalidParameter,
        }
    }

    fn detail(&self) -> Option<String> {
        Some(match self {
            Self::Contradiction => {
                "The server had the message for longer than the round trip took: the delay is \
                 negative."
                    .into()
            }
            Self::ShortestRoundTrip => {
                "It is between 0 and the round trip that was measured.".into()
            }
            Self::CountsDiffer { offsets, distances } => {
                format!("There are {offsets} offsets and {distances} distances.")
            }
            Self::ServerInvalid { problem, .. } => problem.clone(),
            Self::ServersTooMany { .. } => format!("There are {MOST_SERVERS} at most."),
            Self::ServerTwice { .. } => "Each server has one vote.".into(),
            Self::AuthorityUnknown { name } => {
                format!("\"{name}\" is none of ntp, registry and kernel.")
            }
            Self::AuthorityTwice { name } => format!("It has \"{name}\" twice."),
            Self::Samples { .. } => format!("It is 1 to {MOST_SAMPLES}."),
            Self::Timeout => format!("It is 1 ms to {} s.", LARGEST_TIMEOUT / 1_000_000),
            Self::Rounds { .. } => format!("It is 1 to {MOST_ROUNDS}."),
            Self::NoServerTimes { problem } => problem.clone(),
            Self::ServerTimes { held, round_trip } => format!(
                "It had the statement for {} by its clock, of a round trip that took {}.",
                exact_seconds(*held),
                exact_seconds(*round_trip)
            ),
            Self::ServerClock { by } => format!(
                "One of the round trips contradicts those before it by {}.",
                exact_seconds(*by)
            ),
            _ => return None,
        })
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::ServerInvalid { .. } => {
                Some("Write it as host or host:port, and an IPv6 address in brackets.")
            }
            Self::ServerTimes { .. } | Self::ServerClock { .. } => {
                Some("Somebody may be setting its clock; try again.")
            }
            _ => None,
        }
    }
}
