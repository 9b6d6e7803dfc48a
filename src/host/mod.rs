//! What this machine says: clocks, random bits, addresses, its name.

pub mod address;
pub mod clock;
pub mod counter;
pub mod delay;
pub mod identity;
pub mod random;
pub mod time_keepers;
