//! What a registry decides: known answers, rule by rule.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use snowflake_core::lease::{
    Answer, Decision, Entry, LONGEST, Lease, MARGIN, Reason, Request, Terms, USUAL, decide, release,
};

/// 2025-01-01, in milliseconds.
const NOW: i64 = 1_735_689_600_000;
const MINUTE: i64 = 60_000;
const LENGTH: i64 = 10 * MINUTE;

fn terms() -> Terms {
    Terms {
        now: NOW,
        tolerance: MINUTE,
        hold_until: 0,
        longest: USUAL,
        lost: false,
        workers: 4,
    }
}

fn request(nonce: u128) -> Request {
    Request {
        identity: format!("data {nonce}"),
        nonce,
        host_name: format!("db-{nonce}"),
        clock: NOW,
        max_lead: 500,
        length: LENGTH,
        fixed: None,
        held: None,
    }
}

/// The lease of a server that asked with `request`.
fn entry(worker: u32, nonce: u128, not_before: i64, not_after: i64) -> Entry {
    let Request {
        identity,
        host_name,
        ..
    } = request(nonce);
    Entry {
        worker,
        identity,
        nonce,
        host_name,
        not_before,
        not_after,
        renewed: not_before,
        fixed: false,
        released: false,
        contested_by: None,
    }
}

fn lease(worker: u32, not_before: i64, not_after: i64) -> Lease {
    Lease {
        worker,
        not_before,
        not_after,
    }
}

#[track_caller]
fn granted(decision: &Decision) -> Lease {
    match &decision.answer {
        Answer::Granted { lease, .. } => *lease,
        Answer::Refused(refusal) => panic!("refused: {refusal:?}"),
    }
}

#[track_caller]
fn refused(decision: &Decision, reason: Reason, detail: &str) {
    match &decision.answer {
        Answer::Granted { lease, .. } => panic!("granted: {lease:?}"),
        Answer::Refused(refusal) => {
            assert_eq!(refusal.reason, reason, "{}", refusal.detail);
            assert_eq!(refusal.detail, detail);
        }
    }
}

fn contested_by(decision: &Decision) -> Option<&str> {
    match &decision.answer {
        Answer::Granted { contested_by, .. } => contested_by.as_deref(),
        Answer::Refused(_) => None,
    }
}

/// Stores what was decided.
fn store(entries: &mut Vec<Entry>, decision: &Decision) {
    for entry in &decision.entries {
        entries.retain(|old| old.worker != entry.worker);
        entries.push(entry.clone());
    }
}

#[test]
fn the_first_lease() {
    let decision = decide(&terms(), &[], &request(1));
    assert_eq!(granted(&decision), lease(0, NOW, NOW + LENGTH));
    assert_eq!(contested_by(&decision), None);
    assert_eq!(decision.entries, [entry(0, 1, NOW, NOW + LENGTH)]);
    assert_eq!((decision.hold_until, decision.longest), (0, USUAL));
}

#[test]
fn a_server_whose_clock_is_behind_may_begin_at_once() {
    let behind = Request {
        clock: NOW - 700,
        ..request(1)
    };
    let decision = decide(&terms(), &[], &behind);
    assert_eq!(granted(&decision), lease(0, NOW - 700, NOW - 700 + LENGTH));
    let ahead = Request {
        clock: NOW + 700,
        ..request(1)
    };
    let decision = decide(&terms(), &[], &ahead);
    assert_eq!(granted(&decision), lease(0, NOW, NOW + 700 + LENGTH));
}

#[test]
fn five_servers_and_four_workers() {
    let mut entries = Vec::new();
    for nonce in 1..=4 {
        let decision = decide(&terms(), &entries, &request(nonce));
        assert_eq!(granted(&decision).worker, nonce as u32 - 1);
        store(&mut entries, &decision);
    }
    entries[2].not_after -= 1;
    let decision = decide(&terms(), &entries, &request(5));
    refused(
        &decision,
        Reason::NoneFree,
        "All 4 worker IDs are leased; the first to end is 2, at 2025-01-01T00:09:59.999Z.",
    );
    assert_eq!(decision.entries, []);
}

