//! Causality: which event could have been the cause of which.

mod context;
mod context_text;
mod error;
mod hybrid;
pub mod interval_tree;
pub mod lamport;
mod leb128;
mod node;
mod scanner;
mod version_vector;
mod version_vector_text;

pub use context::{Actor, Context, Known, MOST_ACTORS, MOST_DOTS};
pub use error::{Error, HybridError, LamportError, Malformed};
pub use hybrid::{COUNTER_BITS, EPOCH, HybridTime, LARGEST_COUNTER, TIME_BITS};
pub use node::{LAST_NODE, fingerprint, node};
pub use version_vector::{MOST_ENTRIES, VersionVector, room};
