//! The background worker, what it leases, and how that is shown.

pub mod leases;
pub mod registrar;
pub mod view;
