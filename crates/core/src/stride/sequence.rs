//! A sequence of PostgreSQL, and how it comes to keep to a stride.

use super::breach::Breach;
use super::error::Error;
use super::stride::Stride;

/// A sequence as PostgreSQL keeps it. How many numbers a session caches does not matter: they too
/// are an increment apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceState {
    /// What is added for the next number.
    pub increment: i64,
    /// The smallest number, with which a cycle begins anew.
    pub min: i64,
    /// The largest number.
    pub max: i64,
    /// The number to which a restart goes back.
    pub start: i64,
    /// Whether it begins anew after the largest number.
    pub cycle: bool,
    /// The last number given out, or the next one if it is not `called`.
    pub last_value: i64,
    /// Whether `last_value` was given out.
    pub called: bool,
}

/// What to alter of a sequence so that it keeps to a stride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alteration {
    /// The increment.
    pub increment: i64,
    /// The smallest number.
    pub min: i64,
    /// The number to which a restart goes back.
    pub start: i64,
    /// The next number.
    pub next: i64,
}

impl SequenceState {
    /// All numbers given out are at or below this one, as long as it does not cycle.
    pub fn given(&self) -> i64 {
        if self.called {
            self.last_value
        } else {
            self.last_value.saturating_sub(1)
        }
    }

    /// What to alter so that it keeps to a stride, above what it has given out and above the
    /// largest number that is in use.
    ///
    /// # Errors
    /// A sequence that counts down, or one that ends before the next number of the stride.
    pub fn adopt(&self, stride: Stride, in_use: Option<i64>) -> Result<Alteration, Error> {
        if self.increment < 0 {
            return Err(Error::Descending {
                increment: self.increment,
            });
        }
        let above = in_use.map_or(self.given(), |in_use| in_use.max(self.given()));
        let from = |lowest| {
            let first = stride.first_from(lowest);
            first.filter(|number| *number <= self.max)
        };
        let lowest = above.checked_add(1).map(|lowest| lowest.max(self.min));
        let next = lowest.and_then(from).ok_or(Error::Exhausted {
            node: stride.node(),
            nodes: stride.nodes(),
            above,
            max: self.max,
        })?;
        // a restart and a cycle then stay in the stride as well
        let min = if self.cycle {
            from(self.min).unwrap_or(next)
        } else {
            self.min
        };
        Ok(Alteration {
            increment: stride.nodes().into(),
            min,
            start: from(self.start.max(min)).unwrap_or(next),
            next,
        })
    }

    /// What takes it out of a stride, now or later; nothing if all its numbers belong to the node.
    pub fn breaches(&self, stride: Stride) -> Vec<Breach> {
        let mut breaches = Vec::new();
        if self.increment < 0 {
            breaches.push(Breach::Descending(self.increment));
        } else if self.increment % i64::from(stride.nodes()) != 0 {
            breaches.push(Breach::Increment(self.increment));
        }
        if !stride.holds(self.last_value) {
            breaches.push(Breach::LastValue(self.last_value));
        }
        if !stride.holds(self.start) {
            breaches.push(Breach::Start(self.start));
        }
        if self.cycle && !stride.holds(self.min) {
            breaches.push(Breach::Cycle(self.min));
        }
        breaches
    }
}
