//! A registry in etcd: its address, the messages, and what becomes of requests when etcd loses what
//! it stored last. etcd is a model of its gateway: keys with revisions, and a log.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use snowflake_core::Endpoint;
use snowflake_core::etcd::{
    Address, Committed, CounterState, Keys, Origin, Response, Snapshot, State, Status, is_address,
    post, ticket_key,
};
use snowflake_core::lease::{Answer, Lease, Reason, Request};

const NOW: i64 = 1_750_000_000_000;
const LENGTH: i64 = 60_000;
/// What a registry holds worker IDs back for that knows of no lease longer than usual.
const HOLD: i64 = 600_000 + 3 * 60_000;

// addresses

fn endpoint(host: &str, port: u16) -> Endpoint {
    Endpoint {
        host: host.into(),
        port,
    }
}

#[test]
fn addresses_are_read() {
    let address = |text| Address::parse(text).unwrap();
    let several = address(" etcd://db1:1234,10.0.0.2,[::1]:7,[fe80::1]/prod/ids/ ");
    let endpoints = [
        endpoint("db1", 1234),
        endpoint("10.0.0.2", 2379),
        endpoint("::1", 7),
        endpoint("fe80::1", 2379),
    ];
    assert_eq!(several.endpoints, endpoints);
    assert_eq!(several.prefix, "/prod/ids");
    assert_eq!(several.endpoints[0].to_string(), "db1:1234");
    assert_eq!(several.endpoints[2].to_string(), "[::1]:7");
    assert_eq!(address("etcd://a").prefix, "/snowflake");
    assert_eq!(address("etcd://a/").prefix, "/snowflake");
    assert!(is_address("etcd://a") && !is_address("host=a") && !is_address("postgresql://a"));
}

#[test]
fn addresses_that_are_none_are_refused() {
    for (text, problem) in [
        ("etcd://", "A host is empty"),
        ("etcd:///x", "A host is empty"),
        ("etcd://a,,b", "A host is empty"),
        ("etcd://:1", "A host is empty"),
        ("etcd://a:", "is no port"),
        ("etcd://a:0", "is no port"),
        ("etcd://a:+1", "is no port"),
        ("etcd://a:65536", "is no port"),
        ("etcd://::1", "in brackets"),
        ("etcd://[::1", "no closing bracket"),
        ("etcd://[::1]7", "is not [host]:port"),
        ("etcd://[a]:7", "is no IPv6 address"),
        ("etcd://a b", "is no host name"),
        ("etcd://a?x=1", "is no host name"),
        ("etcd://a/x//y", "The prefix consists of"),
        ("etcd://a/x y", "The prefix consists of"),
        ("etcd://user:secret@a/x", "no user name"),
        ("etcds://a", "does not begin with"),
    ] {
        let found = Address::parse(text).unwrap_err();
        assert!(found.contains(problem), "{text}: {found}");
        assert!(!found.contains("secret"), "{found}");
    }
}

// HTTP

#[test]
fn requests_are_complete() {
    let request = String::from_utf8(post(&endpoint("::1", 7), "/v3/x", "{\"a\":1}")).unwrap();
    assert!(request.starts_with("POST /v3/x HTTP/1.1\r\nHost: [::1]:7\r\n"));
    assert!(request.contains("\r\nContent-Length: 7\r\n"));
    assert!(request.ends_with("\r\n\r\n{\"a\":1}"));
}

