//! Other machines, asked without blocking.

pub mod deadline;
pub mod libpq;
mod resolver;
pub mod tcp;
pub mod udp;
