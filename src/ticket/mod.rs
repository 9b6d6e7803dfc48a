//! Small, dense numbers.

pub mod counter;
pub mod create;
pub mod delivery;
pub mod draw;