#[test]
fn answers_are_read_as_soon_as_they_are_complete() {
    const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let head = "HTTP/1.1 200 OK\r\n";
    let cases = [
        (format!("{head}{DATE}Content-Length: 5\r\n\r\nhello"), false),
        (
            format!(
                "{head}{DATE}transfer-encoding: Chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n"
            ),
            false,
        ),
        (format!("{head}{DATE}\r\nhello"), true),
    ];
    for (text, by_end) in cases {
        let bytes = text.as_bytes();
        let response = Response::parse(bytes, by_end).unwrap().unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(response.date, Some(784_111_777_000));
        assert_eq!(response.body, b"hello");
        // up to the last byte that matters there is none
        let enough = text.rfind("0\r\n").filter(|_| text.contains("hunked"));
        let enough = enough.map_or(bytes.len(), |place| place + 3);
        for length in 0..enough {
            assert_eq!(
                Response::parse(&bytes[..length], false),
                Ok(None),
                "{length}"
            );
        }
    }
}

#[test]
fn answers_that_are_cut_or_wrong_are_refused() {
    let ended = |text: &str| Response::parse(text.as_bytes(), true).unwrap_err();
    assert!(ended("").contains("without an answer"));
    assert!(
        ended("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell").contains("without an answer")
    );
    let wrong = |text: &str| Response::parse(text.as_bytes(), false).unwrap_err();
    assert!(wrong("SSH-2.0-x\r\n\r\n").contains("not HTTP"));
    assert!(wrong("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n").contains("no length"));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert!(wrong(&format!("{chunked}zz\r\n")).contains("chunks"));
    assert!(wrong(&format!("{chunked}2\r\nabXX")).contains("chunks"));
    assert!(wrong(&format!("{chunked}fffffffffffffff\r\n")).contains("chunks"));
}

#[test]
fn answers_that_are_too_long_are_refused_before_they_are_received() {
    let parse = |text: &str| Response::parse(text.as_bytes(), false);
    let too_long = Err("its answer is too long".to_string());
    let promised = |length: u64| {
        parse(&format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
        ))
    };
    assert_eq!(promised(64 << 20), Ok(None));
    assert_eq!(promised((64 << 20) + 1), too_long);
    assert_eq!(promised(u64::MAX), too_long);
    assert!(parse("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n").is_err());
    // a head or a body without an end
    assert_eq!(
        parse(&format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(60_000))),
        Ok(None)
    );
    assert_eq!(
        parse(&format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(70_000))),
        too_long
    );
    let head = "HTTP/1.1 200 OK\r\n\r\n";
    assert_eq!(parse(&format!("{head}{}", "x".repeat(64 << 20))), Ok(None));
    assert_eq!(
        parse(&format!("{head}{}", "x".repeat((64 << 20) + 1))),
        too_long
    );
}

// a model of etcd

#[derive(Clone)]
struct Model {
    cluster: u64,
    member: u64,
    revision: i64,
    index: u64,
    date: i64,
    keys: BTreeMap<Vec<u8>, (Vec<u8>, i64)>,
}

impl Model {
    fn new() -> Self {
        Self {
            cluster: u64::MAX - 3,
            member: 7,
            revision: 1,
            index: 4,
            date: NOW,
            keys: BTreeMap::new(),
        }
    }

    /// The store as it was; the log begins anew.
    fn restored(snapshot: &Self, cluster: u64) -> Self {
        Self {
            cluster,
            index: 4,
            ..snapshot.clone()
        }
    }

    fn respond(&self, mut answer: Value) -> Response {
        answer["header"] = json!({
            "cluster_id": self.cluster.to_string(),
            "member_id": self.member.to_string(),
            "revision": self.revision.to_string(),
            "raft_term": "2",
        });
        Response {
            status: 200,
            date: Some(self.date / 1_000 * 1_000),
            body: answer.to_string().into_bytes(),
        }
    }

    fn status(&self) -> Status {
        Status::parse(&self.respond(json!({ "raftIndex": self.index.to_string() }))).unwrap()
    }

