//! Blocks of tickets that come from a registry: when one is asked for, and what came of it.
//!
//! Callers ask, one process fetches. A caller waits for an attempt that begins after it asked, so
//! that nobody is told of a failure that may be over. For a moment after a failure nobody asks
//! again: whoever needs a number then is told at once, and the registry is not stormed.

use super::Block;

/// Microseconds from a failed attempt to the next one.
pub const PAUSE: i64 = 500_000;

/// The registries that may take turns in giving out the numbers of one ticket.
const REGISTRIES: usize = 4;

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A block is fetched; who needs it waits for the end of this attempt.
    Attempt(u64),
    /// An attempt has failed a moment ago.
    Failed,
}

/// The blocks of one ticket. Whoever reads or changes it holds its lock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Supply {
    /// How many numbers are asked for; 0 if none are.
    wanted: u32,
    /// How many attempts were begun, and how many of them have ended.
    begun: u64,
    ended: u64,
    /// When to try again, by a clock that never goes back; 0 unless the last attempt failed.
    retry_at: i64,
    /// The last numbers had, one for each registry.
    had: [Had; REGISTRIES],
}

/// The last number that a registry gave out; registries differ in what a number leaves when it is
/// divided by the step.
#[derive(Clone, Copy, Debug, Default)]
struct Had {
    last: i64,
    /// 0 if there is none.
    step: i64,
}

impl Had {
    fn is_of(&self, block: &Block) -> bool {
        // two numbers may be further apart than an i64 holds
        let apart = i128::from(block.first) - i128::from(self.last);
        self.step > 0 && self.step == block.step && apart % i128::from(self.step) == 0
    }
}

impl Supply {
    /// Asks for a block of so many numbers.
    pub fn ask(&mut self, count: u32, now: i64) -> Asked {
        if now < self.retry_at {
            return Asked::Failed;
        }
        self.wanted = count;
        Asked::Attempt(self.begun + 1)
    }

    /// Whether a block is asked for.
    pub fn is_wanted(&self) -> bool {
        self.wanted > 0
    }

    /// Begins an attempt; answers how many numbers are asked for.
    pub fn begin(&mut self) -> u32 {
        self.begun += 1;
        std::mem::take(&mut self.wanted)
    }

    /// Whether an attempt has begun and not ended.
    pub fn is_under_way(&self) -> bool {
        self.ended < self.begun
    }

    /// Ends an attempt that needs not be repeated.
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

    /// Takes back that an attempt was begun, by a process that is gone. Nobody knows what came of it:
    /// whoever waits for it asks again.
    pub fn withdraw(&mut self) {
        self.begun = self.ended;
    }

    /// How the attempt that was asked for ended: whether it failed. `None` as long as it has not.
    pub fn outcome(&mut self, attempt: u64, count: u32, now: i64) -> Option<bool> {
        if self.ended >= attempt {
            return Some(self.has_failed());
        }
        // the one before it may have failed, which answers for both, or have been enough for others
        let waiting = self.begun >= attempt || self.ask(count, now) != Asked::Failed;
        (!waiting).then_some(true)
    }

    /// Whether the last attempt failed.
    pub fn has_failed(&self) -> bool {
        self.retry_at != 0
    }

    /// Takes note of a block; answers whether its numbers are new.
    ///
    /// A registry whose newest claims were lost, such as a standby that took over before it had
    /// them, gives out numbers that it gave out before.
    pub fn is_new(&mut self, block: &Block) -> bool {
        let known = self.had.iter().position(|had| had.is_of(block));
        if let Some(place) = known
            && block.first <= self.had[place].last
        {
            return false;
        }
        // the latest comes first
        let place = known.unwrap_or(REGISTRIES - 1);
        self.had[..=place].rotate_right(1);
        self.had[0] = Had {
            last: block.last(),
            step: block.step,
        };
        true
    }
}
