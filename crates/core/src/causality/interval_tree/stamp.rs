//! Versions, which are copied freely, and stamps, which are not.

use std::cmp::Ordering;

use super::error::Error;
use super::events;
use super::identity::Identity;
use super::tree::{ROOT, Tree};

/// What is known: events, without whose they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub(super) Tree);

impl Version {
    /// Whether it knows all that the other does.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.is_within(ROOT, &self.0, ROOT)
    }

    /// The order of causality: whether it knows less than the other, as much or more; `None` if
    /// each knows what the other does not.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self.contains(other), other.contains(self)) {
            (true, true) => Some(Ordering::Equal),
            (false, true) => Some(Ordering::Less),
            (true, false) => Some(Ordering::Greater),
            (false, false) => None,
        }
    }

    /// What is known to one of them.
    ///
    /// # Errors
    /// More than there can be.
    pub fn join(&self, other: &Self) -> Result<Self, Error> {
        self.0.join(&other.0).map(Self)
    }
}

/// What a replica is: an identity, in use nowhere else, and what it knows.
///
/// ```
/// use snowflake_core::causality::interval_tree::Stamp;
///
/// let (here, there) = Stamp::seed()?.fork()?;
/// let (here, there) = (here.event()?, there.event()?);
/// assert_eq!(here.to_string(), "((1,0),(0,1,0))");
/// // each knows what the other does not
/// assert_eq!(here.version().order(there.version()), None);
/// // one of them leaves, and its part of the identity is whole again
/// assert_eq!(here.join(&there)?.to_string(), "(1,1)");
/// # Ok::<(), snowflake_core::causality::interval_tree::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub(super) identity: Identity,
    pub(super) version: Version,
}

impl Stamp {
    /// The first one, which all others come from.
    ///
    /// # Errors
    /// No memory.
    pub fn seed() -> Result<Self, Error> {
        Ok(Self {
            identity: Identity::whole()?,
            version: Version(Tree::flat(0)?),
        })
    }

    /// Two in the place of one; they know the same.
    ///
    /// # Errors
    /// More levels than there can be.
    pub fn fork(&self) -> Result<(Self, Self), Error> {
        let (left, right) = self.identity.split()?;
        let with = |identity| -> Result<Self, Error> {
            let version = Version(self.version.0.copy()?);
            Ok(Self { identity, version })
        };
        Ok((with(left)?, with(right)?))
    }

    /// After one more event.
    ///
    /// # Errors
    /// A stamp without an identity; more than there can be.
    pub fn event(&self) -> Result<Self, Error> {
        if self.is_anonymous() {
            return Err(Error::NoIdentity);
        }
        Ok(Self {
            version: Version(events::event(&self.identity, &self.version.0)?),
            identity: Identity(self.identity.0.copy()?),
        })
    }

    /// One in the place of two.
    ///
    /// # Errors
    /// Identities that overlap; more than there can be.
    pub fn join(&self, other: &Self) -> Result<Self, Error> {
        Ok(Self {
            identity: self.identity.join(&other.identity)?,
            version: self.version.join(&other.version)?,
        })
    }

    /// Knowing what is known elsewhere, too.
    ///
    /// # Errors
    /// More than there can be.
    pub fn learn(&self, version: &Version) -> Result<Self, Error> {
        Ok(Self {
            identity: Identity(self.identity.0.copy()?),
            version: self.version.join(version)?,
        })
    }

    /// After hearing of a version, which is an event.
    ///
    /// # Errors
    /// A stamp without an identity; more than there can be.
    pub fn receive(&self, version: &Version) -> Result<Self, Error> {
        self.learn(version)?.event()
    }

    /// What it knows.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The same knowledge without an identity.
    ///
    /// # Errors
    /// No memory.
    pub fn anonymous(version: Version) -> Result<Self, Error> {
        let identity = Identity::none()?;
        Ok(Self { identity, version })
    }

    /// Whether it has no identity.
    pub fn is_anonymous(&self) -> bool {
        self.identity.is_none()
    }

    /// Whether the identities have a part in common, which those of two replicas never have.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.identity.overlaps(&other.identity)
    }
}
