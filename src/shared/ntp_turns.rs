//! Whose turn it is to send a packet to which NTP server: one a second goes to each of them from
//! all sessions together.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

use snowflake_core::words::Turns;

/// How far turns are apart, in microseconds.
pub const APART: i64 = 1_000_000;
/// How far ahead a turn is waited for, in microseconds.
const QUEUE: i64 = 10_000_000;
/// Servers that share one have to wait for each other's turns, which is all they lose.
const PLACES: usize = 64;

/// The turns of all servers, each by its address.
#[derive(Debug)]
pub struct NtpTurns([Turns; PLACES]);

impl NtpTurns {
    pub fn new() -> Self {
        Self(std::array::from_fn(|_| Turns::default()))
    }

    /// Takes the next turn at a server. `now` is by the monotonic clock, in microseconds, and so is
    /// the turn.
    ///
    /// # Errors
    /// In how many microseconds the turn would be, if that is longer than anybody waits.
    pub fn take(&self, address: SocketAddr, now: i64) -> Result<i64, i64> {
        // the same in all processes
        let mut hasher = DefaultHasher::new();
        address.hash(&mut hasher);
        let place = (hasher.finish() % PLACES as u64) as usize;
        let now = now.max(0);
        let until = now.saturating_add(QUEUE) as u64;
        match self.0[place].take(now as u64, APART as u64, until) {
            Ok(turn) => Ok(turn as i64),
            Err(turn) => Err((turn as i64).saturating_sub(now)),
        }
    }
}
