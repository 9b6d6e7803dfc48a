//! Contexts: which single events of which actors are known.

pub mod form;
pub mod functions;
pub mod operators;
pub mod value;
