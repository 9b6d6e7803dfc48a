//! Cristian's algorithm: the time of a server that puts one timestamp into its answer. F. Cristian,
//! Probabilistic clock synchronization, Distributed Computing 3, 1989.

use super::error::Error;

/// What a clock is off, and how far that may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cristian {
    /// What the server's clock is ahead of ours, if it read the time in the middle of the round
    /// trip; rounded toward zero.
    pub offset: i64,
    /// The offset is wrong by no more than this.
    pub error: i64,
}

/// By a request that was sent and whose answer was received by our clock, the server's time in the
/// answer, and the shortest round trip there can be: whatever is beyond that may all have been on
/// one of the ways. All in any one unit.
///
/// # Errors
/// An answer before the request, a shortest round trip that is negative or longer than this one, or
/// figures that do not fit.
pub fn cristian(
    sent: i64,
    server_time: i64,
    received: i64,
    shortest: i64,
) -> Result<Cristian, Error> {
    let [sent, server_time, received, shortest] =
        [sent, server_time, received, shortest].map(i128::from);
    let round_trip = received - sent;
    if round_trip < 0 {
        return Err(Error::ReceivedBeforeSent);
    }
    if shortest < 0 || shortest > round_trip {
        return Err(Error::ShortestRoundTrip);
    }
    let doubled = (server_time - sent) + (server_time - received);
    // what rounding took from the offset is added, and half a unit counts as one
    let error = (round_trip - shortest + doubled % 2 * doubled.signum() + 1) / 2;
    let fit = |value: i128| value.try_into().map_err(|_| Error::IntervalOutOfRange);
    Ok(Cristian {
        offset: fit(doubled / 2)?,
        error: fit(error)?,
    })
}
