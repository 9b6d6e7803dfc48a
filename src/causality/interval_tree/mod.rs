//! Interval tree clocks: for replicas that come and go.

pub mod form;
pub mod functions;
pub mod operators;
pub mod stamps;
pub mod value;
