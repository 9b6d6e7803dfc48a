//! A fleet and its registry, by chance: servers that are paused, cloned, restarted and have wrong
//! clocks, requests that come late or twice, answers that get lost, a registry that fails over to
//! a standby without the newest grants. Whatever happens, intervals of one worker ID that were
//! granted to two starts of a server never overlap. Rules that look right but are not are shown to
//! fail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner};
use snowflake_core::lease::{Answer, Entry, Lease, Reason, Request, Terms, decide, release};

/// Milliseconds, all of them.
const START: i64 = 1_000_000;
const TOLERANCE: i64 = 100;
const LONGEST: i64 = 1_000;
const WORKERS: u32 = 3;

/// What the registry and the servers go by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rules {
    /// Those of this crate.
    Right,
    /// What is stored with the data proves that it is the same holder.
    IdentityIsProof,
    /// A standby that takes over knows all grants.
    NothingIsLost,
    /// The longest lease is all there is to wait for.
    HoldWithoutMargin,
    /// What the registry finds stored proves who holds a worker ID although it lost grants.
    StoredIsProof,
    /// A hold that is over is of no account.
    HoldForgotten,
    /// The clock says what the server has used when it gives a lease back.
    ReleaseByClock,
}

#[derive(Clone, Debug)]
enum Step {
    /// Time passes.
    Pass(i64),
    /// A server asks; the request is under way.
    Ask {
        server: usize,
        length: i64,
        fixed: Option<u32>,
    },
    /// A request arrives: the one sent last, or an older one, for the first time or again.
    Arrive { back: usize, answered: bool },
    /// A server gives out IDs as far ahead as it may.
    Generate { server: usize },
    /// All processes of a server but the postmaster start anew: shared memory is lost.
    Crash { server: usize },
    /// A server starts anew, stopped cleanly or not.
    Restart { server: usize, cleanly: bool },
    /// Another server starts from a copy of the data.
    Clone { server: usize },
    /// The clock of a server is set.
    SetClock { server: usize, offset: i64 },
    /// The registry goes on from an older state, on a machine with a clock of its own.
    FailOver { back: usize, offset: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let server = 0..8_usize;
    let fixed = prop_oneof![4 => Just(None), 1 => (0..WORKERS).prop_map(Some)];
    let length = prop_oneof![1..=LONGEST, Just(LONGEST)];
    // two clocks of registries differ by the tolerance at most
    let registry = prop_oneof![-TOLERANCE / 2..=TOLERANCE / 2, Just(-TOLERANCE / 2)];
    let clock = prop_oneof![
        3 => -TOLERANCE..=TOLERANCE,
        3 => Just(TOLERANCE / 2),
        1 => -20 * TOLERANCE..=20 * TOLERANCE,
    ];
    prop_oneof![
        6 => prop_oneof![0..50_i64, 0..600_i64, LONGEST..LONGEST + 50, 0..3_000_i64]
            .prop_map(Step::Pass),
        12 => (server.clone(), length, fixed)
            .prop_map(|(server, length, fixed)| Step::Ask { server, length, fixed }),
        14 => (prop_oneof![8 => Just(0), 1 => 0..6_usize], prop::bool::weighted(0.85))
            .prop_map(|(back, answered)| Step::Arrive { back, answered }),
        6 => server.clone().prop_map(|server| Step::Generate { server }),
        1 => server.clone().prop_map(|server| Step::Crash { server }),
        2 => (server.clone(), any::<bool>())
            .prop_map(|(server, cleanly)| Step::Restart { server, cleanly }),
        1 => server.clone().prop_map(|server| Step::Clone { server }),
        2 => (server, clock).prop_map(|(server, offset)| Step::SetClock { server, offset }),
        1 => (0..12_usize, registry).prop_map(|(back, offset)| Step::FailOver { back, offset }),
    ]
}

struct Server {
    identity: u32,
    /// This start of it.
    start: u32,
    offset: i64,
    max_lead: i64,
    held: Option<Lease>,
    /// Above every ID of this start.
    mark: i64,
    /// The request that it waits for an answer to.
    asked: Option<usize>,
}

#[derive(Clone)]
struct Stored {
    entries: Vec<Entry>,
    hold_until: i64,
    longest: i64,
    /// Which registry wrote this.
    origin: u32,
}

/// What a start of a server was granted of a worker ID.
#[derive(Clone, Debug)]
struct Grant {
    start: u32,
    lease: Lease,
}

struct Fleet {
    rules: Rules,
    now: i64,
    servers: Vec<Server>,
    starts: u32,
    requests: Vec<(u32, Request)>,
    stored: Stored,
    /// Every state that the registry was in.
    past: Vec<Stored>,
    origin: u32,
    offset: i64,
    grants: Vec<Grant>,
    /// How many renewals a registry that holds back has let through.
    proven: u32,
}

impl Fleet {
    fn new(rules: Rules) -> Self {
        let mut fleet = Self {
            rules,
            now: START,
            servers: Vec::new(),
            starts: 0,
            requests: Vec::new(),
            stored: Stored {
                entries: Vec::new(),
                hold_until: 0,
                longest: LONGEST,
                origin: 0,
            },
            past: Vec::new(),
            origin: 0,
            offset: 0,
            grants: Vec::new(),
            proven: 0,
        };
        for identity in 0..5 {
            fleet.start(identity, 0);
        }
        fleet
    }

