//! The oracle of all clocks: replicas that do things, send and receive, come and go, and of each the
//! set of all events that it has heard of.

// each test of a clock uses what that clock can do
#![allow(dead_code)]

use std::collections::BTreeSet;

use proptest::prelude::*;

/// Which event of which replica, counted from 1. Replicas that come one after another under one
/// number count on.
pub type Event = (usize, u32);
/// All that a replica or a message knows.
pub type History = BTreeSet<Event>;

pub const REPLICAS: usize = 6;

#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Something happens at a replica.
    Event(usize),
    /// A replica sends what it knows; the message stays on its way, and may be lost.
    Send(usize),
    /// A replica gets one of the messages that were sent so far: in any order, also more than once.
    Receive(usize, prop::sample::Index),
    /// A replica that is there makes one that is not: it knows the same.
    Fork(usize, usize),
    /// A replica takes over what another one is and knows, which is gone then.
    Join(usize, usize),
}

/// A run that shrinks to the fewest steps. All replicas are there from the beginning.
pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..=most)
}

/// A run in which replicas come and go; one is there at the beginning.
pub fn steps_of_changing_replicas(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let two = (0..REPLICAS, 0..REPLICAS);
    let step = prop_oneof![
        5 => step(),
        2 => two.clone().prop_map(|(from, to)| Step::Fork(from, to)),
        1 => two.prop_map(|(into, gone)| Step::Join(into, gone)),
    ];
    prop::collection::vec(step, 0..=most)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..REPLICAS).prop_map(Step::Event),
        2 => (0..REPLICAS).prop_map(Step::Send),
        3 => (0..REPLICAS, any::<prop::sample::Index>())
            .prop_map(|(replica, message)| Step::Receive(replica, message)),
    ]
}

/// A clock as the replicas use it.
pub trait Clock: Clone {
    /// The clocks of the replicas that are there at the beginning.
    fn beginning() -> Vec<Self>;

    fn event(&mut self, replica: usize);
    fn receive(&mut self, message: &Self);

    /// The clock of a new replica.
    fn fork(&mut self) -> Self {
        unimplemented!("no replica comes")
    }

    /// Takes the clock of a replica that is gone.
    fn join(&mut self, _gone: Self) {
        unimplemented!("no replica goes")
    }

    /// Looks at the clocks of all replicas that are there, after each step.
    fn look(_there: &[&Self]) {}
}

/// Runs the steps with a clock; those of replicas that are not there do nothing. Returns what every
/// replica knew after every step, by the clock and by the model.
pub fn run<C: Clock>(steps: &[Step]) -> Vec<(C, History)> {
    let mut replicas = vec![None; REPLICAS];
    for (replica, clock) in replicas.iter_mut().zip(C::beginning()) {
        *replica = Some((clock, History::new()));
    }
    let mut events = [0; REPLICAS];
    let mut messages: Vec<(C, History)> = Vec::new();
    let mut seen: Vec<_> = replicas[0].iter().cloned().collect();
    for step in steps {
        let changed = match *step {
            Step::Event(replica) => {
                let Some((clock, history)) = &mut replicas[replica] else {
                    continue;
                };
                clock.event(replica);
                events[replica] += 1;
                history.insert((replica, events[replica]));
                replica
            }
            Step::Send(replica) => {
                messages.extend(replicas[replica].clone());
                continue;
            }
            Step::Receive(replica, message) => {
                let Some((clock, history)) = &mut replicas[replica] else {
                    continue;
                };
                if messages.is_empty() {
                    continue;
                }
                let (sent, known) = message.get(&messages);
                clock.receive(sent);
                history.extend(known);
                replica
            }
            Step::Fork(from, to) => {
                if replicas[to].is_some() {
                    continue;
                }
                let Some((clock, history)) = &mut replicas[from] else {
                    continue;
                };
                let made = (clock.fork(), history.clone());
                replicas[to] = Some(made);
                to
            }
            Step::Join(into, gone) => {
                if into == gone || replicas[into].is_none() {
                    continue;
                }
                let Some((gone, known)) = replicas[gone].take() else {
                    continue;
                };
                if let Some((clock, history)) = &mut replicas[into] {
                    clock.join(gone);
                    history.extend(known);
                }
                into
            }
        };
        let there: Vec<_> = replicas.iter().flatten().map(|(clock, _)| clock).collect();
        C::look(&there);
        seen.extend(replicas[changed].clone());
    }
    seen
}
