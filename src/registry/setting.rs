//! Which registry a setting names.

use std::ffi::CString;

use snowflake_core::etcd;

use crate::net::libpq;
use crate::registry::in_etcd::Etcd;
use crate::registry::in_postgres::Postgres;
use crate::registry::protocol::Registry;

/// What a registry is kept in.
#[derive(Clone, Copy)]
enum Kind {
    Etcd,
    Postgres,
}

impl Kind {
    fn of(setting: &str) -> Self {
        if etcd::is_address(setting) {
            Self::Etcd
        } else {
            Self::Postgres
        }
    }
}

/// Whether the setting names a registry.
///
/// # Errors
/// What is wrong with it.
pub fn check(setting: &str) -> Result<(), String> {
    match Kind::of(setting) {
        Kind::Etcd => etcd::Address::parse(setting).map(drop),
        Kind::Postgres => {
            let conninfo = CString::new(setting).map_err(|_| "It has a zero byte.")?;
            libpq::check(&conninfo)
        }
    }
}

/// What kind of registry the setting names; unlike the setting, this holds no secret.
pub fn kind(setting: &str) -> &'static str {
    match Kind::of(setting) {
        Kind::Etcd => "etcd",
        Kind::Postgres => "postgresql",
    }
}

/// Whether the registry is a PostgreSQL database.
pub fn is_postgres(setting: &str) -> bool {
    matches!(Kind::of(setting), Kind::Postgres)
}

/// Where the registry is, to go on after its name; this holds no secret either.
pub fn place(setting: &str) -> String {
    if let Kind::Etcd = Kind::of(setting) {
        return format!(" at {setting}");
    }
    let conninfo = CString::new(setting).unwrap_or_default();
    let keywords = [
        (c"host", "host"),
        (c"hostaddr", "address"),
        (c"port", "port"),
        (c"dbname", "database"),
    ];
    let parts = keywords.into_iter().filter_map(|(keyword, name)| {
        let value = libpq::option(&conninfo, keyword).ok().flatten();
        let value = value.filter(|value| !value.is_empty())?;
        Some(format!("{name} \"{value}\""))
    });
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() {
        return String::new();
    }
    format!(" at {}", parts.join(", "))
}

/// Where an operator sees who has which worker ID, as the beginning of a sentence.
pub fn listing(setting: &str) -> &'static str {
    match Kind::of(setting) {
        Kind::Etcd => "The keys that begin with the prefix of the registry show",
        Kind::Postgres => "The view snowflake_leases of the registry shows",
    }
}

/// The registry that the setting names, not yet connected.
pub fn open(setting: &str) -> Box<dyn Registry> {
    match Kind::of(setting) {
        Kind::Etcd => Box::new(Etcd::new(setting)),
        Kind::Postgres => Box::new(Postgres::new(setting)),
    }
}
