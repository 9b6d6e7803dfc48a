//! Shared words: atomic numbers that all backends of a server advance without a lock.

mod error;
mod pace;
mod slot;
mod turn;
mod witnessed;
mod word;

pub use error::Error;
pub use pace::{LONGEST_REACH, Pace};
pub use slot::{Beyond, Claim, Observed, Slot, Standing};
pub use turn::Turns;
pub use witnessed::Witnessed;
pub use word::Word;
pub(crate) use word::add_one;
