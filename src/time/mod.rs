//! Clocks, measured: against NTP servers, and as the kernel sees its own.

pub mod functions;
pub mod kernel;
pub mod ntp;