#[test]
fn a_renewal_goes_on_without_a_gap() {
    let entries = [entry(2, 1, NOW - MINUTE, NOW + MINUTE)];
    for held in [None, Some(lease(2, NOW - MINUTE, NOW + MINUTE))] {
        let renewal = Request { held, ..request(1) };
        let decision = decide(&terms(), &entries, &renewal);
        assert_eq!(granted(&decision), lease(2, NOW - MINUTE, NOW + LENGTH));
        assert_eq!(decision.entries.len(), 1);
        assert_eq!(decision.entries[0].renewed, NOW);
    }
}

#[test]
fn a_renewal_never_takes_anything_away() {
    let entries = [entry(2, 1, NOW - MINUTE, NOW + LENGTH)];
    let shorter = Request {
        length: 1,
        ..request(1)
    };
    let decision = decide(&terms(), &entries, &shorter);
    assert_eq!(granted(&decision), lease(2, NOW - MINUTE, NOW + LENGTH));
}

#[test]
fn a_lease_that_ended_goes_on_unless_it_was_taken() {
    let long_ago = NOW - 24 * 60 * MINUTE;
    let mut entries = vec![entry(0, 1, long_ago, long_ago + LENGTH)];
    let decision = decide(&terms(), &entries, &request(1));
    assert_eq!(granted(&decision), lease(0, long_ago, NOW + LENGTH));

    // with as many servers as workers somebody takes it
    entries.extend((1..4).map(|worker| entry(worker, 10, NOW, NOW + LENGTH)));
    let decision = decide(&terms(), &entries, &request(2));
    assert_eq!(granted(&decision), lease(0, NOW, NOW + LENGTH));
    store(&mut entries, &decision);
    let back = Request {
        held: Some(lease(0, long_ago, long_ago + LENGTH)),
        ..request(1)
    };
    let decision = decide(&terms(), &entries, &back);
    refused(
        &decision,
        Reason::NoneFree,
        "All 4 worker IDs are leased; the first to end is 0, at 2025-01-01T00:10:00Z.",
    );
    assert_eq!(decision.hold_until, 0, "nothing was lost");
    // and it gets another one once there is one
    entries.retain(|entry| entry.worker != 3);
    let decision = decide(&terms(), &entries, &back);
    assert_eq!(granted(&decision), lease(3, NOW, NOW + LENGTH));
}

#[test]
fn nobody_starts_ahead_of_time() {
    let taken = |not_after| {
        let mut entries: Vec<_> = (1..4)
            .map(|worker| entry(worker, 10, NOW, NOW + LENGTH))
            .collect();
        entries.push(entry(0, 1, NOW - LENGTH, not_after));
        decide(&terms(), &entries, &request(2))
    };
    // IDs may run half a second ahead of the clock
    let decision = taken(NOW + 500);
    assert_eq!(granted(&decision), lease(0, NOW + 500, NOW + 500 + LENGTH));
    refused(
        &taken(NOW + 501),
        Reason::NoneFree,
        "All 4 worker IDs are leased; the first to end is 0, at 2025-01-01T00:00:00.501Z.",
    );
}

#[test]
fn a_lead_counts_no_further_than_the_tolerance() {
    let eager = Request {
        max_lead: i64::MAX,
        ..request(2)
    };
    let terms = Terms {
        workers: 1,
        ..terms()
    };
    let decision = decide(&terms, &[entry(0, 1, NOW, NOW + MINUTE)], &eager);
    assert_eq!(granted(&decision).not_before, NOW + MINUTE);
    let decision = decide(&terms, &[entry(0, 1, NOW, NOW + MINUTE + 1)], &eager);
    refused(
        &decision,
        Reason::NoneFree,
        "All 1 worker IDs are leased; the first to end is 0, at 2025-01-01T00:01:00.001Z.",
    );
}

