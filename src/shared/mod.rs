//! What all backends of a server share: one file per part of docs/shared-memory.md.

pub mod holder;
pub mod lease_status;
pub mod line;
pub mod marks;
pub mod refusal;
pub mod segment;
pub mod supplies;
pub mod words;
