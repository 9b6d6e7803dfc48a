//! Block orders: when a block of a registry's ticket is asked for, and what came of it.
//!
//! Callers ask, one process fetches. A caller waits for an attempt that begins after it asked, so
//! that nobody is told of a failure that may be over. For a moment after a failure nobody asks
//! again: a caller that needs a number then is told at once, and the registry is not stormed.

use super::block::Block;

/// Microseconds from a failed attempt to the next one.
pub const PAUSE: i64 = 500_000;

/// The registries that may take turns in giving out the numbers of one ticket.
const REGISTRIES: usize = 4;

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A block is fetched; a caller that needs it waits for the end of this attempt.
    Attempt(u64),
    /// An attempt has failed a moment ago.
    Failed,
}

/// The block orders of one ticket. It is read and changed under a lock.
///
/// ```
/// use snowflake_core::ticket::{Asked, OrderState, PAUSE};
///
/// let mut orders = OrderState::default();
/// assert_eq!(orders.ask(10, 0), Asked::Attempt(1));
/// assert_eq!(orders.begin(), 10);
/// // who asks now waits for the attempt after this one
/// assert_eq!(orders.ask(20, 0), Asked::Attempt(2));
/// orders.fail(0);
/// assert_eq!(orders.outcome(1, 10, 0), Some(true));
/// assert_eq!(orders.ask(10, PAUSE - 1), Asked::Failed);
/// assert_eq!(orders.ask(10, PAUSE), Asked::Attempt(2));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct OrderState {
    /// How many numbers are asked for; 0 if none are.
    wanted: u32,
    /// How many attempts were begun, and how many of them have ended.
    begun: u64,
    ended: u64,
    /// When to try again, by a clock that never goes back; 0 unless the last attempt failed.
    retry_at: i64,
    /// The last numbers received, one for each registry.
    received: [Received; REGISTRIES],
}

/// The last number that a registry gave out; registries differ in what a number leaves when it is
/// divided by the step.
#[derive(Clone, Copy, Debug, Default)]
struct Received {
    last: i64,
    /// 0 if there is none.
    step: i64,
}

impl Received {
    fn is_of(&self, block: &Block) -> bool {
        // two numbers may be further apart than an i64 holds
        let apart = i128::from(block.first).saturating_sub(self.last.into());
        self.step == block.step && apart.checked_rem(self.step.into()) == Some(0)
    }
}

impl OrderState {
    /// Asks for a block of `count` numbers.
    pub fn ask(&mut self, count: u32, now: i64) -> Asked {
        if now < self.retry_at {
            return Asked::Failed;
        }
        self.wanted = count;
        Asked::Attempt(self.begun.saturating_add(1))
    }

    /// Whether a block is asked for.
    pub fn is_wanted(&self) -> bool {
        self.wanted > 0
    }

    /// Begins an attempt; returns how many numbers are asked for.
    pub fn begin(&mut self) -> u32 {
        self.begun = self.begun.saturating_add(1);
        std::mem::take(&mut self.wanted)
    }

    /// Ends an attempt that need not be repeated.
    pub fn succeed(&mut self) {
        self.ended = self.begun;
        self.retry_at = 0;
    }

    /// Ends an attempt that failed.
    pub fn fail(&mut self, now: i64) {
        self.ended = self.begun;
        self.wanted = 0;
        self.retry_at = now.saturating_add(PAUSE).max(1);
    }

    /// Takes back that an attempt was begun, by a process that is gone. Nobody knows what came of
    /// it: callers that wait for it ask again.
    pub fn withdraw(&mut self) {
        self.begun = self.ended;
    }

    /// How the attempt that was asked for ended: whether it failed. `None` as long as it has not.
    pub fn outcome(&mut self, attempt: u64, count: u32, now: i64) -> Option<bool> {
        if self.ended >= attempt {
            return Some(self.has_failed());
        }
        // the one before it may have failed, which settles both, or have been enough for others
        let waiting = self.begun >= attempt || self.ask(count, now) != Asked::Failed;
        (!waiting).then_some(true)
    }

    /// Whether the last attempt failed.
    pub fn has_failed(&self) -> bool {
        self.retry_at != 0
    }

    /// Takes note of a block; returns whether its numbers are new.
    ///
    /// A registry whose newest claims were lost, such as a standby that took over before it had
    /// them, gives out numbers that it gave out before.
    pub fn is_new(&mut self, block: &Block) -> bool {
        let known = self
            .received
            .iter()
            .position(|received| received.is_of(block));
        if let Some(place) = known
            && block.first <= self.received[place].last
        {
            return false;
        }
        // the latest comes first
        let place = known.unwrap_or(REGISTRIES - 1);
        self.received[..=place].rotate_right(1);
        self.received[0] = Received {
            last: block.last(),
            step: block.step,
        };
        true
    }
}
