//! The background worker and what it leases.

pub mod registrar;
