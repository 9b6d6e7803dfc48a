//! What this machine says: clocks, random bits.

pub mod clock;
pub mod delay;
pub mod random;
