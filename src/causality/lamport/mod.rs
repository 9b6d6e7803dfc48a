//! Lamport's clock: a number for each event, above those of all events that can have been its cause.

pub mod clock;
pub mod functions;
