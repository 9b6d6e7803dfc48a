//! Where a server's worker ID comes from.

use std::net::IpAddr;

use super::error::Error;
use super::layout::Layout;
use crate::excerpt::excerpt;

/// A value of the worker ID setting.
///
/// ```
/// use snowflake_core::snowflake::{Layout, Worker};
///
/// let layout = Layout::twitter();
/// assert_eq!(Worker::parse("8-15", &layout)?, Worker::Range(8, 15));
/// assert_eq!(Worker::parse("hostname", &layout)?, Worker::HostName);
/// assert!(Worker::parse("1024", &layout).is_err());
/// # Ok::<(), snowflake_core::snowflake::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worker {
    /// Not set: no ID is given out, because a silent 0 is how fleets get duplicates.
    Unset,
    /// One number.
    Fixed(u32),
    /// Several numbers, first and last, dealt to backends in turn.
    Range(u32, u32),
    /// From the address of an interface, by default that of the default route.
    Address {
        /// The interface, if one is named.
        interface: Option<String>,
    },
    /// From the number that ends the first label of the host name.
    HostName,
    /// From a registry, for a time.
    Lease,
}

impl Worker {
    /// Reads the setting, for a server that runs with `layout`.
    ///
    /// # Errors
    /// Anything but the forms above, and numbers outside the layout's worker field.
    pub fn parse(value: &str, layout: &Layout) -> Result<Self, Error> {
        let largest = layout.largest_worker();
        let refuse = |problem: Option<&str>| Error::WorkerInvalid {
            value: excerpt(value).into(),
            layout: layout.name().into(),
            largest: largest.into(),
            problem: problem.map(Into::into),
        };
        let number = |text: &str| -> Result<u32, Error> {
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(refuse(None));
            }
            match text.parse() {
                Ok(worker) if worker <= largest => Ok(worker),
                _ => Err(refuse(Some(&format!("{} is out of range", excerpt(text))))),
            }
        };
        let text = value.trim();
        let worker = if text.is_empty() {
            Self::Unset
        } else if text == "hostname" {
            Self::HostName
        } else if text == "lease" {
            Self::Lease
        } else if text == "ip" {
            Self::Address { interface: None }
        } else if let Some(interface) = text.strip_prefix("ip:") {
            if interface.trim().is_empty() {
                return Err(refuse(Some("The name of the interface is missing")));
            }
            Self::Address {
                interface: Some(interface.trim().into()),
            }
        } else if let Some((first, last)) = text.split_once('-') {
            let (first, last) = (number(first.trim())?, number(last.trim())?);
            if first > last {
                return Err(refuse(Some("The range ends before it starts")));
            }
            Self::Range(first, last)
        } else {
            Self::Fixed(number(text)?)
        };
        if largest == 0 && !matches!(worker, Self::Unset | Self::Fixed(0)) {
            return Err(refuse(None));
        }
        Ok(worker)
    }
}

/// The number that ends the first label of a host name: 3 for `db-3.example.org`.
///
/// # Errors
/// No number there, or one that the layout's worker field does not hold.
pub fn host_name_ordinal(host_name: &str, layout: &Layout) -> Result<u32, Error> {
    let refuse = |problem: String| Error::HostName {
        host_name: host_name.into(),
        problem,
    };
    let label = host_name.split('.').next().unwrap_or_default();
    let stem = label.trim_end_matches(|symbol: char| symbol.is_ascii_digit());
    let digits = &label[stem.len()..];
    if digits.is_empty() {
        return Err(refuse(format!(
            "The first label, \"{label}\", does not end in a number"
        )));
    }
    let largest = layout.largest_worker();
    match digits.parse() {
        Ok(worker) if worker <= largest => Ok(worker),
        _ => Err(refuse(format!(
            "The number {digits} is out of range: layout \"{}\" has worker IDs from 0 to {largest}",
            layout.name()
        ))),
    }
}

/// The last octet of an address, modulo the number of workers of the layout.
pub fn worker_from_address(address: IpAddr, layout: &Layout) -> u32 {
    let octet = match address {
        IpAddr::V4(address) => address.octets()[3],
        IpAddr::V6(address) => address.octets()[15],
    };
    u32::from(octet) % (layout.largest_worker() + 1)
}