    /// A start of a server; the leads of some are beyond the tolerance.
    fn start(&mut self, identity: u32, offset: i64) {
        let server = self.fresh(identity, offset);
        self.servers.push(server);
    }

    fn fresh(&mut self, identity: u32, offset: i64) -> Server {
        self.starts += 1;
        Server {
            identity,
            start: self.starts,
            offset,
            max_lead: i64::from(self.starts % 4) * 60,
            held: None,
            mark: 0,
            asked: None,
        }
    }

    fn nonce(&self, server: &Server) -> u128 {
        u128::from(match self.rules {
            Rules::IdentityIsProof => server.identity,
            _ => server.start,
        })
    }

    fn run(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let pick = |server: usize| server % self.servers.len();
        match *step {
            Step::Pass(millis) => self.now += millis,
            Step::Ask {
                server,
                length,
                fixed,
            } => {
                let index = pick(server);
                let server = &self.servers[index];
                let request = Request {
                    identity: server.identity.to_string(),
                    nonce: self.nonce(server),
                    host_name: format!("db-{}", server.identity),
                    clock: self.now + server.offset,
                    max_lead: server.max_lead,
                    length,
                    fixed,
                    held: server.held,
                };
                self.requests.push((server.start, request));
                self.servers[index].asked = Some(self.requests.len() - 1);
            }
            Step::Arrive { back, answered } => {
                if let Some(last) = self.requests.len().checked_sub(1 + back) {
                    return self.arrive(last, answered);
                }
            }
            Step::Generate { server } => {
                let (now, server) = (self.now, pick(server));
                let server = &mut self.servers[server];
                if let Some(held) = server.held {
                    let end = (now + server.offset + server.max_lead).min(held.not_after);
                    if end > held.not_before {
                        server.mark = server.mark.max(end);
                    }
                }
            }
            Step::Crash { server } => {
                let server = pick(server);
                self.servers[server].held = None;
                self.servers[server].asked = None;
            }
            Step::Restart { server, cleanly } => {
                let index = pick(server);
                if cleanly {
                    self.release(index);
                }
                let old = &self.servers[index];
                let fresh = self.fresh(old.identity, old.offset);
                self.servers[index] = fresh;
            }
            Step::Clone { server } => {
                let original = &self.servers[pick(server)];
                self.start(original.identity, original.offset);
            }
            Step::SetClock { server, offset } => {
                let server = pick(server);
                self.servers[server].offset = offset;
            }
            Step::FailOver { back, offset } => {
                if let Some(kept) = self.past.len().checked_sub(1 + back) {
                    self.past.truncate(kept + 1);
                    self.stored = self.past[kept].clone();
                }
                self.origin += 1;
                self.offset = offset;
            }
        }
        Ok(())
    }

