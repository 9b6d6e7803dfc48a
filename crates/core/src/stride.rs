//! Strides: servers that share out the numbers of a sequence by their remainder. Node k of n gives
//! the numbers that are congruent to k modulo n, so that no two nodes give the same one.

use std::fmt::{self, Display, Formatter};

use crate::Error;

/// The numbers of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stride {
    node: i32,
    nodes: i32,
}

impl Stride {
    /// Node `node` of `nodes`, counted from 1. The last node gives the multiples of `nodes`.
    pub fn new(node: i32, nodes: i32) -> Result<Self, Error> {
        if nodes < 1 {
            return Err(Error::StrideNodes { nodes });
        }
        if !(1..=nodes).contains(&node) {
            return Err(Error::StrideNode { node, nodes });
        }
        Ok(Self { node, nodes })
    }

    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = || Error::StrideText { text: text.into() };
        let numbers = text
            .strip_prefix("node=")
            .and_then(|rest| rest.split_once(",nodes="))
            .ok_or_else(invalid)?;
        let read = |number: &str| {
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            let number = number.parse().ok().filter(|_| digits);
            number.ok_or_else(invalid)
        };
        Self::new(read(numbers.0)?, read(numbers.1)?)
    }

    /// The number of the node.
    pub fn node(&self) -> i32 {
        self.node
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> i32 {
        self.nodes
    }

    /// What is left of the node's numbers when they are divided by `nodes`.
    pub fn remainder(&self) -> i64 {
        i64::from(self.node % self.nodes)
    }

    /// Whether a number is one of the node's.
    pub fn holds(&self, number: i64) -> bool {
        number.rem_euclid(self.nodes.into()) == self.remainder()
    }

    /// The node's smallest number that is not below another one.
    pub fn first_from(&self, lowest: i64) -> Option<i64> {
        let nodes = i64::from(self.nodes);
        let distance = self.remainder() - lowest.rem_euclid(nodes);
        lowest.checked_add(distance.rem_euclid(nodes))
    }

    /// The node's smallest number above another one.
    pub fn first_above(&self, number: i64) -> Option<i64> {
        self.first_from(number.checked_add(1)?)
    }
}

impl Display for Stride {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "node={},nodes={}", self.node, self.nodes)
    }
}

/// A sequence as PostgreSQL keeps it. How many numbers a session caches does not matter: they too
/// are an increment apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
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

/// How a sequence becomes one that keeps to a stride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The increment.
    pub increment: i64,
    /// The smallest number.
    pub min: i64,
    /// The number to which a restart goes back.
    pub start: i64,
    /// The next number.
    pub next: i64,
}

/// What makes a sequence leave its stride, or give out a number of it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// It counts down.
    Descending(i64),
    /// It adds something else than a multiple of the number of nodes.
    Increment(i64),
    /// It has got to a number of another node.
    LastValue(i64),
    /// A restart goes back to a number of another node.
    Start(i64),
    /// A cycle begins anew with a number of another node.
    Cycle(i64),
}

impl Sequence {
    /// All numbers given out are at or below this one, as long as it does not cycle.
    pub fn given(&self) -> i64 {
        if self.called {
            self.last_value
        } else {
            self.last_value.saturating_sub(1)
        }
    }

    /// What to change so that it keeps to a stride, above what it has given out and above the
    /// largest number that is in use.
    pub fn adopt(&self, stride: Stride, in_use: Option<i64>) -> Result<Change, Error> {
        if self.increment < 0 {
            return Err(Error::StrideDescending {
                increment: self.increment,
            });
        }
        let above = in_use.map_or(self.given(), |in_use| in_use.max(self.given()));
        let within = |number: i64| number <= self.max;
        let lowest = above.checked_add(1).map(|lowest| lowest.max(self.min));
        let next = lowest
            .and_then(|lowest| stride.first_from(lowest))
            .filter(|next| within(*next))
            .ok_or(Error::StrideExhausted {
                stride,
                above,
                max: self.max,
            })?;
        // a restart and a cycle then stay in the stride as well
        let from = |lowest| stride.first_from(lowest).filter(|number| within(*number));
        let min = if self.cycle {
            from(self.min).unwrap_or(next)
        } else {
            self.min
        };
        Ok(Change {
            increment: stride.nodes.into(),
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
        } else if self.increment % i64::from(stride.nodes) != 0 {
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

impl Breach {
    /// What is wrong, in words.
    pub fn describe(&self, stride: Stride) -> String {
        let (node, nodes) = (stride.node, stride.nodes);
        let foreign = format!("not congruent to {node} modulo {nodes}");
        match self {
            Self::Descending(increment) => format!("INCREMENT {increment} is negative"),
            Self::Increment(increment) => {
                format!("INCREMENT {increment} is not a multiple of {nodes}")
            }
            Self::LastValue(value) => format!("last_value {value} is {foreign}"),
            Self::Start(value) => {
                format!("START {value}, where a restart goes back to, is {foreign}")
            }
            Self::Cycle(value) => format!("MINVALUE {value}, where CYCLE goes on, is {foreign}"),
        }
    }
}
