//! What this machine says: clocks, random bits, addresses.

pub mod address;
pub mod clock;
pub mod delay;
pub mod random;
