//! What all backends share.

pub mod block_orders;
pub mod bounded_text;
pub mod counters;
pub mod holder;
pub mod segment;
