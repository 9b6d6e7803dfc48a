//! Tickets: small, dense numbers, drawn from blocks that all backends share.

pub mod blocks;
pub mod claim;
pub mod counter;
pub mod create;
pub mod delivery;
pub mod draw;
pub mod known;
pub mod names;
pub mod no_ticket;
pub mod order;
pub mod state;
