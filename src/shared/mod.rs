//! What all backends share.

pub mod holder;
pub mod line;
pub mod segment;
pub mod supplies;
