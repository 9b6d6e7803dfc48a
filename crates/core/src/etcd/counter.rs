//! Tickets: a counter in one key, raised by a block at a time.

use serde::{Deserialize, Serialize};

use super::digits;
use super::gateway::{self, Status};
use super::http::Response;
use super::origin::Origin;
use super::snapshot::{Plan, Snapshot};
use crate::ticket::{Block, Counter};

/// The value of `PREFIX/ticket/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredCounter {
    /// The number that is claimed next.
    #[serde(with = "digits")]
    next: i64,
    /// The distance between two numbers, positive.
    #[serde(with = "digits")]
    step: i64,
    /// Whether there is no number after the last one that was claimed.
    #[serde(default)]
    exhausted: bool,
    /// The cluster as of the last claim; the operator leaves it out.
    #[serde(default)]
    origin: Option<Origin>,
}

/// What the registry has about a ticket, as of one revision.
#[derive(Debug)]
pub struct CounterState {
    key: String,
    origin: Origin,
    stored: Option<StoredCounter>,
    /// That stored the value, 0 if there is none.
    revision: i64,
}

impl Snapshot for CounterState {
    fn origin(&self) -> Origin {
        self.origin
    }
}

impl CounterState {
    /// The transaction that reads it.
    pub fn request(key: &str) -> String {
        gateway::read_transaction(&[key.into()], None)
    }

    /// Reads it from the response to [`CounterState::request`] and what the same member told about
    /// itself after that; `None` if it was another one.
    ///
    /// # Errors
    /// What is wrong with the response or with the value.
    pub fn parse(key: &str, found: &Response, status: &Status) -> Result<Option<Self>, String> {
        let (header, pairs) = gateway::read_pairs(found)?;
        let Some(origin) = status.origin(&header) else {
            return Ok(None);
        };
        let pair = pairs.first();
        let stored = pair.map(gateway::from_json::<StoredCounter>).transpose()?;
        if stored.as_ref().is_some_and(|stored| stored.step < 1) {
            return Err(format!("step in key {key} is not positive"));
        }
        Ok(Some(Self {
            key: key.into(),
            origin,
            stored,
            revision: pair.map_or(0, |pair| pair.revision),
        }))
    }

    /// Creates the counter unless it exists; the answer is whether it existed before.
    ///
    /// # Errors
    /// Something that cannot be stored.
    pub fn create(&self, start: i64, step: i64) -> Result<Plan<bool>, String> {
        if self.stored.is_some() {
            return Ok(Plan {
                answer: true,
                transaction: None,
            });
        }
        let stored = StoredCounter {
            next: start,
            step,
            exhausted: false,
            origin: Some(self.origin),
        };
        self.plan(false, &stored)
    }

    /// Claims up to `count` numbers, 1 or more.
    ///
    /// # Errors
    /// There are none, or it is not certain which ones were claimed before.
    pub fn claim(&self, count: u32) -> Result<Plan<Block>, String> {
        let key = &self.key;
        let stored = self.certain()?;
        let counter = Counter {
            value: stored.next,
            claimed: false,
            step: stored.step,
            largest: i64::MAX,
        };
        let block = Some(counter).filter(|_| !stored.exhausted);
        let block = block
            .and_then(|counter| counter.claim(count))
            .ok_or_else(|| format!("key {key} has no numbers left"))?;
        let next = block.last().checked_add(block.step);
        let stored = StoredCounter {
            next: next.unwrap_or(i64::MAX),
            exhausted: next.is_none(),
            origin: Some(self.origin),
            step: block.step,
        };
        self.plan(block, &stored)
    }

    /// What is stored, if it is certain which numbers were claimed.
    fn certain(&self) -> Result<&StoredCounter, String> {
        let key = &self.key;
        let stored = self
            .stored
            .as_ref()
            .ok_or_else(|| format!("key {key} does not exist"))?;
        // one without origin was stored by the operator, who knows
        let origin = stored.origin;
        if origin.is_some_and(|origin| !origin.is_before(&self.origin)) {
            return Err(format!(
                "the cluster lost what was stored last, and key {key} may be behind: store \
                 {{\"next\":\"NUMBER\",\"step\":\"{}\"}} in it, above all numbers that were given \
                 out",
                stored.step
            ));
        }
        Ok(stored)
    }

    /// Stores the counter if it has not been changed since it was read.
    fn plan<T>(&self, answer: T, stored: &StoredCounter) -> Result<Plan<T>, String> {
        let unchanged = [(self.key.clone(), self.revision)];
        let values = [(self.key.clone(), gateway::to_json(stored)?)];
        Ok(Plan {
            answer,
            transaction: Some(gateway::write_transaction(&unchanged, &values)),
        })
    }
}
