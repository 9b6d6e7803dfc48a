//! Plain sequences that several servers share out by remainder.

pub mod set;