    fn transaction(&mut self, request: &str) -> Response {
        let request: Value = serde_json::from_str(request).unwrap();
        let bytes = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        for compare in list(&request["compare"]) {
            assert_eq!(
                (&compare["target"], &compare["result"]),
                (&json!("MOD"), &json!("EQUAL"))
            );
            let stored = self
                .keys
                .get(&bytes(&compare["key"]))
                .map_or(0, |(_, revision)| *revision);
            if compare["mod_revision"] != json!(stored.to_string()) {
                self.index += 1;
                return self.respond(json!({}));
            }
        }
        let operations = list(&request["success"]);
        if operations
            .iter()
            .any(|operation| operation["request_put"].is_object())
        {
            self.revision += 1;
            self.index += 1;
        }
        let mut responses = Vec::new();
        for operation in &operations {
            let put = &operation["request_put"];
            if put.is_object() {
                let value = (bytes(&put["value"]), self.revision);
                self.keys.insert(bytes(&put["key"]), value);
                responses.push(json!({ "response_put": {} }));
                continue;
            }
            let range = &operation["request_range"];
            let from = bytes(&range["key"]);
            let to = match &range["range_end"] {
                Value::Null => [from.clone(), vec![0]].concat(),
                end => bytes(end),
            };
            let pairs: Vec<_> = self
                .keys
                .range(from..to)
                .map(|(key, (value, revision))| {
                    json!({
                        "key": STANDARD.encode(key),
                        "value": STANDARD.encode(value),
                        "mod_revision": revision.to_string(),
                    })
                })
                .collect();
            // what is empty is left out
            responses.push(match pairs.is_empty() {
                true => json!({ "response_range": {} }),
                false => json!({ "response_range": { "kvs": pairs } }),
            });
        }
        self.respond(json!({ "succeeded": true, "responses": responses }))
    }

    fn put(&mut self, key: &str, value: &str) {
        self.revision += 1;
        self.index += 1;
        self.keys.insert(key.into(), (value.into(), self.revision));
    }

    fn json(&self, key: &str) -> Value {
        serde_json::from_slice(&self.keys[key.as_bytes()].0).unwrap()
    }

    fn state(&mut self) -> State {
        self.try_state().unwrap()
    }

    fn try_state(&mut self) -> Result<State, String> {
        let found = self.transaction(&State::request(&keys()));
        let status = self.status();
        State::parse(&keys(), &found, &status).map(Option::unwrap)
    }

    /// A request without anybody in between.
    fn take(&mut self, server: &mut Server) -> Answer {
        let state = self.state();
        let plan = state
            .take(&server.request(self.date), 4, server.seen.as_ref())
            .unwrap();
        if let Some(transaction) = &plan.transaction {
            let committed = Committed::parse(&self.transaction(transaction)).unwrap();
            assert!(committed.succeeded);
            server.seen = state.confirm(&committed, &self.status());
            assert!(server.seen.is_some());
        }
        if let Answer::Granted { lease, .. } = &plan.answer {
            server.held = Some(*lease);
        }
        plan.answer
    }

    fn granted(&mut self, server: &mut Server) -> Lease {
        match self.take(server) {
            Answer::Granted { lease, .. } => lease,
            Answer::Refused(refusal) => panic!("{refusal:?}"),
        }
    }

    fn refused(&mut self, server: &mut Server) -> Reason {
        match self.take(server) {
            Answer::Refused(refusal) => refusal.reason,
            granted => panic!("{granted:?}"),
        }
    }
}

fn keys() -> Keys {
    Keys::new(&Address::parse("etcd://a/t").unwrap(), "twitter")
}

/// A server that asks.
struct Server {
    nonce: u128,
    held: Option<Lease>,
    seen: Option<Origin>,
    ahead: i64,
}

impl Server {
    fn new(nonce: u128) -> Self {
        Self {
            nonce,
            held: None,
            seen: None,
            ahead: 0,
        }
    }

    fn request(&self, clock: i64) -> Request {
        Request {
            identity: format!("identity {}", self.nonce),
            nonce: self.nonce,
            host_name: format!("host{}", self.nonce),
            clock: clock + self.ahead,
            max_lead: 500,
            length: LENGTH,
            fixed: None,
            held: self.held,
        }
    }
}

