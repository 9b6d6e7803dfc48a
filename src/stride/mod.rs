//! Plain sequences that several servers share out by remainder.

pub mod check;
pub mod column;
pub mod label;
pub mod sequence;
pub mod set;
