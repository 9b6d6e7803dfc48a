//! The values under the keys of a registry of leases.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::gateway::{self, Pair};
use super::origin::Origin;
use crate::lease::{Entry, LONGEST, USUAL};

/// By how much a server's clock may differ from that of a member of etcd, in milliseconds, if the
/// operator says nothing else.
const USUAL_TOLERANCE: i64 = 60_000;
/// What the operator may say, in milliseconds.
const TOLERANCES: RangeInclusive<i64> = 1_000..=3_600_000;

/// The value of `PREFIX/settings`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OperatorSettings {
    /// In milliseconds.
    pub(super) clock_tolerance: i64,
}

impl OperatorSettings {
    /// Reads the value of the key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(pair: &Pair) -> Result<Self, String> {
        let settings: Self = gateway::from_json(pair)?;
        if !TOLERANCES.contains(&settings.clock_tolerance) {
            return Err(format!(
                "clock_tolerance in key {} is not {} to {} milliseconds",
                pair.key,
                TOLERANCES.start(),
                TOLERANCES.end()
            ));
        }
        Ok(settings)
    }
}

impl Default for OperatorSettings {
    fn default() -> Self {
        Self {
            clock_tolerance: USUAL_TOLERANCE,
        }
    }
}

/// The value of `PREFIX/terms`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct StoredTerms {
    /// Until when nothing is granted anew, in milliseconds since 1970.
    pub(super) hold_until: i64,
    /// The longest lease ever granted, in milliseconds.
    pub(super) longest: i64,
    /// The cluster as of the last new lease.
    pub(super) origin: Option<Origin>,
}

impl StoredTerms {
    /// Reads the value of the key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(pair: &Pair) -> Result<Self, String> {
        let terms: Self = gateway::from_json(pair)?;
        if !(1..=LONGEST).contains(&terms.longest) {
            return Err(format!("longest in key {} is out of range", pair.key));
        }
        Ok(terms)
    }
}

impl Default for StoredTerms {
    fn default() -> Self {
        Self {
            hold_until: 0,
            longest: USUAL,
            origin: None,
        }
    }
}

/// The value of `PREFIX/lease/LAYOUT/WORKER`; times in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredLease {
    identity: String,
    nonce: Uuid,
    host_name: String,
    not_before: i64,
    not_after: i64,
    renewed: i64,
    fixed: bool,
    released: bool,
    contested_by: Option<String>,
}

impl StoredLease {
    /// What is stored of an entry; its worker ID is in the key.
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            identity: entry.identity.clone(),
            nonce: Uuid::from_u128(entry.nonce),
            host_name: entry.host_name.clone(),
            not_before: entry.not_before,
            not_after: entry.not_after,
            renewed: entry.renewed,
            fixed: entry.fixed,
            released: entry.released,
            contested_by: entry.contested_by.clone(),
        }
    }

    /// The entry of a worker ID.
    pub(super) fn entry(self, worker: u32) -> Entry {
        Entry {
            worker,
            identity: self.identity,
            nonce: self.nonce.as_u128(),
            host_name: self.host_name,
            not_before: self.not_before,
            not_after: self.not_after,
            renewed: self.renewed,
            fixed: self.fixed,
            released: self.released,
            contested_by: self.contested_by,
        }
    }
}
