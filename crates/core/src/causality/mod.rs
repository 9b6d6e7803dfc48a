//! Causality: which event could have been the cause of which.

mod error;
mod hybrid;
mod version_vector;
mod version_vector_text;

pub use error::{Error, HybridError, Malformed};
pub use hybrid::{COUNTER_BITS, EPOCH, HybridTime, LARGEST_COUNTER, TIME_BITS};
pub use version_vector::{MOST_ENTRIES, VersionVector, room};
