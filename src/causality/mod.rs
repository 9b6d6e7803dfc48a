//! Causality: clocks and types that say which event could have been the cause of which.

pub mod clock_role;
pub mod context;
pub mod hybrid;
pub mod interval_tree;
pub mod lamport;
pub mod node;
pub mod version_vector;
