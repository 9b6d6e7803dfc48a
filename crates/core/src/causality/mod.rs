//! Causality: which event could have been the cause of which.

mod error;
pub mod lamport;
mod node;
mod version_vector;
mod version_vector_text;

pub use error::{Error, LamportError, Malformed};
pub use node::{LAST_NODE, fingerprint, node};
pub use version_vector::{MOST_ENTRIES, VersionVector, room};
