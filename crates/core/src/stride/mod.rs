//! Strides: servers that share out the numbers of a sequence by their remainder. Node k of n gives
//! the numbers that are congruent to k modulo n, so that no two nodes give the same one.

mod breach;
mod error;
mod sequence;
#[expect(
    clippy::module_inception,
    reason = "the room is named after its main type"
)]
mod stride;

pub use breach::Breach;
pub use error::Error;
pub use sequence::{Alteration, SequenceState};
pub use stride::Stride;
