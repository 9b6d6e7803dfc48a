//! Causality: which event could have been the cause of which.

mod error;
pub mod interval_tree;
mod version_vector;
mod version_vector_text;

pub use error::{Error, Malformed};
pub use version_vector::{MOST_ENTRIES, VersionVector, room};
