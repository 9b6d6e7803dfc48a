//! The oracle of all clocks: replicas that do things, send and receive, and of each the set of all
//! events that it has heard of.

use std::collections::BTreeSet;

use proptest::prelude::*;

/// Which event of which replica, counted from 1.
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
}

/// A run that shrinks to the fewest steps.
pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..REPLICAS).prop_map(Step::Event),
        2 => (0..REPLICAS).prop_map(Step::Send),
        3 => (0..REPLICAS, any::<prop::sample::Index>())
            .prop_map(|(replica, message)| Step::Receive(replica, message)),
    ];
    prop::collection::vec(step, 0..=most)
}

/// A clock as the replicas use it.
pub trait Clock: Clone + Default {
    fn event(&mut self, replica: usize);
    fn receive(&mut self, message: &Self);
}

/// Runs the steps with a clock. Returns what every replica knew after every step, by the clock and
/// by the model.
pub fn run<C: Clock>(steps: &[Step]) -> Vec<(C, History)> {
    let mut replicas = vec![(C::default(), History::new()); REPLICAS];
    let mut messages = Vec::new();
    let mut seen = replicas[..1].to_vec();
    for step in steps {
        let changed = match step {
            Step::Event(replica) => {
                let (clock, history) = &mut replicas[*replica];
                clock.event(*replica);
                let own = history.iter().filter(|event| event.0 == *replica);
                let next = own.map(|event| event.1).max().unwrap_or(0) + 1;
                history.insert((*replica, next));
                replica
            }
            Step::Send(replica) => {
                messages.push(replicas[*replica].clone());
                continue;
            }
            Step::Receive(_, _) if messages.is_empty() => continue,
            Step::Receive(replica, message) => {
                let (sent, known): &(C, History) = message.get(&messages);
                let (clock, history) = &mut replicas[*replica];
                clock.receive(sent);
                history.extend(known);
                replica
            }
        };
        seen.push(replicas[*changed].clone());
    }
    seen
}
