//! Causality: types that say which event could have been the cause of which.

pub mod interval_tree;
pub mod version_vector;