#[test]
fn which_free_worker() {
    let ended = |worker, nonce, ago| entry(worker, nonce, NOW - LENGTH, NOW - ago);
    // the one that it had last
    let mut entries = vec![ended(0, 9, 5_000), ended(1, 1, 9_000), ended(3, 1, 1_000)];
    for entry in &mut entries {
        entry.nonce += 100;
    }
    let lease = granted(&decide(&terms(), &entries, &request(1)));
    assert_eq!((lease.worker, lease.not_before), (3, NOW));
    // one that nobody ever had
    assert_eq!(granted(&decide(&terms(), &entries, &request(2))).worker, 2);
    // the one that ended first
    entries.push(ended(2, 8, 500));
    assert_eq!(granted(&decide(&terms(), &entries, &request(2))).worker, 1);
    // but rather not one that a server asks for by number
    entries[1].fixed = true;
    assert_eq!(granted(&decide(&terms(), &entries, &request(2))).worker, 0);
    for entry in &mut entries {
        entry.fixed = true;
    }
    assert_eq!(granted(&decide(&terms(), &entries, &request(2))).worker, 1);
    // and none that the layout does not have
    let terms = Terms {
        workers: 1,
        ..terms()
    };
    assert_eq!(granted(&decide(&terms, &entries, &request(1))).worker, 0);
}

#[test]
fn a_clock_that_differs() {
    let entries = [entry(0, 1, NOW - MINUTE, NOW + MINUTE)];
    let at = |nonce, clock| {
        let request = Request {
            clock,
            ..request(nonce)
        };
        decide(&terms(), &entries, &request)
    };
    for clock in [NOW - MINUTE, NOW + MINUTE] {
        assert_eq!(granted(&at(1, clock)).worker, 0);
        assert_eq!(granted(&at(2, clock)).worker, 1);
    }
    for nonce in [1, 2] {
        let decision = at(nonce, NOW + MINUTE + 1);
        refused(
            &decision,
            Reason::ClockDiffers,
            "The server's clock reads 2025-01-01T00:01:00.001Z, the registry's \
             2025-01-01T00:00:00Z: they may differ by 60 s.",
        );
        assert_eq!(decision.entries, []);
        refused(
            &at(nonce, NOW - MINUTE - 1),
            Reason::ClockDiffers,
            "The server's clock reads 2024-12-31T23:58:59.999Z, the registry's \
             2025-01-01T00:00:00Z: they may differ by 60 s.",
        );
    }
    for clock in [i64::MIN, i64::MAX] {
        let decision = at(1, clock);
        assert!(matches!(decision.answer, Answer::Refused(_)));
    }
    let terms = Terms {
        tolerance: 1_500,
        ..terms()
    };
    let request = Request {
        clock: NOW + 1_501,
        ..request(1)
    };
    let Answer::Refused(refusal) = decide(&terms, &[], &request).answer else {
        panic!("granted");
    };
    assert!(
        refusal.detail.ends_with("by 1.500 s."),
        "{}",
        refusal.detail
    );
}

#[test]
fn a_fixed_worker() {
    let fixed = |nonce, worker| Request {
        fixed: Some(worker),
        ..request(nonce)
    };
    let mut entries = Vec::new();
    let decision = decide(&terms(), &entries, &fixed(1, 3));
    assert_eq!(granted(&decision), lease(3, NOW, NOW + LENGTH));
    assert!(decision.entries[0].fixed);
    store(&mut entries, &decision);
    // goes on, and nobody else gets it
    assert_eq!(granted(&decide(&terms(), &entries, &fixed(1, 3))).worker, 3);
    refused(
        &decide(&terms(), &entries, &fixed(2, 3)),
        Reason::Taken,
        "Worker ID 3 is leased to db-1 until 2025-01-01T00:10:00Z.",
    );
    // a server that changes its number keeps the old one until that ends
    let decision = decide(&terms(), &entries, &fixed(1, 2));
    assert_eq!(granted(&decision), lease(2, NOW, NOW + LENGTH));
    store(&mut entries, &decision);
    let back = Request {
        held: Some(lease(3, NOW, NOW + LENGTH)),
        ..request(1)
    };
    assert_eq!(granted(&decide(&terms(), &entries, &back)).worker, 3);
    refused(
        &decide(&terms(), &entries, &fixed(1, 4)),
        Reason::NoneFree,
        "All 4 worker IDs are leased; the first to end is 2, at 2025-01-01T00:10:00Z.",
    );
    // once it is over
    entries.iter_mut().for_each(|entry| entry.not_after = NOW);
    assert_eq!(
        granted(&decide(&terms(), &entries, &fixed(2, 3))),
        lease(3, NOW, NOW + LENGTH)
    );
}

