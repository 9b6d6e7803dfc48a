//! What all backends of a server share: one file per part of docs/shared-memory.md.

pub mod block_orders;
pub mod bounded_text;
pub mod clock_gate;
pub mod clock_sources;
pub mod counters;
pub mod fleet_status;
pub mod holder;
pub mod lease_status;
pub mod marks;
pub mod ntp_turns;
pub mod places;
pub mod refusal;
pub mod segment;
pub mod words;
