//! The address of a registry: `etcd://host:port,host:port/prefix`.

use crate::endpoint::Endpoint;

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
        let endpoints = hosts
            .split(',')
            .map(|host| Endpoint::parse(host, USUAL_PORT))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            endpoints,
            prefix: check_prefix(prefix)?,
        })
    }
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