#[test]
fn a_lease_that_is_given_back() {
    let held = entry(1, 1, NOW - MINUTE, NOW + LENGTH);
    // from the mark on
    let released = release(&held, 1, NOW + 1_200).unwrap();
    assert_eq!((released.not_after, released.released), (NOW + 1_200, true));
    // a renewal that the registry lost counts as well
    let lost = NOW + LENGTH + 1_500;
    assert_eq!(release(&held, 1, lost).unwrap().not_after, lost);
    // never more than a renewal explains, never less than nothing
    assert_eq!(release(&held, 1, i64::MAX).unwrap().not_after, NOW + LENGTH);
    assert_eq!(release(&held, 1, 0).unwrap().not_after, NOW - MINUTE);
    // only the holder's, and once
    assert_eq!(release(&held, 2, NOW), None);
    assert_eq!(release(&released, 1, NOW), None);

    // the same server starts again, its IDs going on from the mark
    let entries = [released];
    let next = Request {
        identity: entries[0].identity.clone(),
        ..request(2)
    };
    let decision = decide(&terms(), &entries, &next);
    let not_before = NOW + 1_200;
    assert_eq!(
        granted(&decision),
        lease(1, not_before, not_before + LENGTH)
    );
    assert_eq!(contested_by(&decision), None);
    // others wait for it
    let terms = Terms {
        workers: 2,
        ..terms()
    };
    assert_eq!(granted(&decide(&terms, &entries, &request(3))).worker, 0);
    let other = Request {
        fixed: Some(1),
        ..request(3)
    };
    refused(
        &decide(&terms, &entries, &other),
        Reason::Taken,
        "Worker ID 1 is leased to db-1 until 2025-01-01T00:00:01.200Z.",
    );
    // the server that gave it back does not go on with it as if it had not
    let again = Request {
        held: Some(lease(1, NOW - MINUTE, NOW + LENGTH)),
        ..request(1)
    };
    let decision = decide(&terms, &entries, &again);
    assert_eq!(
        granted(&decision),
        lease(1, not_before, not_before + LENGTH)
    );
    assert_eq!(decision.hold_until, 0, "a late request is no loss");
}

#[test]
fn a_clone_gets_a_worker_of_its_own_and_both_are_told() {
    let mut entries = Vec::new();
    let decision = decide(&terms(), &entries, &request(1));
    store(&mut entries, &decision);
    let clone = Request {
        identity: request(1).identity,
        ..request(2)
    };
    let decision = decide(&terms(), &entries, &clone);
    assert_eq!(granted(&decision).worker, 1);
    assert_eq!(contested_by(&decision), Some("db-1"));
    store(&mut entries, &decision);
    let of = |entries: &[Entry], worker| {
        let entry = entries.iter().find(|entry| entry.worker == worker);
        entry.unwrap().contested_by.clone()
    };
    assert_eq!(of(&entries, 0).as_deref(), Some("db-2"));
    assert_eq!(of(&entries, 1).as_deref(), Some("db-1"));
    let decision = decide(&terms(), &entries, &request(1));
    assert_eq!(granted(&decision).worker, 0);
    assert_eq!(contested_by(&decision), Some("db-2"));
    store(&mut entries, &decision);
    // with the clone gone, it is said no more
    let gone = entries.iter_mut().find(|entry| entry.worker == 1).unwrap();
    gone.not_after = NOW;
    let decision = decide(&terms(), &entries, &request(1));
    assert_eq!(contested_by(&decision), Some("db-2"), "what was stored");
    store(&mut entries, &decision);
    assert_eq!(of(&entries, 0), None);
    assert_eq!(contested_by(&decide(&terms(), &entries, &request(1))), None);
}

