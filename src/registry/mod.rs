//! Both ends of a registry of worker IDs and tickets: those that a server asks, in PostgreSQL and
//! in etcd, and the one that this database is.

pub mod clock_row;
pub mod in_etcd;
pub mod in_etcd_leases;
pub mod in_etcd_tickets;
pub mod in_postgres;
pub mod in_postgres_clocks;
pub mod in_postgres_leases;
pub mod in_postgres_tickets;
pub mod lease_row;
pub mod proof;
pub mod protocol;
pub mod served;
pub mod served_clocks;
pub mod served_tables;
pub mod setting;
