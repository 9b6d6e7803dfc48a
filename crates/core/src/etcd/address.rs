//! The address of a registry: `etcd://host:port,host:port/prefix`.

use std::fmt;
use std::net::Ipv6Addr;

/// What the address of a registry in etcd begins with.
const SCHEME: &str = "etcd://";
/// Where etcd listens to clients if the address names no port.
const USUAL_PORT: u16 = 2379;
/// What the registry's keys begin with if the address names no prefix.
const USUAL_PREFIX: &str = "/snowflake";
/// The longest prefix, in bytes.
const LONGEST_PREFIX: usize = 255;

/// Where the registry is.
///
/// ```
/// use snowflake_core::etcd::Address;
///
/// let address = Address::parse("etcd://etcd-1,[2001:db8::2]:2380/ids")?;
/// assert_eq!(address.endpoints[0].to_string(), "etcd-1:2379");
/// assert_eq!(address.endpoints[1].to_string(), "[2001:db8::2]:2380");
/// assert_eq!(address.prefix, "/ids");
/// # Ok::<(), String>(())
/// ```
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
    /// Reads an address. The port is 2379 and the prefix `/snowflake` if it names none.
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

/// A host with or without a port.
fn endpoint(text: &str) -> Result<Endpoint, String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => in_brackets(text, rest)?,
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
    Ok(Endpoint {
        host: host.into(),
        port: port.map_or(Ok(USUAL_PORT), check_port)?,
    })
}

/// An IPv6 address in brackets and the port after it; `rest` is `text` without the first bracket.
fn in_brackets<'a>(text: &str, rest: &'a str) -> Result<(&'a str, Option<&'a str>), String> {
    let (host, port) = rest
        .split_once(']')
        .ok_or_else(|| format!("\"{text}\" has no closing bracket."))?;
    if host.parse::<Ipv6Addr>().is_err() {
        return Err(format!("\"{host}\" is no IPv6 address."));
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok((host, None)),
        Some(port) => Ok((host, Some(port))),
        None => Err(format!("\"{text}\" is not [host]:port.")),
    }
}

fn check_port(text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|&port| port != 0 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or_else(|| format!("\"{text}\" is no port."))
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
