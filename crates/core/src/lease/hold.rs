//! A registry that lost its newest grants: a standby that took over, a backup that was restored.
//!
//! The lost grants cannot be known, but none of them reaches further than the longest lease from
//! the moment it was granted, give or take what the clocks are wrong by. Until then the registry
//! grants nothing anew. A lease that provably was nobody else's when the grants were lost goes on.

use super::terms::{Entry, LONGEST, Lease, Request, Terms};

/// How many times the tolerance a grant can reach beyond its length, seen from a registry that
/// takes over: once for the clock of the holder, once for what the interval may begin ahead of
/// it, once for the clock of the registry that granted it.
pub const MARGIN: i64 = 3;

impl Terms {
    /// [`MARGIN`] in milliseconds.
    pub(super) fn margin(&self) -> i64 {
        self.tolerance.max(0).saturating_mul(MARGIN)
    }

    /// How far the IDs of a server may count as ahead of its clock, in milliseconds: what it says
    /// of that counts up to the tolerance only, or the margin would not be known.
    pub(super) fn max_lead(&self, request: &Request) -> i64 {
        request.max_lead.clamp(0, self.tolerance.max(0))
    }
}

/// What the requester says that it holds, unless no registry can have granted that.
fn claimed(terms: &Terms, request: &Request) -> Option<Lease> {
    let furthest = terms
        .now
        .saturating_add(LONGEST)
        .saturating_add(terms.margin());
    request.held.filter(|held| {
        held.worker < terms.workers
            && (0..held.not_after).contains(&held.not_before)
            && held.not_after <= furthest
    })
}

/// Until when nothing is granted anew, in milliseconds since 1970.
pub(super) fn hold_until(terms: &Terms, entries: &[Entry], request: &Request) -> i64 {
    let lost = claimed(terms, request).filter(|held| is_lost(held, entries, request.nonce));
    if !terms.lost && lost.is_none() {
        return terms.hold_until;
    }
    // what is claimed is one of the lost grants: there may be others as long
    let reach = lost.map_or(0, |held| held.not_after.saturating_sub(terms.now));
    let longest = terms.longest.max(reach);
    let end = terms
        .now
        .saturating_add(longest)
        .saturating_add(terms.margin());
    terms.hold_until.max(end)
}

/// Whether a holder has more than the registry knows to have granted.
fn is_lost(held: &Lease, entries: &[Entry], nonce: u128) -> bool {
    match entries.iter().find(|entry| entry.worker == held.worker) {
        // a request that was overtaken by the release of its lease
        Some(entry) if entry.released && entry.nonce == nonce => false,
        Some(entry) => held.not_after > entry.not_after,
        None => true,
    }
}

/// The lease that the requester holds, if nobody else can have been granted its worker ID before
/// the registry lost grants: nobody is before the interval is over by their clock and lead.
pub(super) fn proven(terms: &Terms, entries: &[Entry], request: &Request) -> Option<Lease> {
    let held =
        claimed(terms, request).filter(|held| is_undisputed(held, entries, request.nonce))?;
    let live = held.not_after > terms.now.saturating_add(terms.margin());
    let wanted = request.fixed.is_none_or(|worker| worker == held.worker);
    (live && wanted).then_some(held)
}

/// Whether the registry knows nobody else in the interval that a requester claims.
fn is_undisputed(held: &Lease, entries: &[Entry], nonce: u128) -> bool {
    match entries.iter().find(|entry| entry.worker == held.worker) {
        Some(entry) if entry.nonce == nonce => !entry.released,
        Some(entry) => entry.not_after <= held.not_before,
        None => true,
    }
}

/// The lost lease that the requester claims, to be stored as the registry should have had it: or it
/// would be news each time it is claimed, and hold all others back for as long as it is.
pub(super) fn found(terms: &Terms, entries: &[Entry], request: &Request) -> Option<Lease> {
    claimed(terms, request).filter(|held| {
        is_lost(held, entries, request.nonce) && is_undisputed(held, entries, request.nonce)
    })
}
