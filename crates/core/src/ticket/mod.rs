//! Tickets: small, dense numbers, claimed from a counter in blocks.

// what a registry says is computed with: a release build would wrap
#![deny(clippy::arithmetic_side_effects)]

mod block;
mod cache;
mod counter;
mod order;

pub use block::{Block, LARGEST_GROWTH, block_size};
pub use cache::{Cache, Queued, Ticket};
pub use counter::Counter;
pub use order::{Asked, OrderState, PAUSE};