#[test]
fn servers_get_workers_of_their_own_and_renew() {
    let mut etcd = Model::new();
    let (mut one, mut two) = (Server::new(1), Server::new(2));
    let first = etcd.granted(&mut one);
    assert_eq!((first.worker, etcd.granted(&mut two).worker), (0, 1));
    let terms = etcd.json("/t/terms");
    etcd.date += 20_000;
    let renewed = etcd.granted(&mut one);
    assert_eq!((renewed.worker, renewed.not_before), (0, first.not_before));
    assert_eq!(renewed.not_after, first.not_after + 20_000);
    assert_eq!(
        etcd.json("/t/terms"),
        terms,
        "renewals leave the terms alone"
    );
    let entry = etcd.json("/t/lease/twitter/0");
    assert_eq!(entry["host_name"], "host1");
    assert_eq!(entry["nonce"], "00000000-0000-0000-0000-000000000001");
    assert_eq!(entry["not_after"], renewed.not_after);
}

#[test]
fn who_was_slower_does_not_store() {
    let mut etcd = Model::new();
    etcd.granted(&mut Server::new(9));
    let state = etcd.state();
    let slow = state.take(&Server::new(1).request(NOW), 4, None).unwrap();
    assert_eq!(etcd.granted(&mut Server::new(2)).worker, 1);
    let before = etcd.keys.clone();
    let committed = Committed::parse(&etcd.transaction(&slow.transaction.unwrap())).unwrap();
    assert!(!committed.succeeded);
    assert_eq!(etcd.keys, before);
}

#[test]
fn a_hold_that_was_stored_meanwhile_stops_a_renewal() {
    let mut etcd = Model::new();
    let mut one = Server::new(1);
    etcd.granted(&mut one);
    let state = etcd.state();
    let renewal = state.take(&one.request(NOW), 4, None).unwrap();
    etcd.put("/t/terms", &json!({ "hold_until": NOW + HOLD }).to_string());
    let committed = Committed::parse(&etcd.transaction(&renewal.transaction.unwrap())).unwrap();
    assert!(!committed.succeeded);
}

#[test]
fn a_release_is_stored_once() {
    let mut etcd = Model::new();
    let mut one = Server::new(1);
    let lease = etcd.granted(&mut one);
    assert!(!etcd.state().release(lease.worker, 2, NOW).unwrap().answer);
    assert!(!etcd.state().release(3, 1, NOW).unwrap().answer);
    let plan = etcd.state().release(lease.worker, 1, NOW + 5_000).unwrap();
    assert!(plan.answer);
    etcd.transaction(&plan.transaction.unwrap());
    let entry = etcd.json("/t/lease/twitter/0");
    assert_eq!(
        (&entry["not_after"], &entry["released"]),
        (&json!(NOW + 5_000), &json!(true))
    );
    let again = etcd.state().release(lease.worker, 1, NOW).unwrap();
    assert!(!again.answer && again.transaction.is_none());
}

#[test]
fn a_restored_cluster_holds_back_whatever_its_id() {
    for same in [true, false] {
        let mut etcd = Model::new();
        let mut old = Server::new(1);
        etcd.granted(&mut old);
        etcd.granted(&mut Server::new(2));
        let snapshot = etcd.clone();
        let lost = etcd.granted(&mut Server::new(3));
        let cluster = if same { etcd.cluster } else { 5 };
        let mut etcd = Model::restored(&snapshot, cluster);
        let mut newcomer = Server::new(4);
        assert_eq!(
            etcd.refused(&mut newcomer),
            Reason::HeldBack,
            "same ID: {same}"
        );
        assert_eq!(
            etcd.json("/t/terms")["origin"]["cluster_id"],
            cluster.to_string()
        );
        let hold = etcd.json("/t/terms")["hold_until"].as_i64().unwrap();
        assert!((NOW + HOLD..=NOW + HOLD + 1_000).contains(&hold));
        etcd.date = hold - 1_000;
        assert_eq!(etcd.refused(&mut newcomer), Reason::HeldBack);
        etcd.date = hold + 1_000;
        let lease = etcd.granted(&mut newcomer);
        assert!(lease.not_before >= lost.not_after);
    }
}

