//! Tickets: small, dense numbers, claimed from a counter in blocks.

mod cache;
mod supply;

pub use cache::{Block, Cache, Counter, LARGEST_GROWTH, Queued, Ticket, block_size};
pub use supply::{Asked, PAUSE, Supply};
