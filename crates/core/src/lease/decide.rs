//! What becomes of a request.

use super::hold;
use super::terms::{Answer, Decision, Denial, Entry, LONGEST, Lease, Reason, Request, Terms};
use crate::timestamp::Timestamp;

/// Decides about a request. `entries` are all of the layout, in any order. The caller has made
/// sure that no other decision is made meanwhile, or finds out that one was, and stores nothing.
///
/// ```
/// use snowflake_core::lease::{Answer, Request, Terms, USUAL, decide};
///
/// let now = 1_735_689_600_000;
/// let terms = Terms {
///     now,
///     tolerance: 60_000,
///     hold_until: 0,
///     longest: USUAL,
///     lost: false,
///     workers: 1_024,
/// };
/// let request = Request {
///     identity: "db".into(),
///     nonce: 1,
///     host_name: "db-1".into(),
///     clock: now,
///     max_lead: 500,
///     length: 600_000,
///     fixed: None,
///     held: None,
/// };
/// let decision = decide(&terms, &[], &request);
/// let Answer::Granted { lease, .. } = decision.answer else {
///     panic!("all worker IDs are free");
/// };
/// assert_eq!((lease.worker, lease.not_before), (0, now));
/// assert_eq!(lease.not_after, now + request.length);
/// ```
pub fn decide(terms: &Terms, entries: &[Entry], request: &Request) -> Decision {
    let case = Case {
        terms,
        entries,
        request,
        hold_until: hold::hold_until(terms, entries, request),
        max_lead: terms.max_lead(request),
    };
    match case.lease() {
        Ok(lease) => case.grant(lease),
        Err(denial) => case.deny(denial),
    }
}

/// A request in its circumstances.
struct Case<'a> {
    terms: &'a Terms,
    entries: &'a [Entry],
    request: &'a Request,
    hold_until: i64,
    max_lead: i64,
}

