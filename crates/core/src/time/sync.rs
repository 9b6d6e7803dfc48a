//! What the clock of another server is ahead of ours, by several round trips: Cristian's algorithm with
//! two times in each answer, so that the time for which the server has the request does not count.
//!
//! Each round says that the server's clock, less the time that has elapsed by a clock that nobody sets or
//! slews, is in a span. Our own wall clock is looked at once, at the end: it may be set meanwhile.

use super::error::Error;
use super::exchange::Exchange;
use super::limits::MOST_ROUNDS;
use super::select::Span;
use super::server_times::ServerTimes;

/// PostgreSQL cuts its times to microseconds.
const RESOLUTION: i64 = 1_000;
/// Nanoseconds in which our crystal and a clock that is slewed by 500 ppm, as the kernel and ntpd do,
/// drift apart by one at the most.
const PER_TIME: i64 = 1_000;

/// Checks how many round trips somebody wants.
///
/// # Errors
/// More or fewer than are made.
pub fn check_rounds(rounds: i32) -> Result<(), Error> {
    if !(1..=MOST_ROUNDS).contains(&rounds) {
        return Err(Error::Rounds { rounds });
    }
    Ok(())
}

/// A reading of the elapsed time between two of the wall clock, all in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Bracket {
    /// The wall clock before.
    pub before: i64,
    /// The elapsed time. It may be too large by as much as has passed between the two others.
    pub elapsed: i64,
    /// The wall clock after.
    pub after: i64,
}

impl Bracket {
    /// What has passed in between, if nobody has set the clock. The smaller the more exact.
    pub fn width(&self) -> i64 {
        self.after.saturating_sub(self.before)
    }
}

/// What a clock is ahead of the elapsed time.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    span: Span,
    /// The elapsed time at which it was.
    at: i64,
}

impl Ahead {
    /// The same at a later time, for which it is less certain; saturates.
    fn by(self, now: i64) -> Span {
        let drift = drift(now.saturating_sub(self.at));
        Span {
            low: self.span.low.saturating_sub(drift),
            high: self.span.high.saturating_add(drift),
        }
    }

    /// What the clock is ahead of our wall clock: the readings of a bracket are not simultaneous, by its
    /// width twice. Saturates.
    fn of_wall(self, now: Bracket) -> Span {
        let span = self.by(now.elapsed);
        let shift = now.elapsed.saturating_sub(now.before);
        Span {
            low: span
                .low
                .saturating_add(shift)
                .saturating_sub(now.width().max(0).saturating_mul(2)),
            high: span.high.saturating_add(shift),
        }
    }
}

/// How far two clocks drift apart at the most.
fn drift(time: i64) -> i64 {
    (time.max(0) / PER_TIME).saturating_add(1)
}

/// Round trips with one server.
#[derive(Clone, Debug, Default)]
pub struct Sync {
    rounds: i32,
    /// What all of them say together.
    all: Option<Ahead>,
    /// The shortest of them, and how long it was.
    shortest: Option<(Ahead, i64)>,
}

/// What round trips with a server say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synced {
    /// What its clock is ahead of ours by the shortest of them.
    pub offset: i64,
    /// How far that may be wrong.
    pub error: i64,
    /// What it is ahead by all of them: the truth is within, and this within the offset and its error.
    pub bounds: Span,
    /// How long the shortest took, without the time for which the server had the request.
    pub round_trip: i64,
    /// How many there were.
    pub rounds: i32,
}

impl Sync {
    /// Adds a round trip. `sent` and `received` are elapsed times of ours, the former not too late and the
    /// latter not too early.
    ///
    /// # Errors
    /// Times that contradict each other, or those of the rounds before, or do not fit.
    pub fn add(&mut self, sent: i64, times: ServerTimes, received: i64) -> Result<(), Error> {
        let held = times.sent.saturating_sub(times.received);
        let round_trip = received.saturating_sub(sent);
        let contradiction = Error::ServerTimes { held, round_trip };
        if held < 0 || round_trip < 0 {
            return Err(contradiction);
        }
        let exchange = Exchange {
            t1: sent,
            t2: times.received.saturating_add(RESOLUTION),
            t3: times.sent,
            t4: received,
        };
        let (low, high) = exchange.bounds().map_err(|error| match error {
            Error::Contradiction => contradiction,
            other => other,
        })?;
        // the upper bound is of when the statement was sent
        let round = Ahead {
            span: Span {
                low,
                high: high.saturating_add(drift(round_trip)),
            },
            at: received,
        };
        let all = match self.all {
            None => round.span,
            Some(before) => {
                let before = before.by(received);
                let (low, high) = (
                    before.low.max(round.span.low),
                    before.high.min(round.span.high),
                );
                if low > high {
                    return Err(Error::ServerClock {
                        by: low.saturating_sub(high),
                    });
                }
                Span { low, high }
            }
        };
        self.all = Some(Ahead {
            span: all,
            at: received,
        });
        let length = round.span.high.saturating_sub(round.span.low);
        if self.shortest.is_none_or(|(_, shortest)| length < shortest) {
            self.shortest = Some((round, length));
        }
        self.rounds = self.rounds.saturating_add(1);
        Ok(())
    }

    /// What they say by our wall clock; `None` before the first.
    pub fn result(&self, now: Bracket) -> Option<Synced> {
        let ((shortest, round_trip), all) = self.shortest.zip(self.all)?;
        let span = shortest.of_wall(now);
        let width = i128::from(span.high) - i128::from(span.low);
        let middle = (i128::from(span.high) + i128::from(span.low)).div_euclid(2);
        Some(Synced {
            offset: middle.try_into().ok()?,
            // half a nanosecond counts as one
            error: ((width + 1) / 2).try_into().ok()?,
            bounds: all.of_wall(now),
            round_trip,
            rounds: self.rounds,
        })
    }
}
