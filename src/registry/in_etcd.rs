//! A registry in etcd, asked by its JSON gateway. What is stored and decided there is in
//! `snowflake_core::etcd`; this asks.

use snowflake_core::Endpoint;
use snowflake_core::etcd::{
    Address, Committed, Origin, Plan, Response, STATUS_PATH, STATUS_REQUEST, Snapshot, Status,
    TRANSACTION_PATH, post,
};

use crate::host::random;
use crate::net::deadline::Deadline;
use crate::net::tcp;
use crate::postgres::wait::{self, Event};
use crate::registry::protocol::NoAnswer;

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

/// What is read, and what becomes of it.
pub trait Question {
    /// What the registry has about the subject.
    type Found: Snapshot;
    /// What the server is told.
    type Answer;

    /// The transaction that reads.
    fn request(&self) -> String;

    /// Makes sense of the response and of what the same member said about itself after that;
    /// `None` if it was another one.
    ///
    /// # Errors
    /// What is wrong with them.
    fn read(&self, response: &Response, status: &Status) -> Result<Option<Self::Found>, String>;

    /// Decides, knowing the cluster as it was seen last.
    ///
    /// # Errors
    /// Why there is no answer.
    fn decide(
        &self,
        found: &Self::Found,
        seen: Option<&Origin>,
    ) -> Result<Plan<Self::Answer>, String>;
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

    /// Where it is.
    ///
    /// # Errors
    /// What is wrong with the setting.
    pub fn address(&self) -> Result<&Address, NoAnswer> {
        Ok(self.address.as_ref().map_err(Clone::clone)?)
    }

    /// Asks one member after the other, the one that answered last first.
    ///
    /// # Errors
    /// What each of them says or the system says about it.
    pub fn ask<Q: Question>(
        &mut self,
        question: &Q,
        deadline: Deadline,
    ) -> Result<Q::Answer, NoAnswer> {
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
        Err(NoAnswer(problems.join("; ")))
    }
}

/// Reads, decides and stores, again if others were faster.
fn exchange<Q: Question>(
    endpoint: &Endpoint,
    question: &Q,
    seen: Option<&Origin>,
    deadline: Deadline,
) -> Result<(Q::Answer, Origin), String> {
    let request = question.request();
    let status = || Status::parse(&send(endpoint, STATUS_PATH, STATUS_REQUEST, deadline)?);
    for round in 0..ROUNDS {
        if round > 0 {
            let longest = PAUSE << round.min(4);
            wait::pause(Event::Registry, (random::bits() % longest) as i64);
        }
        let response = send(endpoint, TRANSACTION_PATH, &request, deadline)?;
        let Some(found) = question.read(&response, &status()?)? else {
            continue;
        };
        let plan = question.decide(&found, seen)?;
        let Some(transaction) = plan.transaction else {
            return Ok((plan.answer, found.origin()));
        };
        let committed = send(endpoint, TRANSACTION_PATH, &transaction, deadline)?;
        let committed = Committed::parse(&committed)?;
        if !committed.succeeded {
            continue;
        }
        if let Some(origin) = found.confirm(&committed, &status()?) {
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
