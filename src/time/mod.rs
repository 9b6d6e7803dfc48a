//! Clocks, measured: against NTP servers, and as the kernel sees its own; and the gate, which refuses
//! IDs by a clock that is wrong.

pub mod contradiction;
pub mod cristian;
pub mod fleet;
pub mod fleet_view;
pub mod functions;
pub mod gate;
pub mod kernel;
pub mod ntp;
pub mod ntp_server;
pub mod source_views;
pub mod views;
pub mod worker;