#[test]
fn a_clone_with_the_same_fixed_worker_is_refused_and_the_original_told() {
    let mut entries = Vec::new();
    let original = Request {
        fixed: Some(1),
        ..request(1)
    };
    let decision = decide(&terms(), &entries, &original);
    store(&mut entries, &decision);
    let clone = Request {
        nonce: 2,
        host_name: "db-2".into(),
        ..original.clone()
    };
    let decision = decide(&terms(), &entries, &clone);
    refused(
        &decision,
        Reason::Taken,
        "Worker ID 1 is leased to db-1 until 2025-01-01T00:10:00Z.",
    );
    store(&mut entries, &decision);
    assert_eq!(entries[0].not_after, NOW + LENGTH);
    let decision = decide(&terms(), &entries, &original);
    assert_eq!(contested_by(&decision), Some("db-2"));
    store(&mut entries, &decision);
    assert_eq!(contested_by(&decide(&terms(), &entries, &original)), None);
}

#[test]
fn a_registry_that_lost_grants_grants_nothing_anew() {
    let lost = Terms {
        lost: true,
        ..terms()
    };
    let hold_until = NOW + USUAL + MARGIN * MINUTE;
    let decision = decide(&lost, &[], &request(1));
    refused(
        &decision,
        Reason::HeldBack,
        "The registry may have lost its newest grants: it grants nothing anew until \
         2025-01-01T00:13:00Z.",
    );
    assert_eq!(decision.hold_until, hold_until);

    let until = |now, clock| {
        let terms = Terms {
            now,
            hold_until,
            ..terms()
        };
        let request = Request {
            clock,
            max_lead: 0,
            ..request(1)
        };
        decide(&terms, &[], &request)
    };
    let still = until(hold_until - 1, hold_until);
    assert!(matches!(still.answer, Answer::Refused(_)));
    // nor does anybody start ahead of time afterwards
    let still = until(hold_until, hold_until - 1);
    assert!(matches!(still.answer, Answer::Refused(_)));
    let decision = until(hold_until, hold_until);
    assert_eq!(
        granted(&decision),
        lease(0, hold_until, hold_until + LENGTH)
    );
    assert_eq!(decision.hold_until, hold_until);
}

#[test]
fn the_margin_is_just_enough() {
    // a server whose clock is as far ahead as it may be is granted an interval that begins as far
    // ahead of that clock as it may
    let before = entry(0, 9, NOW - LENGTH, NOW + 2 * MINUTE);
    let ahead = Request {
        clock: NOW + MINUTE,
        max_lead: MINUTE,
        ..request(1)
    };
    let one = Terms {
        workers: 1,
        ..terms()
    };
    let lost = granted(&decide(&one, &[before], &ahead));
    assert_eq!(lost, lease(0, NOW + 2 * MINUTE, NOW + 2 * MINUTE + LENGTH));
    // the registry that takes over has a clock as far behind as it may be
    let another = Terms {
        now: NOW - MINUTE,
        lost: true,
        ..one
    };
    let decision = decide(&another, &[], &request(2));
    assert_eq!(decision.hold_until, lost.not_after);
    // nor would the former holder have passed for the present one
    let former = Request {
        held: Some(lease(0, NOW - LENGTH, NOW + 2 * MINUTE)),
        clock: NOW,
        ..request(9)
    };
    let decision = decide(&another, &[], &former);
    assert!(matches!(decision.answer, Answer::Refused(_)));
}

#[test]
fn a_hold_is_never_shortened() {
    let lost = Terms {
        lost: true,
        hold_until: NOW + 60 * MINUTE,
        ..terms()
    };
    assert_eq!(
        decide(&lost, &[], &request(1)).hold_until,
        NOW + 60 * MINUTE
    );
    let longer = Terms {
        longest: 2 * 60 * MINUTE,
        ..lost
    };
    assert_eq!(
        decide(&longer, &[], &request(1)).hold_until,
        NOW + (120 + MARGIN) * MINUTE
    );
}

