//! The leases of a layout as a registry stores them, and what becomes of a request.

use super::gateway::{self, Pair, Status};
use super::http::Response;
use super::keys::Keys;
use super::origin::Origin;
use super::snapshot::{Plan, Snapshot};
use super::stored::{OperatorSettings, StoredLease, StoredTerms};
use crate::lease::{self, Answer, Decision, Entry, Request, Terms};

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
    settings: OperatorSettings,
    terms: Versioned<StoredTerms>,
    leases: Vec<Versioned<Entry>>,
}

impl Snapshot for State {
    fn origin(&self) -> Origin {
        self.origin
    }
}

impl State {
    /// The transaction that reads it.
    pub fn request(keys: &Keys) -> String {
        gateway::read_transaction(&[keys.settings(), keys.terms()], Some(keys.leases()))
    }

    /// Reads it from the response to [`State::request`] and what the same member told about itself
    /// after that; `None` if it was another one.
    ///
    /// # Errors
    /// What is wrong with the response or with a value.
    pub fn parse(keys: &Keys, found: &Response, status: &Status) -> Result<Option<Self>, String> {
        let (header, pairs) = gateway::read_pairs(found)?;
        let Some(origin) = status.origin(&header) else {
            return Ok(None);
        };
        let date = found.date.ok_or("its answer has no date")?;
        let mut state = Self {
            keys: keys.clone(),
            date,
            origin,
            settings: OperatorSettings::default(),
            terms: Versioned {
                value: StoredTerms::default(),
                revision: 0,
            },
            leases: Vec::with_capacity(pairs.len()),
        };
        for pair in &pairs {
            state.add(pair)?;
        }
        Ok(Some(state))
    }

    /// Adds what stands under a key.
    fn add(&mut self, pair: &Pair) -> Result<(), String> {
        let Pair { key, revision, .. } = pair;
        if *key == self.keys.settings() {
            self.settings = OperatorSettings::parse(pair)?;
        } else if *key == self.keys.terms() {
            self.terms = Versioned {
                value: StoredTerms::parse(pair)?,
                revision: *revision,
            };
        } else {
            let worker = self
                .keys
                .worker(key)
                .ok_or_else(|| format!("key {key} is not that of a worker ID"))?;
            self.leases.push(Versioned {
                value: gateway::from_json::<StoredLease>(pair)?.entry(worker),
                revision: *revision,
            });
        }
        Ok(())
    }

    /// Whether the cluster lost what was stored last: it is not the one that stored what it has,
    /// or that the requester has seen.
    fn lost(&self, seen: Option<&Origin>) -> bool {
        let stored = self.terms.value.origin;
        // one that was replaced by another cluster was noted by the first server that saw it
        let seen = seen.filter(|seen| seen.cluster == self.origin.cluster);
        // the terms were stored after what they say was read
        stored.is_some_and(|stored| !stored.is_before(&self.origin))
            || seen.is_some_and(|seen| !seen.leads_to(&self.origin))
    }

    /// Decides about a request of a server that has `workers` worker IDs. `seen` is the cluster as
    /// of the last response that the requester got.
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
        let stored = &self.terms.value;
        let terms = Terms {
            // the reading of the date is cut, which is not the requester's fault
            now: request
                .clock
                .clamp(self.date, self.date.saturating_add(999)),
            tolerance: self.settings.clock_tolerance,
            hold_until: stored.hold_until,
            longest: stored.longest,
            lost,
            workers,
        };
        let entries: Vec<_> = self
            .leases
            .iter()
            .map(|lease| lease.value.clone())
            .collect();
        let decision = lease::decide(&terms, &entries, request);
        let terms = self.changed_terms(&entries, request, &decision, lost);
        self.plan(decision.answer, terms, &decision.entries)
    }

    /// The terms to be stored with a decision, if they are: renewals leave them alone, and so each
    /// other.
    fn changed_terms(
        &self,
        entries: &[Entry],
        request: &Request,
        decision: &Decision,
        lost: bool,
    ) -> Option<StoredTerms> {
        let goes_on = match &decision.answer {
            Answer::Granted { lease, .. } => entries.iter().any(|entry| {
                entry.worker == lease.worker
                    && entry.nonce == request.nonce
                    && entry.not_before == lease.not_before
            }),
            Answer::Refused(_) => true,
        };
        let Versioned { value, revision } = &self.terms;
        let known = value.hold_until == decision.hold_until && value.longest == decision.longest;
        (lost || !goes_on || !known || *revision == 0).then_some(StoredTerms {
            hold_until: decision.hold_until,
            longest: decision.longest,
            origin: Some(self.origin),
        })
    }

    /// What is stored about a worker ID.
    fn lease(&self, worker: u32) -> Option<&Versioned<Entry>> {
        self.leases
            .iter()
            .find(|lease| lease.value.worker == worker)
    }

    /// Gives a lease back from `mark` on, in milliseconds since 1970; the answer is false if it is
    /// not the one of that nonce.
    ///
    /// # Errors
    /// Something that cannot be stored.
    pub fn release(&self, worker: u32, nonce: u128, mark: i64) -> Result<Plan<bool>, String> {
        let lease = self.lease(worker);
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
            values.push((self.keys.terms(), gateway::to_json(&terms)?));
        }
        for entry in entries {
            let key = self.keys.lease(entry.worker);
            let revision = self.lease(entry.worker).map_or(0, |lease| lease.revision);
            unchanged.push((key.clone(), revision));
            values.push((key, gateway::to_json(&StoredLease::of(entry))?));
        }
        let transaction =
            (!values.is_empty()).then(|| gateway::write_transaction(&unchanged, &values));
        Ok(Plan {
            answer,
            transaction,
        })
    }
}