#[test]
fn a_cluster_that_goes_on_holds_nothing_back() {
    let mut etcd = Model::new();
    let mut one = Server::new(1);
    etcd.granted(&mut one);
    // much is stored by others, and another member answers
    etcd.revision += 1_000;
    etcd.index += 5_000;
    etcd.member = 8;
    etcd.granted(&mut one);
    assert_eq!(etcd.granted(&mut Server::new(2)).worker, 1);
    assert_eq!(etcd.json("/t/terms")["hold_until"], 0);
}

#[test]
fn who_saw_what_was_lost_has_it_held_back() {
    // a restored cluster has grown past what it knows of itself, and in part past what was seen
    for (places, revisions) in [(1, 0), (1, 100), (200, 0)] {
        let mut etcd = Model::new();
        let mut one = Server::new(1);
        etcd.granted(&mut one);
        let snapshot = etcd.clone();
        etcd.index += 100;
        etcd.date += 20_000;
        etcd.granted(&mut one);
        let mut etcd = Model::restored(&snapshot, snapshot.cluster);
        etcd.index = snapshot.index + places;
        etcd.revision += revisions;
        etcd.date += 21_000;
        one.held = None;
        assert_eq!(
            etcd.refused(&mut one),
            Reason::HeldBack,
            "{places} {revisions}"
        );
    }
}

#[test]
fn who_takes_over_is_stopped_by_a_renewal() {
    let mut etcd = Model::new();
    let mut one = Server::new(1);
    let lease = etcd.granted(&mut one);
    etcd.date = lease.not_after + 1_000;
    let terms = etcd.json("/t/terms");
    let state = etcd.state();
    let plan = state
        .take(&Server::new(2).request(etcd.date), 1, None)
        .unwrap();
    assert!(matches!(plan.answer, Answer::Granted { lease, .. } if lease.worker == 0));
    assert_eq!(etcd.granted(&mut one).worker, 0);
    assert_eq!(etcd.json("/t/terms"), terms);
    let committed = Committed::parse(&etcd.transaction(&plan.transaction.unwrap())).unwrap();
    assert!(!committed.succeeded);
}

#[test]
fn what_is_stored_into_a_restored_cluster_is_not_relied_upon() {
    let mut etcd = Model::new();
    etcd.granted(&mut Server::new(1));
    let snapshot = etcd.clone();
    let state = etcd.state();
    let slow = state.take(&Server::new(2).request(NOW), 4, None).unwrap();
    let taken = etcd.granted(&mut Server::new(3));
    // the restored cluster does not know of that: to it nothing has changed
    let mut etcd = Model::restored(&snapshot, snapshot.cluster);
    let committed = Committed::parse(&etcd.transaction(&slow.transaction.unwrap())).unwrap();
    assert!(committed.succeeded);
    let Answer::Granted { lease, .. } = slow.answer else {
        panic!("refused");
    };
    assert_eq!(lease.worker, taken.worker);
    assert_eq!(state.confirm(&committed, &etcd.status()), None);
    // and what it does next shows that
    assert_eq!(etcd.refused(&mut Server::new(2)), Reason::HeldBack);
}

#[test]
fn answers_of_different_members_do_not_go_together() {
    let mut etcd = Model::new();
    let found = etcd.transaction(&State::request(&keys()));
    etcd.member += 1;
    assert!(
        State::parse(&keys(), &found, &etcd.status())
            .unwrap()
            .is_none()
    );
}