#[test]
fn live_leases_go_on_while_the_registry_holds_back() {
    let lost = Terms {
        lost: true,
        ..terms()
    };
    let bound = NOW + MARGIN * MINUTE;
    let renewal = |held: Lease| Request {
        held: Some(held),
        ..request(1)
    };
    let stored = |entries: &[Entry], held: Lease| decide(&lost, entries, &renewal(held));

    // one that the registry knows, one that it lost, one of which it lost a part
    let held = lease(2, NOW - MINUTE, bound + 1);
    for entries in [
        vec![entry(2, 1, NOW - MINUTE, bound + 1)],
        vec![],
        vec![entry(2, 1, NOW - MINUTE, NOW)],
        vec![entry(2, 1, NOW - LENGTH, NOW - LENGTH + 1)],
        vec![entry(2, 7, NOW - LENGTH, NOW - MINUTE)],
    ] {
        let decision = stored(&entries, held);
        assert_eq!(granted(&decision), lease(2, NOW - MINUTE, NOW + LENGTH));
        assert_eq!(
            decision.entries,
            [entry_at(2, 1, NOW - MINUTE, NOW + LENGTH)]
        );
        assert_eq!(decision.hold_until, NOW + USUAL + MARGIN * MINUTE);
    }
    // not one that could have been taken by now
    let late = lease(2, NOW - MINUTE, bound);
    let decision = stored(&[entry(2, 1, NOW - MINUTE, bound)], late);
    assert!(matches!(decision.answer, Answer::Refused(_)));
    // nor one that somebody else was granted
    let decision = stored(&[entry(2, 7, NOW, NOW + 1)], held);
    assert!(matches!(decision.answer, Answer::Refused(_)));
    // nor what no registry grants
    for absurd in [
        lease(4, NOW, bound + 1),
        lease(2, bound + 1, bound + 1),
        lease(2, -1, bound + 1),
        lease(2, NOW, NOW + LONGEST + MARGIN * MINUTE + 1),
    ] {
        let decision = stored(&[], absurd);
        assert!(matches!(decision.answer, Answer::Refused(_)), "{absurd:?}");
        let decision = decide(&terms(), &[], &renewal(absurd));
        assert_eq!(granted(&decision).worker, 0);
        assert_eq!(decision.hold_until, 0, "{absurd:?}");
    }
    // nor another worker than asked for
    let fixed = Request {
        fixed: Some(1),
        ..renewal(held)
    };
    assert!(matches!(
        decide(&lost, &[], &fixed).answer,
        Answer::Refused(_)
    ));
}

/// The same, renewed now.
fn entry_at(worker: u32, nonce: u128, not_before: i64, not_after: i64) -> Entry {
    Entry {
        renewed: NOW,
        ..entry(worker, nonce, not_before, not_after)
    }
}

#[test]
fn what_was_stored_before_a_loss_proves_nothing_after_it() {
    // held by 1 when the registry was copied; the holder that was granted it afterwards is lost
    let entries = [entry(0, 1, NOW - LENGTH, NOW - MINUTE)];
    let hold_until = NOW - 1_000;
    let terms = Terms {
        hold_until,
        workers: 1,
        ..terms()
    };
    let decision = decide(&terms, &entries, &request(1));
    assert_eq!(granted(&decision), lease(0, NOW, NOW + LENGTH));
    // one that was renewed since goes on
    let entries = [entry(0, 1, NOW - LENGTH, hold_until)];
    let decision = decide(&terms, &entries, &request(1));
    assert_eq!(granted(&decision), lease(0, NOW - LENGTH, NOW + LENGTH));
}

