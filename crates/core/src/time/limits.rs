//! How much there is of what.

/// Bytes of a packet without what may follow.
pub const PACKET_LENGTH: usize = 48;
/// Servers that are asked at the most: more make nothing more certain.
pub const MOST_SERVERS: usize = 8;
/// Samples that one call takes at the most.
pub const MOST_SAMPLES: i32 = 8;
/// How long an answer is waited for at the most, in microseconds.
pub const LARGEST_TIMEOUT: i64 = 10_000_000;
/// Round trips that one call makes at the most.
pub const MOST_ROUNDS: i32 = 1_000;
