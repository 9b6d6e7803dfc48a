//! Causality: types that say which event could have been the cause of which.

pub mod context;
pub mod version_vector;