#[test]
fn a_holder_that_knows_more_than_the_registry() {
    let held = lease(1, NOW - MINUTE, NOW + 30 * MINUTE);
    let renewal = Request {
        held: Some(held),
        ..request(1)
    };
    let hold_until = NOW + (30 + MARGIN) * MINUTE;
    for entries in [vec![], vec![entry(1, 1, NOW - MINUTE, NOW)]] {
        let decision = decide(&terms(), &entries, &renewal);
        assert_eq!(granted(&decision), held);
        assert_eq!(
            decision.hold_until, hold_until,
            "as long as what is claimed"
        );
    }
    // also if its own request is refused
    let wrong = Request {
        clock: NOW + 2 * MINUTE,
        ..renewal.clone()
    };
    let decision = decide(&terms(), &[], &wrong);
    assert!(matches!(decision.answer, Answer::Refused(_)));
    assert_eq!(decision.hold_until, hold_until);
    // as much as the registry knows is no loss
    let same = [entry(1, 1, NOW - MINUTE, NOW + 30 * MINUTE)];
    assert_eq!(decide(&terms(), &same, &renewal).hold_until, 0);
}

#[test]
fn a_lost_lease_that_is_over_holds_back_once() {
    // what a server goes on to claim that found out too late, with a clock that is right or wrong
    let held = lease(1, NOW - LENGTH, NOW + MINUTE);
    for (offset, others) in [
        (0, vec![]),
        (2 * MINUTE, vec![]),
        (0, vec![entry(1, 1, NOW - LENGTH, NOW)]),
    ] {
        let (mut terms, mut entries) = (terms(), others);
        let hold_until = NOW + USUAL + MARGIN * MINUTE;
        while terms.now <= hold_until {
            let claim = Request {
                clock: terms.now + offset,
                held: Some(held),
                ..request(1)
            };
            let decision = decide(&terms, &entries, &claim);
            assert_eq!(decision.hold_until, hold_until, "{offset}");
            store(&mut entries, &decision);
            terms.hold_until = decision.hold_until;
            terms.now += MINUTE;
        }
        // for itself and for others
        for nonce in [1, 2] {
            let asked = Request {
                clock: terms.now,
                held: Some(held).filter(|_| nonce == 1),
                ..request(nonce)
            };
            let decision = decide(&terms, &entries, &asked);
            assert!(granted(&decision).not_before >= hold_until);
            store(&mut entries, &decision);
        }
    }
}

#[test]
fn a_claim_takes_nothing_from_another_holder() {
    let other = entry(1, 2, NOW - MINUTE, NOW + MINUTE);
    let claim = Request {
        held: Some(lease(1, NOW - MINUTE, NOW + 2 * MINUTE)),
        ..request(1)
    };
    let decision = decide(&terms(), std::slice::from_ref(&other), &claim);
    assert!(matches!(decision.answer, Answer::Refused(_)));
    assert_eq!(decision.entries, []);
}

#[test]
fn a_new_length_is_granted_the_second_time() {
    let hour = Request {
        length: 60 * MINUTE,
        ..request(1)
    };
    let decision = decide(&terms(), &[], &hour);
    assert_eq!(granted(&decision).not_after, NOW + USUAL);
    assert_eq!(decision.longest, 60 * MINUTE);
    let knowing = Terms {
        longest: decision.longest,
        ..terms()
    };
    let decision = decide(&knowing, &decision.entries, &hour);
    assert_eq!(granted(&decision).not_after, NOW + 60 * MINUTE);
    // no refusal makes it known
    let lost = Terms {
        lost: true,
        ..terms()
    };
    assert_eq!(decide(&lost, &[], &hour).longest, USUAL);
    // and there is an end to it
    let forever = Request {
        length: i64::MAX,
        ..request(1)
    };
    let all = Terms {
        longest: i64::MAX,
        ..terms()
    };
    assert_eq!(
        granted(&decide(&all, &[], &forever)).not_after,
        NOW + LONGEST
    );
    assert_eq!(decide(&terms(), &[], &forever).longest, LONGEST);
}

#[test]
fn names_of_reasons() {
    for (reason, name) in [
        (Reason::ClockDiffers, "clock differs"),
        (Reason::HeldBack, "held back"),
        (Reason::NoneFree, "none free"),
        (Reason::Taken, "taken"),
    ] {
        assert_eq!(reason.name(), name);
        assert_eq!(Reason::from_name(name), Some(reason));
    }
    assert_eq!(Reason::from_name("granted"), None);
}

