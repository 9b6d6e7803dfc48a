//! A registry of worker IDs and tickets in etcd, asked by its JSON gateway. What is stored and
//! decided there is in `snowflake_core::etcd`; this asks.

use snowflake_core::etcd::{
    Address, Committed, CounterState, Endpoint, Keys, Origin, Plan, Response, STATUS_PATH,
    STATUS_REQUEST, Snapshot, State, Status, TRANSACTION_PATH, post, ticket_key,
};
use snowflake_core::lease::{Answer, Request};
use snowflake_core::snowflake::Layout;
use snowflake_core::ticket::Block;

use crate::host::clock;
use crate::host::random;
use crate::net::deadline::Deadline;
use crate::net::tcp;
use crate::postgres::wait::{self, Event};
use crate::registry::protocol::{Definition, Registry, Tickets, Unreachable};

/// How often a request is decided anew because others were faster.
const ROUNDS: u32 = 20;
/// The longest pause after the first time, in microseconds.
const PAUSE: u64 = 20_000;

/// The registry, by its address. Each request has a connection of its own.
pub struct Etcd {
    /// Or what is wrong with it.
    address: Result<Address, String>,
    /// The place of the member that answered last.
    member: usize,
    /// The cluster as of the last answer.
    seen: Option<Origin>,
}

impl Etcd {
    /// The registry that a setting names.
    pub fn new(setting: &str) -> Self {
        Self {
            address: Address::parse(setting),
            member: 0,
            seen: None,
        }
    }

    /// Reads and decides about the leases of a layout.
    fn ask_leases<T>(
        &mut self,
        layout: &Layout,
        deadline: Deadline,
        decide: impl Fn(&State, Option<&Origin>) -> Result<Plan<T>, String>,
    ) -> Result<T, Unreachable> {
        let address = self.address.as_ref().map_err(Clone::clone)?;
        let keys = Keys::new(address, &layout.namespace());
        let question = Question {
            request: State::request(&keys),
            read: |found: &_, status: &_| State::parse(&keys, found, status),
            decide,
        };
        self.ask(&question, deadline)
    }

    /// Reads and decides about the counter of a ticket.
    fn ask_counter<T>(
        &mut self,
        name: &str,
        deadline: Deadline,
        decide: impl Fn(&CounterState) -> Result<Plan<T>, String>,
    ) -> Result<T, Unreachable> {
        let address = self.address.as_ref().map_err(Clone::clone)?;
        let key = ticket_key(address, name);
        let question = Question {
            request: CounterState::request(&key),
            read: |found: &_, status: &_| CounterState::parse(&key, found, status),
            decide: |state: &_, _: Option<&_>| decide(state),
        };
        self.ask(&question, deadline)
    }

    /// Asks one member after the other, that which answered last before the others.
    fn ask<S, T, R, D>(
        &mut self,
        question: &Question<R, D>,
        deadline: Deadline,
    ) -> Result<T, Unreachable>
    where
        S: Snapshot,
        R: Fn(&Response, &Status) -> Result<Option<S>, String>,
        D: Fn(&S, Option<&Origin>) -> Result<Plan<T>, String>,
    {
        let address = self.address.as_ref().map_err(Clone::clone)?;
        let count = address.endpoints.len();
        let mut problems = Vec::new();
        for turn in 0..count {
            let member = (self.member + turn) % count;
            let endpoint = &address.endpoints[member];
            let share = deadline.and_within(deadline.left() / (count - turn) as i64);
            match exchange(endpoint, question, self.seen.as_ref(), share) {
                Ok((answer, origin)) => {
                    self.member = member;
                    self.seen = Some(origin);
                    return Ok(answer);
                }
                Err(problem) => problems.push(format!("etcd at {endpoint}: {problem}")),
            }
            if deadline.is_over() {
                break;
            }
        }
        Err(Unreachable(problems.join("; ")))
    }
}

/// What is read, and what becomes of it.
struct Question<R, D> {
    /// The transaction that reads it.
    request: String,
    /// Makes sense of the answer; `None` if two members gave parts of it.
    read: R,
    /// Decides, as of the cluster that was seen last.
    decide: D,
}

impl Tickets for Etcd {
    fn define(
        &mut self,
        name: &str,
        definition: Definition,
        deadline: Deadline,
    ) -> Result<bool, Unreachable> {
        self.ask_counter(name, deadline, |state| {
            state.create(definition.start, definition.step.into())
        })
    }

    fn claim(&mut self, name: &str, count: u32, deadline: Deadline) -> Result<Block, Unreachable> {
        self.ask_counter(name, deadline, |state| state.claim(count))
    }

    fn is_unreachable(&self) -> bool {
        // a problem with one key and one with the cluster are not told apart
        false
    }
}

impl Registry for Etcd {
    fn take(
        &mut self,
        layout: &Layout,
        request: &Request,
        deadline: Deadline,
    ) -> Result<Answer, Unreachable> {
        let workers = layout.largest_worker() + 1;
        self.ask_leases(layout, deadline, |state, seen| {
            let request = Request {
                // the time went on while the member was asked
                clock: clock::wall().micros() / 1_000,
                ..request.clone()
            };
            state.take(&request, workers, seen)
        })
    }

    fn release(
        &mut self,
        layout: &Layout,
        worker: u32,
        nonce: u128,
        mark: i64,
        deadline: Deadline,
    ) -> Result<(), Unreachable> {
        self.ask_leases(layout, deadline, |state, _| {
            state.release(worker, nonce, mark)
        })
        .map(drop)
    }
}

/// Reads, decides and stores, again if others were faster.
fn exchange<S, T, R, D>(
    endpoint: &Endpoint,
    question: &Question<R, D>,
    seen: Option<&Origin>,
    deadline: Deadline,
) -> Result<(T, Origin), String>
where
    S: Snapshot,
    R: Fn(&Response, &Status) -> Result<Option<S>, String>,
    D: Fn(&S, Option<&Origin>) -> Result<Plan<T>, String>,
{
    let status = || Status::parse(&send(endpoint, STATUS_PATH, STATUS_REQUEST, deadline)?);
    for round in 0..ROUNDS {
        if round > 0 {
            let longest = PAUSE << round.min(4);
            wait::pause(Event::Registry, (random::bits() % longest) as i64);
        }
        let found = send(endpoint, TRANSACTION_PATH, &question.request, deadline)?;
        let Some(state) = (question.read)(&found, &status()?)? else {
            continue;
        };
        let plan = (question.decide)(&state, seen)?;
        let Some(transaction) = plan.transaction else {
            return Ok((plan.answer, state.origin()));
        };
        let committed = send(endpoint, TRANSACTION_PATH, &transaction, deadline)?;
        let committed = Committed::parse(&committed)?;
        if !committed.succeeded {
            continue;
        }
        if let Some(origin) = state.confirm(&committed, &status()?) {
            return Ok((plan.answer, origin));
        }
    }
    Err("others were faster, or it answers for several members".into())
}

/// Sends a request and reads the response.
fn send(
    endpoint: &Endpoint,
    path: &str,
    body: &str,
    deadline: Deadline,
) -> Result<Response, String> {
    let Endpoint { host, port } = endpoint;
    let request = post(endpoint, path, body);
    tcp::exchange(host, *port, &request, Response::parse, deadline)
}
