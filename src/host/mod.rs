//! What this machine says: clocks, random bits, its name.

pub mod clock;
pub mod delay;
pub mod identity;
pub mod random;
