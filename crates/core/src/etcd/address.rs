//! `etcd://host:port,host:port/prefix`

use std::fmt;

/// What the address of a registry in etcd begins with.
const SCHEME: &str = "etcd://";
/// Where etcd listens to clients if nobody says otherwise.
const USUAL_PORT: u16 = 2379;
/// Under which the registry's keys are if nobody says otherwise.
const USUAL_PREFIX: &str = "/snowflake";
/// The longest prefix.
const LONGEST_PREFIX: usize = 255;

/// Where the registry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The members of the cluster, at least one.
    pub endpoints: Vec<Endpoint>,
    /// What its keys begin with; no slash at the end.
    pub prefix: String,
}

/// Where a member of the cluster listens to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address; one of IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(formatter, "[{host}]:{port}")
        } else {
            write!(formatter, "{host}:{port}")
        }
    }
}

/// Whether a setting is meant to be the address of a registry in etcd.
pub fn is_address(setting: &str) -> bool {
    setting.trim_start().starts_with(SCHEME)
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence. It names no part before an `@`, which may be secret.
    pub fn parse(setting: &str) -> Result<Self, String> {
        let rest = setting.trim();
        let rest = rest
            .strip_prefix(SCHEME)
            .ok_or_else(|| format!("It does not begin with \"{SCHEME}\"."))?;
        if rest.contains('@') {
            return Err("An address of etcd has no user name and no password.".into());
        }
        let (hosts, prefix) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let endpoints = hosts.split(',').map(endpoint).collect::<Result<_, _>>()?;
        Ok(Self {
            endpoints,
            prefix: check_prefix(prefix)?,
        })
    }
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest
                .split_once(']')
                .ok_or_else(|| format!("\"{text}\" has no closing bracket."))?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(format!("\"{host}\" is no IPv6 address."));
            }
            match port.strip_prefix(':') {
                None if port.is_empty() => (host, None),
                Some(port) => (host, Some(port)),
                None => return Err(format!("\"{text}\" is not [host]:port.")),
            }
        }
        None => match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(format!(
                    "\"{text}\" is not host:port. IPv6 addresses are written in brackets."
                ));
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() {
        return Err("A host is empty.".into());
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if !host.bytes().all(is_name) {
        return Err(format!("\"{host}\" is no host name."));
    }
    let port = match port {
        None => USUAL_PORT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|&port| port != 0 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .ok_or_else(|| format!("\"{text}\" is no port."))?,
    };
    Ok(Endpoint {
        host: host.into(),
        port,
    })
}

fn check_prefix(text: &str) -> Result<String, String> {
    let prefix = text.trim_end_matches('/');
    if prefix.is_empty() {
        return Ok(USUAL_PREFIX.into());
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
    if prefix.len() > LONGEST_PREFIX || prefix.contains("//") || !prefix.bytes().all(fits) {
        return Err(format!(
            "The prefix consists of letters, digits, \"-\", \".\", \"_\" and single slashes, at \
             most {LONGEST_PREFIX} bytes."
        ));
    }
    Ok(prefix.into())
}