#[test]
fn the_clock_is_that_of_the_member_to_a_second() {
    let mut etcd = Model::new();
    etcd.date = NOW + 999;
    for (ahead, refused) in [
        (60_000, false),
        (-60_999, false),
        (60_001, true),
        (-61_000, true),
    ] {
        let mut server = Server::new(1);
        server.ahead = ahead;
        match etcd.take(&mut server) {
            Answer::Granted { .. } => assert!(!refused, "{ahead}"),
            Answer::Refused(refusal) => {
                assert!(refused, "{ahead}");
                assert_eq!(refusal.reason, Reason::ClockDiffers);
            }
        }
    }
    etcd.put("/t/settings", r#"{"clock_tolerance":1000}"#);
    let mut server = Server::new(1);
    server.ahead = 5_000;
    assert_eq!(etcd.refused(&mut server), Reason::ClockDiffers);
}

#[test]
fn times_and_numbers_at_the_ends_of_their_range() {
    // whatever stands there, a decision or an error comes of it
    for date in [i64::MIN, i64::MAX - 998, i64::MAX] {
        let mut etcd = Model::new();
        etcd.date = date;
        for (not_before, not_after) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (0, i64::MAX)] {
            let entry = json!({
                "identity": "x", "nonce": "00000000-0000-0000-0000-000000000000", "host_name": "x", "not_before": not_before,
                "not_after": not_after, "renewed": i64::MIN, "fixed": false, "released": true, "contested_by": null,
            });
            etcd.put("/t/lease/twitter/0", &entry.to_string());
            etcd.put(
                "/t/terms",
                &json!({ "hold_until": not_after, "longest": 1 }).to_string(),
            );
            if let Ok(state) = etcd.try_state() {
                for clock in [i64::MIN, 0, i64::MAX] {
                    let request = Server::new(1).request(clock);
                    assert!(state.take(&request, 4, None).is_ok());
                    assert!(state.release(0, 0, i64::MAX).is_ok());
                }
            }
        }
    }
}

