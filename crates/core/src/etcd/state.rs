//! What is stored, and what becomes of a request.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::gateway::{self, Committed, Pair, Status};
use super::{Keys, Origin, Response};
use crate::lease::{self, Answer, Entry, LONGEST, Request, Terms, USUAL};

/// By how much a server's clock may differ from that of a member of etcd, in milliseconds, if the
/// operator says nothing else; and the range of what may be said.
const USUAL_TOLERANCE: i64 = 60_000;
const TOLERANCES: std::ops::RangeInclusive<i64> = 1_000..=3_600_000;

/// The value of `PREFIX/settings`.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// In milliseconds.
    clock_tolerance: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clock_tolerance: USUAL_TOLERANCE,
        }
    }
}

/// The value of `PREFIX/terms`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct StoredTerms {
    /// Until when nothing is granted anew, in milliseconds since 1970.
    hold_until: i64,
    /// The longest lease ever granted, in milliseconds.
    longest: i64,
    /// The cluster as of the last new lease.
    origin: Option<Origin>,
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
struct StoredLease {
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
    fn of(entry: &Entry) -> Self {
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

    fn entry(self, worker: u32) -> Entry {
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

/// A value with the revision that stored it, 0 if it does not exist.
#[derive(Clone, Debug)]
struct Versioned<T> {
    value: T,
    revision: i64,
}

/// What the registry has about a layout, as of one revision.
#[derive(Debug)]
pub struct State {
    keys: Keys,
    /// What the clock of the member read, cut to a second.
    date: i64,
    origin: Origin,
    tolerance: i64,
    terms: Versioned<StoredTerms>,
    leases: Vec<Versioned<Entry>>,
}

/// What becomes of a request.
#[derive(Debug)]
pub struct Plan<T> {
    /// The answer. It must not be given before the transaction is done.
    pub answer: T,
    /// The transaction, if anything is to be stored.
    pub transaction: Option<String>,
}

/// What was read from a cluster at one revision.
pub trait Snapshot {
    /// The cluster as it was when this was read.
    fn origin(&self) -> Origin;

    /// The cluster after a transaction was done in it, with what the same member told about itself
    /// after that; `None` if it cannot be the one that this was read from. What was stored is then
    /// not to be relied upon, as others may have got what they stored in between.
    fn confirm(&self, committed: &Committed, status: &Status) -> Option<Origin> {
        status
            .origin(&committed.header)
            .filter(|after| self.origin().is_before(after))
    }
}

impl Snapshot for State {
    fn origin(&self) -> Origin {
        self.origin
    }
}

impl State {
    /// The transaction that reads it.
    pub fn request(keys: &Keys) -> String {
        gateway::reading(&[keys.settings(), keys.terms()], Some(keys.leases()))
    }

    /// Reads it from the answer to [`State::request`] and what the same member told about itself
    /// after that; `None` if it was another one.
    ///
    /// # Errors
    /// What is wrong with the answer or with a value.
    pub fn parse(keys: &Keys, found: &Response, status: &Status) -> Result<Option<Self>, String> {
        let (header, pairs) = gateway::found(found)?;
        let Some(origin) = status.origin(&header) else {
            return Ok(None);
        };
        let date = found.date.ok_or("its answer has no date")?;
        let mut tolerance = USUAL_TOLERANCE;
        let mut terms = Versioned {
            value: StoredTerms::default(),
            revision: 0,
        };
        let mut leases = Vec::with_capacity(pairs.len());
        for pair in pairs {
            if pair.key == keys.settings() {
                tolerance = value::<Settings>(&pair)?.clock_tolerance;
                if !TOLERANCES.contains(&tolerance) {
                    return Err(format!(
                        "clock_tolerance in key {} is not {} to {} milliseconds",
                        pair.key,
                        TOLERANCES.start(),
                        TOLERANCES.end()
                    ));
                }
            } else if pair.key == keys.terms() {
                terms = Versioned {
                    value: value(&pair)?,
                    revision: pair.revision,
                };
                let StoredTerms { longest, .. } = terms.value;
                if !(1..=LONGEST).contains(&longest) {
                    return Err(format!("longest in key {} is out of range", pair.key));
                }
            } else {
                let worker = keys
                    .worker(&pair.key)
                    .ok_or_else(|| format!("key {} is not that of a worker ID", pair.key))?;
                leases.push(Versioned {
                    value: value::<StoredLease>(&pair)?.entry(worker),
                    revision: pair.revision,
                });
            }
        }
        Ok(Some(Self {
            keys: keys.clone(),
            date,
            origin,
            tolerance,
            terms,
            leases,
        }))
    }

    /// Whether the cluster lost what was stored last: it is not the one that stored what it has,
    /// or that the requester has seen.
    fn lost(&self, seen: Option<&Origin>) -> bool {
        let stored = self.terms.value.origin;
        // one that was replaced by another cluster was noted by whoever came first
        let seen = seen.filter(|seen| seen.cluster == self.origin.cluster);
        // the terms were stored after what they say was read
        stored.is_some_and(|stored| !stored.is_before(&self.origin))
            || seen.is_some_and(|seen| !seen.leads_to(&self.origin))
    }

    /// Decides about a request of a server that has `workers` worker IDs. `seen` is the cluster as
    /// of the last answer that the requester got.
    ///
    /// # Errors
    /// Something that cannot be stored.
    pub fn take(
        &self,
        request: &Request,
        workers: u32,
        seen: Option<&Origin>,
    ) -> Result<Plan<Answer>, String> {
        let lost = self.lost(seen);
        let before = &self.terms.value;
        let terms = Terms {
            // the reading of the date is cut, which is not the requester's fault
            now: request.clock.clamp(self.date, self.date + 999),
            tolerance: self.tolerance,
            hold_until: before.hold_until,
            longest: before.longest,
            lost,
            workers,
        };
        let entries: Vec<_> = self
            .leases
            .iter()
            .map(|lease| lease.value.clone())
            .collect();
        let decision = lease::decide(&terms, &entries, request);
        let goes_on = match &decision.answer {
            Answer::Granted { lease, .. } => entries.iter().any(|entry| {
                entry.worker == lease.worker
                    && entry.nonce == request.nonce
                    && entry.not_before == lease.not_before
            }),
            Answer::Refused(_) => true,
        };
        let known = before.hold_until == decision.hold_until && before.longest == decision.longest;
        // renewals leave the terms alone, and so each other
        let after =
            (lost || !goes_on || !known || self.terms.revision == 0).then_some(StoredTerms {
                hold_until: decision.hold_until,
                longest: decision.longest,
                origin: Some(self.origin),
            });
        self.plan(decision.answer, after, &decision.entries)
    }

    /// Gives a lease back from `mark` on; the answer is false if it is not the one of that nonce.
    ///
    /// # Errors
    /// Something that cannot be stored.
    pub fn release(&self, worker: u32, nonce: u128, mark: i64) -> Result<Plan<bool>, String> {
        let lease = self
            .leases
            .iter()
            .find(|lease| lease.value.worker == worker);
        match lease.and_then(|lease| lease::release(&lease.value, nonce, mark)) {
            Some(entry) => self.plan(true, None, &[entry]),
            None => Ok(Plan {
                answer: false,
                transaction: None,
            }),
        }
    }

    /// Stores what has changed if nothing of it has been changed since, and the terms have not.
    fn plan<T>(
        &self,
        answer: T,
        terms: Option<StoredTerms>,
        entries: &[Entry],
    ) -> Result<Plan<T>, String> {
        let mut unchanged = vec![(self.keys.terms(), self.terms.revision)];
        let mut values = Vec::new();
        if let Some(terms) = terms {
            values.push((self.keys.terms(), gateway::value(&terms)?));
        }
        for entry in entries {
            let key = self.keys.lease(entry.worker);
            let before = self
                .leases
                .iter()
                .find(|lease| lease.value.worker == entry.worker);
            unchanged.push((key.clone(), before.map_or(0, |lease| lease.revision)));
            values.push((key, gateway::value(&StoredLease::of(entry))?));
        }
        let transaction = (!values.is_empty()).then(|| gateway::writing(&unchanged, &values));
        Ok(Plan {
            answer,
            transaction,
        })
    }
}

pub(super) fn value<T: for<'de> Deserialize<'de>>(pair: &Pair) -> Result<T, String> {
    serde_json::from_slice(&pair.value)
        .map_err(|error| format!("the value of key {} cannot be read: {error}", pair.key))
}
