//! The numbers of one node.

use std::fmt::{self, Display, Formatter};

use super::error::Error;
use crate::excerpt::excerpt;

/// The numbers of one node: those congruent to `node` modulo `nodes`.
///
/// ```
/// use snowflake_core::stride::Stride;
///
/// let stride = Stride::new(2, 3)?;
/// assert!(stride.holds(5) && !stride.holds(6));
/// assert_eq!(stride.first_from(6), Some(8));
/// assert_eq!(Stride::parse("node=2,nodes=3")?, stride);
/// # Ok::<(), snowflake_core::stride::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stride {
    node: i32,
    nodes: i32,
}

impl Stride {
    /// Node `node` of `nodes`, counted from 1. The last node gives the multiples of `nodes`.
    ///
    /// # Errors
    /// Fewer than one node, or a node that is not one of 1 to `nodes`.
    pub fn new(node: i32, nodes: i32) -> Result<Self, Error> {
        if nodes < 1 {
            return Err(Error::Nodes { nodes });
        }
        if !(1..=nodes).contains(&node) {
            return Err(Error::Node { node, nodes });
        }
        Ok(Self { node, nodes })
    }

    /// Reads what `Display` writes, such as `node=1,nodes=3`.
    ///
    /// # Errors
    /// Other text, and what [`Stride::new`] refuses.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = || Error::Text {
            text: excerpt(text).into(),
        };
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

    /// The number of the node, 1 to [`Stride::nodes`].
    pub fn node(&self) -> i32 {
        self.node
    }

    /// How many nodes there are, at least one.
    pub fn nodes(&self) -> i32 {
        self.nodes
    }

    /// What is left of the node's numbers when they are divided by `nodes`: 0 to `nodes - 1`.
    pub fn remainder(&self) -> i64 {
        i64::from(self.node % self.nodes)
    }

    /// Whether a number is one of the node's.
    pub fn holds(&self, number: i64) -> bool {
        number.rem_euclid(self.nodes.into()) == self.remainder()
    }

    /// The node's smallest number that is at least `lowest`; `None` if it does not fit an `i64`.
    pub fn first_from(&self, lowest: i64) -> Option<i64> {
        let nodes = i64::from(self.nodes);
        let distance = self.remainder() - lowest.rem_euclid(nodes);
        lowest.checked_add(distance.rem_euclid(nodes))
    }
}

impl Display for Stride {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "node={},nodes={}", self.node, self.nodes)
    }
}
