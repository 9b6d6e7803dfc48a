//! What is refused about strides.

use crate::refusal::{Kind, Refusal};

/// Why there is no such stride, or why a sequence cannot keep to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A number of nodes that shares out nothing.
    #[error("number of nodes {nodes} is out of range")]
    Nodes {
        /// What was given.
        nodes: i32,
    },
    /// A node that is none of them.
    #[error("node {node} is out of range for {nodes} nodes")]
    Node {
        /// What was given.
        node: i32,
        /// How many nodes there are.
        nodes: i32,
    },
    /// Text that is not a stride.
    #[error("invalid stride \"{text}\"")]
    Text {
        /// What was given, or how it begins.
        text: String,
    },
    /// A sequence that counts down has no stride.
    #[error("a descending sequence cannot have a stride")]
    Descending {
        /// Its increment.
        increment: i64,
    },
    /// A sequence ends before the node's next number.
    #[error("no number of node {node} of {nodes} is left")]
    Exhausted {
        /// The number of the node.
        node: i32,
        /// How many nodes there are.
        nodes: i32,
        /// All numbers up to this one count as used.
        above: i64,
        /// The largest number of the sequence.
        max: i64,
    },
}

impl Refusal for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Nodes { .. } | Self::Node { .. } => Kind::InvalidParameter,
            Self::Text { .. } => Kind::InvalidText,
            Self::Descending { .. } => Kind::Unsupported,
            Self::Exhausted { .. } => Kind::Exhausted,
        }
    }

    fn detail(&self) -> Option<String> {
        Some(match self {
            Self::Nodes { .. } => "It is 1 or more.".into(),
            Self::Node { nodes: 1, .. } => "The only node is 1.".into(),
            Self::Node { nodes, .. } => format!("Nodes are 1 to {nodes}."),
            Self::Text { .. } => return None,
            Self::Descending { increment } => format!("Its increment is {increment}."),
            Self::Exhausted { above, max, .. } => {
                format!(
                    "The next number has to be above {above}; the maximum of the sequence is {max}."
                )
            }
        })
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Node { node: 0, .. } => {
                "The last node gives the numbers that are congruent to 0."
            }
            Self::Nodes { .. } | Self::Node { .. } => return None,
            Self::Text { .. } => "Write it as \"node=1,nodes=3\".",
            Self::Descending { .. } => "Make it count up with ALTER SEQUENCE ... INCREMENT BY 1.",
            Self::Exhausted { .. } => {
                "Raise the maximum with ALTER SEQUENCE ... MAXVALUE, if need be after AS bigint."
            }
        })
    }
}