    fn arrive(&mut self, index: usize, answered: bool) -> Result<(), TestCaseError> {
        let (start, request) = self.requests[index].clone();
        let now = self.now + self.offset;
        let mut terms = Terms {
            now,
            tolerance: TOLERANCE,
            hold_until: self.stored.hold_until,
            longest: self.stored.longest,
            lost: self.stored.origin != self.origin && self.rules != Rules::NothingIsLost,
            workers: WORKERS,
        };
        if self.rules == Rules::HoldForgotten && now >= terms.hold_until {
            terms.hold_until = 0;
        }
        let mut decision = decide(&terms, &self.stored.entries, &request);
        if self.rules == Rules::HoldWithoutMargin && decision.hold_until > terms.hold_until {
            decision.hold_until = terms.hold_until.max(now + terms.longest);
        }
        if self.rules == Rules::StoredIsProof {
            let held_back = matches!(&decision.answer, Answer::Refused(refusal)
                if refusal.reason == Reason::HeldBack);
            if held_back {
                let trusting = Terms {
                    lost: false,
                    hold_until: 0,
                    ..terms
                };
                let own = |entry: &Entry| entry.nonce == request.nonce && !entry.released;
                if self.stored.entries.iter().any(own) {
                    let hold_until = decision.hold_until;
                    decision = decide(&trusting, &self.stored.entries, &request);
                    decision.hold_until = hold_until;
                }
            }
        }
        for entry in &decision.entries {
            let entries = &mut self.stored.entries;
            entries.retain(|old| old.worker != entry.worker);
            entries.push(entry.clone());
        }
        self.stored.hold_until = decision.hold_until;
        self.stored.longest = decision.longest;
        self.stored.origin = self.origin;
        self.past.push(self.stored.clone());
        let Answer::Granted { lease, .. } = decision.answer else {
            return Ok(());
        };
        if decision.hold_until > now {
            self.proven += 1;
        }
        if !self.servers.iter().any(|server| server.start == start) {
            // late, to a start that is over: nobody uses it
            return Ok(());
        }
        self.grants.push(Grant { start, lease });
        let waiting = |server: &&mut Server| server.start == start && server.asked == Some(index);
        if let Some(server) = self.servers.iter_mut().find(waiting)
            && answered
        {
            server.held = Some(lease);
            server.asked = None;
        }
        self.check()
    }

    /// A server gives back what it has not used. From then on it uses no more of it.
    fn release(&mut self, index: usize) {
        let server = &self.servers[index];
        let Some(held) = server.held else {
            return;
        };
        let (start, nonce, mark) = (server.start, self.nonce(server), server.mark);
        for grant in &mut self.grants {
            let lease = &mut grant.lease;
            if grant.start == start && lease.worker == held.worker {
                lease.not_after = lease.not_after.min(mark.max(lease.not_before));
            }
        }
        let mark = match self.rules {
            Rules::ReleaseByClock => self.now + server.offset,
            _ => mark,
        };
        let entries = &mut self.stored.entries;
        if let Some(entry) = entries.iter_mut().find(|entry| entry.worker == held.worker)
            && let Some(released) = release(entry, nonce, mark)
        {
            *entry = released;
            self.past.push(self.stored.clone());
        }
    }

    /// The newest grant against all others.
    fn check(&self) -> Result<(), TestCaseError> {
        let Some((newest, older)) = self.grants.split_last() else {
            return Ok(());
        };
        prop_assert!(newest.lease.worker < WORKERS);
        prop_assert!(newest.lease.not_before < newest.lease.not_after);
        for grant in older {
            let apart = grant.start == newest.start
                || grant.lease.worker != newest.lease.worker
                || grant.lease.not_after <= newest.lease.not_before
                || newest.lease.not_after <= grant.lease.not_before;
            prop_assert!(apart, "{grant:?} and {newest:?}");
        }
        Ok(())
    }
}

fn play(rules: Rules, steps: &[Step]) -> Result<Fleet, TestCaseError> {
    let mut fleet = Fleet::new(rules);
    for step in steps {
        fleet.run(step)?;
    }
    Ok(fleet)
}

/// Runs as many fleets as `cases` says, always the same.
fn explore(rules: Rules, cases: u32, steps: usize) -> Result<(), String> {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: if rules == Rules::Right { 4_096 } else { 0 },
        ..ProptestConfig::default()
    };
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    TestRunner::new_with_rng(config, seed)
        .run(&prop::collection::vec(step(), steps), |steps| {
            play(rules, &steps).map(|_| ())
        })
        .map_err(|error| error.to_string())
}

