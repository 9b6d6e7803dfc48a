//! Other machines, asked without blocking.

pub mod deadline;
pub mod libpq;
pub mod resolver;
pub mod tcp;
pub mod udp;
