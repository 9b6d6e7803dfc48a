//! The background worker and what it leases.

pub mod leases;
pub mod registrar;
