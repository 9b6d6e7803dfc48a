//! Who decides whether the clock is right: a list, not a vote, so that one can say in a sentence why
//! IDs stopped.

use super::error::Error;

/// Who says what the time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// The majority of the NTP servers.
    Ntp,
    /// The majority of the servers that share a registry of worker IDs.
    Registry,
    /// The kernel.
    Kernel,
}

const ALL: [Authority; 3] = [Authority::Ntp, Authority::Registry, Authority::Kernel];

impl Authority {
    /// As it is set and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ntp => "ntp",
            Self::Registry => "registry",
            Self::Kernel => "kernel",
        }
    }
}

/// Those who may decide. The first that knows something does.
///
/// ```
/// use snowflake_core::time::{Authorities, Authority};
///
/// let two = Authorities::parse("ntp, kernel").unwrap();
/// assert!(two.iter().eq([Authority::Ntp, Authority::Kernel]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorities([Option<Authority>; ALL.len()]);

impl Default for Authorities {
    /// All of them, whoever is furthest from this machine first.
    fn default() -> Self {
        Self(ALL.map(Some))
    }
}

impl Authorities {
    /// Reads names with commas between, in either case.
    ///
    /// # Errors
    /// A name that is none, or there twice, or no names.
    pub fn parse(list: &str) -> Result<Self, Error> {
        let mut places = [None; ALL.len()];
        let mut free = places.iter_mut();
        let mut seen = Vec::new();
        for name in list.split(',').map(str::trim) {
            let authority = ALL
                .into_iter()
                .find(|known| known.name().eq_ignore_ascii_case(name))
                .ok_or_else(|| Error::authority_unknown(name))?;
            if seen.contains(&authority) {
                return Err(Error::AuthorityTwice {
                    name: authority.name(),
                });
            }
            seen.push(authority);
            if let Some(place) = free.next() {
                *place = Some(authority);
            }
        }
        Ok(Self(places))
    }

    /// In the order in which they are asked.
    pub fn iter(&self) -> impl Iterator<Item = Authority> {
        self.0.into_iter().flatten()
    }
}