impl Case<'_> {
    /// The lease that is granted: the one that the requester has, going on, or a new one.
    fn lease(&self) -> Result<Lease, Denial> {
        self.check_clock()?;
        if let Some(entry) = self.own() {
            return Ok(self.extended(entry.worker, entry.not_before, entry.not_after));
        }
        if self.hold_until > self.terms.now.min(self.latest_start()) {
            return match hold::proven(self.terms, self.entries, self.request) {
                Some(held) => Ok(self.extended(held.worker, held.not_before, held.not_after)),
                None => Err(self.held_back()),
            };
        }
        let worker = match self.request.fixed {
            Some(worker) => self.fixed(worker)?,
            None => self.free()?,
        };
        Ok(self.new_interval(worker))
    }

    /// A new interval of a worker ID, after the one that was granted last.
    fn new_interval(&self, worker: u32) -> Lease {
        let ended = self.entry(worker).map_or(0, |entry| entry.not_after);
        let clock = self.request.clock;
        let not_before = ended
            .max(self.hold_until)
            .max(self.terms.now.min(clock))
            .max(0);
        let start = clock.max(not_before);
        self.extended(worker, not_before, start.saturating_add(self.length()))
    }

    /// A wrong clock would burn worker IDs: too far ahead, their next holders would have to wait.
    fn check_clock(&self) -> Result<(), Denial> {
        let Terms { now, tolerance, .. } = *self.terms;
        let clock = self.request.clock;
        if clock.abs_diff(now) <= tolerance.max(0).unsigned_abs() {
            return Ok(());
        }
        Err(denial(
            Reason::ClockDiffers,
            format!(
                "The server's clock reads {}, the registry's {}: they may differ by {} s.",
                Timestamp::from_millis(clock),
                Timestamp::from_millis(now),
                seconds(tolerance)
            ),
        ))
    }

    /// The lease that the requester was granted last, if nobody can have been granted its worker
    /// ID since. The nonce proves it: what the requester was told of it may be lost.
    fn own(&self) -> Option<&Entry> {
        let held = self.request.held.map(|held| held.worker);
        self.entries
            .iter()
            .filter(|entry| entry.nonce == self.request.nonce && !entry.released)
            .filter(|entry| entry.worker < self.terms.workers && self.suits(entry.worker))
            // one from before grants were lost may not be the last
            .filter(|entry| entry.not_after >= self.hold_until)
            .max_by_key(|entry| (held == Some(entry.worker), entry.not_after))
    }

    /// Whether the requester can do with a worker ID.
    fn suits(&self, worker: u32) -> bool {
        self.request.fixed.is_none_or(|fixed| fixed == worker)
    }

    /// What is stored about a worker ID.
    fn entry(&self, worker: u32) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.worker == worker)
    }

    /// The length that is granted. One that the registry did not know until now could be lost
    /// together with the knowledge: it is granted from the next time on.
    fn length(&self) -> i64 {
        self.request
            .length
            .min(self.terms.longest)
            .clamp(1, LONGEST)
    }

    /// An interval that lasts until `not_after`, and for the granted length from now.
    fn extended(&self, worker: u32, not_before: i64, not_after: i64) -> Lease {
        Lease {
            worker,
            not_before,
            not_after: not_after.max(self.request.clock.saturating_add(self.length())),
        }
    }

    /// Where an interval may begin at the latest, so that nobody starts ahead of time.
    fn latest_start(&self) -> i64 {
        self.request.clock.saturating_add(self.max_lead)
    }

    /// Whether an ended lease makes room for another. What a server gave back it may have again,
    /// although the mark of a server under load is a bit further ahead than its IDs may be.
    fn is_free(&self, entry: &Entry) -> bool {
        let latest = if entry.released && entry.identity == self.request.identity {
            self.request.clock.saturating_add(self.terms.tolerance)
        } else {
            self.latest_start()
        };
        entry.not_after <= latest
    }

    /// The worker ID that the requester asks for by number, if it is free.
    fn fixed(&self, worker: u32) -> Result<u32, Denial> {
        match self.entry(worker) {
            Some(entry) if !self.is_free(entry) => Err(denial(
                Reason::Taken,
                format!(
                    "Worker ID {worker} is leased to {} until {}.",
                    entry.host_name,
                    Timestamp::from_millis(entry.not_after)
                ),
            )),
            _ if worker >= self.terms.workers => Err(self.none_free()),
            _ => Ok(worker),
        }
    }

    /// A free worker ID: the one that this identity had last, else the first that nobody ever
    /// had, else the one whose lease ended first. Those that servers ask for by number come last.
    fn free(&self) -> Result<u32, Denial> {
        let free = || {
            self.entries
                .iter()
                .filter(|entry| entry.worker < self.terms.workers && self.is_free(entry))
        };
        let same = free()
            .filter(|entry| entry.identity == self.request.identity)
            .max_by_key(|entry| (entry.not_after, entry.worker));
        if let Some(entry) = same {
            return Ok(entry.worker);
        }
        if let Some(worker) = self.unused() {
            return Ok(worker);
        }
        free()
            .min_by_key(|entry| (entry.fixed, entry.not_after, entry.worker))
            .map(|entry| entry.worker)
            .ok_or_else(|| self.none_free())
    }

    /// The first worker ID without an entry.
    fn unused(&self) -> Option<u32> {
        let mut used: Vec<_> = self.entries.iter().map(|entry| entry.worker).collect();
        used.sort_unstable();
        used.dedup();
        let gap = used.iter().zip(0..).find(|(used, place)| **used != *place);
        let first = gap.map_or(used.len() as u32, |(_, place)| place);
        (first < self.terms.workers).then_some(first)
    }

    fn none_free(&self) -> Denial {
        let first = self
            .entries
            .iter()
            .min_by_key(|entry| (entry.not_after, entry.worker));
        let detail = match first {
            Some(entry) => format!(
                "All {} worker IDs are leased; the first to end is {}, at {}.",
                self.terms.workers,
                entry.worker,
                Timestamp::from_millis(entry.not_after)
            ),
            None => format!("There are {} worker IDs.", self.terms.workers),
        };
        denial(Reason::NoneFree, detail)
    }

    fn held_back(&self) -> Denial {
        denial(
            Reason::HeldBack,
            format!(
                "The registry may have lost its newest grants: it grants nothing anew until {}.",
                Timestamp::from_millis(self.hold_until)
            ),
        )
    }

    /// The leases of others with the requester's identity that have not ended: clones, or an
    /// earlier start of the same server that did not stop cleanly.
    fn others(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| {
            entry.identity == self.request.identity
                && entry.nonce != self.request.nonce
                && !entry.released
                && entry.not_after > self.latest_start()
        })
    }

    /// The others' entries that do not say yet that they are contested.
    fn contest(&self) -> Vec<Entry> {
        let host_name = &self.request.host_name;
        self.others()
            .filter(|entry| entry.contested_by.as_ref() != Some(host_name))
            .map(|entry| Entry {
                contested_by: Some(host_name.clone()),
                ..entry.clone()
            })
            .collect()
    }

    fn deny(&self, denial: Denial) -> Decision {
        let mut entries = match denial.reason {
            Reason::NoneFree | Reason::Taken => self.contest(),
            Reason::ClockDiffers | Reason::HeldBack => Vec::new(),
        };
        if let Some(lease) = hold::found(self.terms, self.entries, self.request) {
            entries.retain(|entry| entry.worker != lease.worker);
            entries.push(self.entry_of(&lease, None));
        }
        Decision {
            answer: Answer::Refused(denial),
            entries,
            hold_until: self.hold_until,
            longest: self.terms.longest,
        }
    }

    fn grant(&self, lease: Lease) -> Decision {
        let other = self
            .others()
            .filter(|entry| entry.worker != lease.worker)
            .max_by_key(|entry| entry.renewed)
            .map(|entry| entry.host_name.clone());
        // told once: another server that still contests it says so again
        let told = self
            .entry(lease.worker)
            .filter(|entry| entry.nonce == self.request.nonce)
            .and_then(|entry| entry.contested_by.clone());
        let mut entries = self.contest();
        entries.retain(|entry| entry.worker != lease.worker);
        entries.push(self.entry_of(&lease, other.clone()));
        Decision {
            answer: Answer::Granted {
                lease,
                contested_by: other.or(told),
            },
            entries,
            hold_until: self.hold_until,
            longest: self.terms.longest.max(self.request.length.min(LONGEST)),
        }
    }

    /// What is stored about a lease that the requester is granted.
    fn entry_of(&self, lease: &Lease, contested_by: Option<String>) -> Entry {
        let request = self.request;
        Entry {
            worker: lease.worker,
            identity: request.identity.clone(),
            nonce: request.nonce,
            host_name: request.host_name.clone(),
            not_before: lease.not_before,
            not_after: lease.not_after,
            renewed: self.terms.now,
            fixed: request.fixed.is_some(),
            released: false,
            contested_by,
        }
    }
}

fn denial(reason: Reason, detail: String) -> Denial {
    Denial { reason, detail }
}

/// Milliseconds as seconds for people: `60` or `0.500`.
fn seconds(millis: i64) -> String {
    match millis % 1_000 {
        0 => (millis / 1_000).to_string(),
        rest => format!("{}.{rest:03}", millis / 1_000),
    }
}