#[test]
fn intervals_of_one_worker_never_overlap() {
    explore(Rules::Right, 500, 200).unwrap_or_else(|error| panic!("{error}"));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// The same with another seed each time.
    #[test]
    fn intervals_of_one_worker_never_overlap_by_chance(
        steps in prop::collection::vec(step(), 300),
    ) {
        play(Rules::Right, &steps)?;
    }
}

/// The model reaches the circumstances that it is about.
#[test]
fn the_model_comes_to_what_matters() {
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), seed);
    let strategy = prop::collection::vec(step(), 200);
    let (mut proven, mut handed_on, mut starts_granted) = (0, 0, 0);
    for _ in 0..200 {
        let steps = strategy.new_tree(&mut runner).unwrap().current();
        let fleet = play(Rules::Right, &steps).unwrap();
        proven += fleet.proven;
        for worker in 0..WORKERS {
            let of_worker = fleet
                .grants
                .iter()
                .filter(|grant| grant.lease.worker == worker);
            let mut starts: Vec<_> = of_worker.map(|grant| grant.start).collect();
            starts.dedup();
            handed_on += starts.len().saturating_sub(1);
            starts_granted += starts.len();
        }
    }
    assert!(proven > 30, "{proven} renewals during a hold");
    assert!(handed_on > 400, "{handed_on} workers handed on");
    assert!(starts_granted > 800, "{starts_granted} holders");
}

#[test]
fn wrong_rules_are_found_out() {
    for rules in [
        Rules::IdentityIsProof,
        Rules::NothingIsLost,
        Rules::HoldWithoutMargin,
        Rules::StoredIsProof,
        Rules::HoldForgotten,
        Rules::ReleaseByClock,
    ] {
        let found = explore(rules, 6_000, 200);
        let problem = found.expect_err(&format!("{rules:?} passes"));
        assert!(problem.contains(" and "), "{rules:?}: {problem}");
    }
}

/// A server that asks in time keeps its worker ID, also while the registry holds back; one that has
/// none gets one once the hold is over.
#[test]
fn a_fleet_outlives_its_registry() {
    let mut fleet = Fleet::new(Rules::Right);
    fleet.servers.truncate(WORKERS as usize);
    let ask = |fleet: &mut Fleet, server| {
        let step = Step::Ask {
            server,
            length: LONGEST,
            fixed: None,
        };
        fleet.run(&step).unwrap();
        let step = Step::Arrive {
            back: 0,
            answered: true,
        };
        fleet.run(&step).unwrap();
    };
    for server in 0..3 {
        ask(&mut fleet, server);
    }
    let first: Vec<_> = fleet.servers.iter().map(|server| server.held).collect();
    for round in 0..10 {
        if round % 3 == 1 {
            // without anything that is less than two rounds old
            let step = Step::FailOver {
                back: 6,
                offset: -40,
            };
            fleet.run(&step).unwrap();
        }
        fleet.now += LONGEST / 3;
        for server in 0..3 {
            ask(&mut fleet, server);
            let (held, first) = (fleet.servers[server].held.unwrap(), first[server].unwrap());
            assert_eq!(held.worker, first.worker);
            assert_eq!(held.not_before, first.not_before);
            assert_eq!(held.not_after, fleet.now + LONGEST);
        }
    }
    let unclean = Step::Restart {
        server: 0,
        cleanly: false,
    };
    fleet.run(&unclean).unwrap();
    ask(&mut fleet, 0);
    assert_eq!(fleet.servers[0].held, None, "held back");
    let ends = fleet.stored.entries.iter().map(|entry| entry.not_after);
    fleet.now = ends
        .max()
        .unwrap()
        .max(fleet.stored.hold_until - fleet.offset);
    for server in 0..3 {
        ask(&mut fleet, server);
        assert!(fleet.servers[server].held.is_some());
    }
}