fn any_time() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        Just(i64::MIN),
        Just(i64::MAX),
        NOW - LENGTH..NOW + LENGTH
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever comes in, even from a registry that somebody edited, something sound goes out.
    #[test]
    fn any_figures(
        (now, tolerance, hold_until, longest) in (any_time(), any_time(), any_time(), any_time()),
        (clock, max_lead, length) in (any_time(), any_time(), any_time()),
        held in proptest::option::of((0..5_u32, any_time(), any_time())),
        fixed in proptest::option::of(0..5_u32),
        (lost, workers) in (any::<bool>(), 0..5_u32),
        entries in prop::collection::vec((0..5_u32, 0..3_u128, any_time(), any_time()), 0..5),
    ) {
        let terms = Terms { now, tolerance, hold_until, longest, lost, workers };
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(worker, nonce, not_before, not_after)| {
                entry(worker, nonce, not_before, not_after)
            })
            .collect();
        let request = Request {
            clock,
            max_lead,
            length,
            fixed,
            held: held.map(|(worker, not_before, not_after)| lease(worker, not_before, not_after)),
            ..request(1)
        };
        let decision = decide(&terms, &entries, &request);
        prop_assert!(decision.hold_until >= hold_until);
        prop_assert!(decision.longest >= longest);
        if let Answer::Granted { lease, .. } = decision.answer {
            prop_assert!(lease.worker < workers);
            prop_assert!(fixed.is_none_or(|fixed| fixed == lease.worker));
            let stored = decision.entries.iter().any(|entry| {
                (entry.worker, entry.not_before, entry.not_after)
                    == (lease.worker, lease.not_before, lease.not_after)
            });
            prop_assert!(stored);
        }
    }
}

/// The longest that clocks and leads may differ by, in milliseconds: an hour.
const HOUR: i64 = 3_600_000;

#[test]
fn a_grant_is_believed_within_layout_and_time() {
    use snowflake_core::lease::{Implausible, LONGEST, check_grant};

    let clock = 1_735_689_600_000;
    let request = |fixed| Request {
        identity: "a".into(),
        nonce: 1,
        host_name: "a".into(),
        clock,
        max_lead: 500,
        length: 600_000,
        fixed,
        held: None,
    };
    let lease = |worker, not_before, not_after| Lease {
        worker,
        not_before,
        not_after,
    };
    for good in [
        lease(0, clock, clock + 1),
        lease(1_023, 0, clock + LONGEST),
        lease(5, clock + 4 * HOUR, clock + LONGEST + 4 * HOUR),
    ] {
        assert_eq!(check_grant(&request(None), 1_024, &good), Ok(()));
    }
    for worker in [1_024, 5_000, u32::MAX] {
        let bad = lease(worker, clock, clock + 1);
        let refused = Err(Implausible::Worker(worker));
        assert_eq!(check_grant(&request(None), 1_024, &bad), refused);
    }
    let other = lease(6, clock, clock + 1);
    let refused = Err(Implausible::Worker(6));
    assert_eq!(check_grant(&request(Some(5)), 1_024, &other), refused);
    assert_eq!(check_grant(&request(Some(6)), 1_024, &other), Ok(()));
    for bad in [
        lease(5, -1, clock + 1),
        lease(5, i64::MIN, i64::MAX),
        lease(5, clock, i64::MAX),
        lease(5, clock, clock + LONGEST + 4 * HOUR + 1),
        lease(5, clock + 4 * HOUR + 1, clock + LONGEST),
        lease(5, clock + 2, clock + 2),
        lease(5, clock + 2, clock + 1),
        lease(5, 0, clock),
        lease(5, i64::MIN, i64::MIN + 1),
    ] {
        let refused = Err(Implausible::Interval(bad));
        assert_eq!(check_grant(&request(None), 1_024, &bad), refused);
    }
}
