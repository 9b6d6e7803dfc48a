//! Worker IDs of a registry in etcd: leasing them, giving them back.

use snowflake_core::etcd::{Keys, Origin, Plan, Response, State, Status};
use snowflake_core::lease::{Answer, Request};
use snowflake_core::snowflake::Layout;

use crate::host::clock;
use crate::net::deadline::Deadline;
use crate::registry::in_etcd::{Etcd, Question};
use crate::registry::protocol::{LeaseRegistry, NoAnswer};

impl LeaseRegistry for Etcd {
    fn take(
        &mut self,
        layout: &Layout,
        request: &Request,
        deadline: Deadline,
    ) -> Result<Answer, NoAnswer> {
        let take = Take {
            keys: Keys::new(self.address()?, &layout.namespace()),
            workers: layout.largest_worker() + 1,
            request,
        };
        self.ask(&take, deadline)
    }

    fn release(
        &mut self,
        layout: &Layout,
        worker: u32,
        nonce: u128,
        mark: i64,
        deadline: Deadline,
    ) -> Result<(), NoAnswer> {
        let release = Release {
            keys: Keys::new(self.address()?, &layout.namespace()),
            worker,
            nonce,
            mark,
        };
        self.ask(&release, deadline).map(drop)
    }
}

struct Take<'a> {
    keys: Keys,
    /// How many worker IDs the layout has.
    workers: u32,
    request: &'a Request,
}

impl Question for Take<'_> {
    type Found = State;
    type Answer = Answer;

    fn request(&self) -> String {
        State::request(&self.keys)
    }

    fn read(&self, response: &Response, status: &Status) -> Result<Option<State>, String> {
        State::parse(&self.keys, response, status)
    }

    fn decide(&self, found: &State, seen: Option<&Origin>) -> Result<Plan<Answer>, String> {
        let request = Request {
            // the time went on while the member was asked
            clock: clock::wall().micros() / 1_000,
            ..self.request.clone()
        };
        found.take(&request, self.workers, seen)
    }
}

struct Release {
    keys: Keys,
    worker: u32,
    nonce: u128,
    mark: i64,
}

impl Question for Release {
    type Found = State;
    type Answer = bool;

    fn request(&self) -> String {
        State::request(&self.keys)
    }

    fn read(&self, response: &Response, status: &Status) -> Result<Option<State>, String> {
        State::parse(&self.keys, response, status)
    }

    fn decide(&self, found: &State, _: Option<&Origin>) -> Result<Plan<bool>, String> {
        found.release(self.worker, self.nonce, self.mark)
    }
}
