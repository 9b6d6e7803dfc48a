//! What takes a sequence out of its stride.

use super::stride::Stride;

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

impl Breach {
    /// What is wrong, in words.
    pub fn describe(&self, stride: Stride) -> String {
        let (node, nodes) = (stride.node(), stride.nodes());
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
