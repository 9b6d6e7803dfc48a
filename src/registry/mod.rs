//! Both ends of a registry of worker IDs and tickets.

pub mod in_etcd;
pub mod in_postgres;
pub mod protocol;
pub mod served;
pub mod setting;
pub mod tickets_in_postgres;
