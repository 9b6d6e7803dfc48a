//! Causality: types that say which event could have been the cause of which.

pub mod hybrid;
pub mod version_vector;
