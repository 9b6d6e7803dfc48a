//! Shared words: atomic numbers that all backends of a server advance without a lock.

mod error;
mod slot;
mod word;

pub use error::Error;
pub(crate) use slot::add_one;
pub use slot::{Allowance, Beyond, Claim, Observed, Pace, Slot};
pub use word::Word;
