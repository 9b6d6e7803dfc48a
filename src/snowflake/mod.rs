//! IDs of 64 bits.

pub mod adopt;
pub mod adopt_obstacles;
pub mod adopt_target;
pub mod functions;
pub mod layouts;
pub mod mark;
pub mod record;
pub mod session;
pub mod set_layout;
pub mod views;
pub mod witness;
pub mod worker;
