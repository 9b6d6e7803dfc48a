//! Version vectors: of each node, how many of its events are known.

pub mod form;
pub mod functions;
pub mod operators;
pub mod value;
