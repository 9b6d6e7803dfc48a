//! Hybrid logical clock: times that follow the clock, and causality where clocks do not agree.

pub mod clock;
pub mod form;
pub mod functions;
pub mod value;
pub mod witness;