#[test]
fn values_that_cannot_be_read_stop_everything() {
    for (key, value, problem) in [
        ("/t/terms", "nonsense", "cannot be read"),
        ("/t/terms", r#"{"longest":0}"#, "out of range"),
        (
            "/t/settings",
            r#"{"clock_tolerence":5000}"#,
            "cannot be read",
        ),
        ("/t/settings", r#"{"clock_tolerance":10}"#, "is not 1000 to"),
        ("/t/lease/twitter/0", "{}", "cannot be read"),
        ("/t/lease/twitter/00", "{}", "is not that of a worker ID"),
        ("/t/lease/twitter/x", "{}", "is not that of a worker ID"),
    ] {
        let mut etcd = Model::new();
        etcd.put(key, value);
        let found = etcd.try_state().unwrap_err();
        assert!(found.contains(problem) && found.contains(key), "{found}");
    }
    let mut etcd = Model::new();
    etcd.put("/t/lease/twitter2/0", "nonsense");
    etcd.put("/u/terms", "nonsense");
    assert_eq!(
        etcd.granted(&mut Server::new(1)).worker,
        0,
        "those of others do not matter"
    );
}

#[test]
fn what_etcd_says_is_passed_on() {
    let said = |status, body: &str| {
        let response = Response {
            status,
            date: None,
            body: body.into(),
        };
        Status::parse(&response).unwrap_err()
    };
    let timed_out = r#"{"error":"etcdserver: request timed out","message":"x","code":14}"#;
    assert_eq!(said(503, timed_out), "etcdserver: request timed out");
    assert_eq!(said(404, "<html>"), "it answers with HTTP status 404");
    assert!(said(200, "{}").contains("cannot be read"));
}

// tickets

use snowflake_core::ticket::Block;

impl Model {
    fn counter(&mut self) -> Result<CounterState, String> {
        let key = ticket_key(&Address::parse("etcd://a/t").unwrap(), "order");
        let found = self.transaction(&CounterState::request(&key));
        CounterState::parse(&key, &found, &self.status()).map(Option::unwrap)
    }

    fn create(&mut self, start: i64, step: i64) -> bool {
        let state = self.counter().unwrap();
        let plan = state.create(start, step).unwrap();
        if let Some(transaction) = plan.transaction {
            let committed = Committed::parse(&self.transaction(&transaction)).unwrap();
            assert!(committed.succeeded);
        }
        plan.answer
    }

    fn claim(&mut self, count: u32) -> Result<Block, String> {
        let state = self.counter()?;
        let plan = state.claim(count)?;
        let committed = Committed::parse(&self.transaction(&plan.transaction.unwrap()))?;
        assert!(committed.succeeded && state.confirm(&committed, &self.status()).is_some());
        Ok(plan.answer)
    }
}

fn block(first: i64, step: i64, count: u32) -> Block {
    Block { first, step, count }
}

#[test]
fn a_counter_is_created_once_and_claimed_in_blocks() {
    let mut etcd = Model::new();
    assert_eq!(
        etcd.claim(1),
        Err("key /t/ticket/order does not exist".into())
    );
    assert!(!etcd.create(1000, 2));
    assert!(etcd.create(1, 1));
    assert_eq!(etcd.claim(10), Ok(block(1000, 2, 10)));
    assert_eq!(etcd.claim(1), Ok(block(1020, 2, 1)));
    assert_eq!(etcd.json("/t/ticket/order")["next"], "1022");
}

#[test]
fn who_was_slower_claims_anew() {
    let mut etcd = Model::new();
    etcd.create(1, 1);
    let (one, two) = (etcd.counter().unwrap(), etcd.counter().unwrap());
    let (first, second) = (one.claim(10).unwrap(), two.claim(10).unwrap());
    assert_eq!(first.answer, second.answer);
    let mut store = |plan: &str| Committed::parse(&etcd.transaction(plan)).unwrap().succeeded;
    assert!(store(&first.transaction.unwrap()));
    assert!(!store(&second.transaction.unwrap()));
    assert_eq!(etcd.claim(1), Ok(block(11, 1, 1)));
}

#[test]
fn a_counter_ends() {
    let mut etcd = Model::new();
    etcd.create(i64::MAX - 4, 2);
    assert_eq!(etcd.claim(10), Ok(block(i64::MAX - 4, 2, 3)));
    assert_eq!(
        etcd.claim(10),
        Err("key /t/ticket/order has no numbers left".into())
    );
}

#[test]
fn a_restored_cluster_gives_out_nothing_until_the_operator_says_where_to_go_on() {
    for same in [true, false] {
        let mut etcd = Model::new();
        etcd.create(1, 1);
        etcd.claim(10).unwrap();
        let snapshot = etcd.clone();
        etcd.claim(10).unwrap();
        let cluster = if same { etcd.cluster } else { 5 };
        let mut etcd = Model::restored(&snapshot, cluster);
        let problem = etcd.claim(10).unwrap_err();
        assert!(problem.contains("lost what was stored last"), "{problem}");
        etcd.put("/t/ticket/order", r#"{"next":"21","step":"1"}"#);
        assert_eq!(etcd.claim(10), Ok(block(21, 1, 10)));
        assert_eq!(etcd.claim(10), Ok(block(31, 1, 10)));
    }
}

#[test]
fn counters_that_cannot_be_read_are_refused() {
    for (value, problem) in [
        ("17", "cannot be read"),
        (r#"{"next":"x","step":"1"}"#, "cannot be read"),
        (r#"{"next":"1","step":"0"}"#, "is not positive"),
        (r#"{"next":"1","step":"1","last":"2"}"#, "cannot be read"),
    ] {
        let mut etcd = Model::new();
        etcd.put("/t/ticket/order", value);
        let found = etcd.counter().unwrap_err();
        assert!(found.contains(problem), "{value}: {found}");
    }
}
