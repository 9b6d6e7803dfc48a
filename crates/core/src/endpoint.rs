//! Where a server listens: `host:port`.

use std::fmt;
use std::net::Ipv6Addr;

use crate::excerpt::excerpt;

/// Where a server listens.
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

impl Endpoint {
    /// Reads a host with or without a port, that of IPv6 in brackets.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(text: &str, usual_port: u16) -> Result<Self, String> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => in_brackets(text, rest)?,
            None => match text.split_once(':') {
                Some((_, port)) if port.contains(':') => {
                    return Err(format!(
                        "\"{}\" is not host:port. IPv6 addresses are written in brackets.",
                        excerpt(text)
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
            return Err(format!("\"{}\" is no host name.", excerpt(host)));
        }
        Ok(Self {
            host: host.into(),
            port: port.map_or(Ok(usual_port), check_port)?,
        })
    }
}

/// An IPv6 address in brackets and the port after it; `rest` is `text` without the first bracket.
fn in_brackets<'a>(text: &str, rest: &'a str) -> Result<(&'a str, Option<&'a str>), String> {
    let (host, port) = rest
        .split_once(']')
        .ok_or_else(|| format!("\"{}\" has no closing bracket.", excerpt(text)))?;
    if host.parse::<Ipv6Addr>().is_err() {
        return Err(format!("\"{}\" is no IPv6 address.", excerpt(host)));
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok((host, None)),
        Some(port) => Ok((host, Some(port))),
        None => Err(format!("\"{}\" is not [host]:port.", excerpt(text))),
    }
}

fn check_port(text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|&port| port != 0 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or_else(|| format!("\"{}\" is no port.", excerpt(text)))
}
