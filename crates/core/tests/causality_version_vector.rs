//! Version vectors: their order is that of causal histories, their total order extends it, equal
//! values have equal bytes, and whatever comes from outside is read or refused.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod causal_history;
#[path = "../../../fuzz/targets/version_vector.rs"]
mod target;

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use causal_history::{Clock, History, REPLICAS, run, steps};
use proptest::prelude::*;
use snowflake_core::causality::{Error, MOST_ENTRIES, Malformed, VersionVector, room};
use snowflake_core::{Kind, Refusal};

/// A value by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Owned(Vec<u8>);

impl Owned {
    fn made(
        entries: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, Error>,
    ) -> Result<Self, Error> {
        let mut bytes = vec![0xee; room(entries)];
        let length = fill(&mut bytes)?;
        bytes.truncate(length);
        // whatever is made is canonical
        assert_eq!(VersionVector::check(&bytes).err(), None);
        Ok(Self(bytes))
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let room = VersionVector::room_to_parse(text)?;
        Self::made(room / 16, |room| VersionVector::parse(text, room))
    }

    fn parse_json(json: &str) -> Result<Self, Error> {
        let room = VersionVector::room_to_parse(json)?;
        Self::made(room / 16, |room| VersionVector::parse_json(json, room))
    }

    fn get(&self) -> VersionVector<'_> {
        VersionVector::stored(&self.0).unwrap()
    }

    fn merge(&self, other: &Self) -> Self {
        let entries = self.get().len() + other.get().len();
        Self::made(entries, |room| self.get().merge(other.get(), room)).unwrap()
    }

    fn meet(&self, other: &Self) -> Self {
        let entries = self.get().len().min(other.get().len());
        Self::made(entries, |room| self.get().meet(other.get(), room)).unwrap()
    }

    fn increment(&self, node: i64) -> Result<Self, Error> {
        Self::made(self.get().len() + 1, |room| {
            self.get().increment(node, room)
        })
    }

    fn text(&self) -> String {
        self.get().to_string()
    }
}

impl From<&Map> for Owned {
    fn from(map: &Map) -> Self {
        let entries: Vec<String> = map
            .iter()
            .map(|(node, counter)| format!("{node}:{counter}"))
            .collect();
        vector(&format!("{{{}}}", entries.join(",")))
    }
}

fn vector(text: &str) -> Owned {
    Owned::parse(text).unwrap()
}

fn of(node: i64, counter: i64) -> Result<Owned, Error> {
    Owned::made(1, |room| VersionVector::of(node, counter, room))
}

fn from_hex(hex: &str) -> Vec<u8> {
    let digits = hex.replace(' ', "");
    let byte = |place| u8::from_str_radix(&digits[place..place + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// The model: what a version vector means.
type Map = BTreeMap<i64, i64>;

fn counter(map: &Map, node: i64) -> i64 {
    map.get(&node).copied().unwrap_or(0)
}

/// Few nodes and low counters, so that values meet; and the largest of both.
fn map() -> impl Strategy<Value = Map> {
    let node = prop_oneof![8 => 0..8_i64, 1 => i64::MAX - 1..=i64::MAX];
    let counter = prop_oneof![8 => 1..4_i64, 1 => i64::MAX - 1..=i64::MAX];
    prop::collection::btree_map(node, counter, 0..8)
}

#[test]
fn known_answers() {
    assert_eq!(vector("{}").0, [1]);
    assert_eq!(
        vector("{1:5,2:7}").0,
        from_hex("01 0000000000000001 0000000000000005 0000000000000002 0000000000000007")
    );
    assert_eq!(
        vector("{9223372036854775807:9223372036854775807,0:1}").0,
        from_hex("01 0000000000000000 0000000000000001 7fffffffffffffff 7fffffffffffffff")
    );
    // any order, white space, zeros, zeros in front
    assert_eq!(
        vector(" { 2 : 7 ,\t1:5\r\n, 3:0, 004:0001 } \n").text(),
        "{1:5,2:7,4:1}"
    );
    assert_eq!(vector("{1:0}").text(), "{}");
    assert_eq!(
        vector("{1:5,2:7}").get().json().to_string(),
        r#"{"1": 5, "2": 7}"#
    );
    assert_eq!(vector("{}").get().json().to_string(), "{}");
    assert_eq!(
        Owned::parse_json(r#"{"10": 2, "9": 1, "8": 0}"#).unwrap(),
        vector("{9:1,10:2}")
    );

    let order = |left, right| vector(left).get().order(vector(right).get());
    assert_eq!(order("{}", "{}"), Some(Ordering::Equal));
    assert_eq!(order("{}", "{1:1}"), Some(Ordering::Less));
    assert_eq!(order("{1:2,2:7}", "{1:1,2:7}"), Some(Ordering::Greater));
    assert_eq!(order("{1:2}", "{1:1,2:1}"), None);
    assert_eq!(order("{1:1,3:1}", "{1:1,2:1}"), None);
    let total = |left, right| vector(left).get().total_order(vector(right).get());
    // the first node that differs decides; a missing one is 0
    assert_eq!(total("{1:1}", "{2:9}"), Ordering::Greater);
    assert_eq!(total("{1:1,2:9}", "{1:2}"), Ordering::Less);
    assert_eq!(total("{1:1}", "{1:1,5:1}"), Ordering::Less);
    assert_eq!(total("{1:1,2:3}", "{1:1,3:9}"), Ordering::Greater);

    let (left, right) = (vector("{1:5,2:7,9:1}"), vector("{2:8,3:1,9:1}"));
    assert_eq!(left.merge(&right).text(), "{1:5,2:8,3:1,9:1}");
    assert_eq!(left.meet(&right).text(), "{2:7,9:1}");
    assert_eq!(left.increment(2).unwrap().text(), "{1:5,2:8,9:1}");
    assert_eq!(left.increment(0).unwrap().text(), "{0:1,1:5,2:7,9:1}");
    assert_eq!(left.increment(10).unwrap().text(), "{1:5,2:7,9:1,10:1}");
    assert_eq!(of(3, 4).unwrap().text(), "{3:4}");
    assert_eq!(of(3, 0).unwrap().text(), "{}");
    let counters = [0, 1, 2, 3, i64::MAX, -1].map(|node| left.get().counter(node));
    assert_eq!(counters, [0, 5, 7, 0, 0, 0]);
}

/// Kind, message and detail of what a text is refused with.
fn text(text: &str) -> (Kind, String, String) {
    let error = Owned::parse(text).unwrap_err();
    (
        error.kind(),
        error.to_string(),
        error.detail().unwrap_or_default(),
    )
}

#[test]
fn refusals() {
    for (wrong, detail) in [
        ("", "Expected \"{\" at position 1."),
        ("1:5", "Expected \"{\" at position 1."),
        ("{", "Expected a node at position 2."),
        ("{,}", "Expected a node at position 2."),
        ("{-1:5}", "Expected a node at position 2."),
        ("{\"1\":5}", "Expected a node at position 2."),
        ("{1}", "Expected \":\" at position 3."),
        ("{1:}", "Expected a counter at position 4."),
        ("{1:-5}", "Expected a counter at position 4."),
        ("{1:+5}", "Expected a counter at position 4."),
        ("{1:5", "Expected \",\" or \"}\" at position 5."),
        ("{1:5.0}", "Expected \",\" or \"}\" at position 5."),
        ("{1:5,}", "Expected a node at position 6."),
        ("{1:5 2:7}", "Expected \",\" or \"}\" at position 6."),
        ("{1:5}}", "Expected the end at position 6."),
        ("{}x", "Expected the end at position 3."),
        ("{1:5, 1:5}", "Node 1 is there twice."),
        ("{2:1,1:0,1:0}", "Node 1 is there twice."),
        ("{1:\u{661}}", "Expected a counter at position 4."),
    ] {
        assert_eq!(
            text(wrong),
            (
                Kind::InvalidText,
                format!("invalid input syntax for type version_vector: \"{wrong}\""),
                detail.into()
            )
        );
    }
    let nodes = "Nodes are 0 to 9223372036854775807.";
    let node = "node 9223372036854775808 is out of range";
    assert_eq!(
        text("{9223372036854775808:1}"),
        (Kind::NumericOutOfRange, node.into(), nodes.into())
    );
    let (kind, message, _) = text(&format!("{{1:{}}}", "9".repeat(1_000)));
    assert_eq!(kind, Kind::NumericOutOfRange);
    assert_eq!(
        message,
        format!("counter {}... is out of range", "9".repeat(100))
    );
    assert!(text(&format!("{{{}", "x".repeat(1_000_000))).1.len() < 200);
    assert!(text(&"{".repeat(1_000_000)).1.len() < 200);

    for json in [
        "null",
        "[]",
        "5",
        "\"{}\"",
        r#"{"a": 1}"#,
        r#"{"1": "5"}"#,
        r#"{"1": 5.0}"#,
        r#"{"1": -5}"#,
        r#"{"1": null}"#,
        r#"{"": 1}"#,
        r#"{"1 ": 1}"#,
        r#"{"-1": 1}"#,
        r#"{"1": {"2": 3}}"#,
    ] {
        assert_eq!(
            Owned::parse_json(json).unwrap_err().kind(),
            Kind::InvalidParameter,
            "{json}"
        );
    }
    let twice = Owned::parse_json(r#"{"1": 5, "01": 5}"#).unwrap_err();
    assert_eq!(twice.detail().unwrap(), "Node 1 is there twice.");

    let error = |result: Result<Owned, Error>| result.unwrap_err();
    assert_eq!(error(of(-1, 1)), Error::Node { node: "-1".into() });
    assert_eq!(
        error(of(1, -1)),
        Error::Counter {
            counter: "-1".into()
        }
    );
    assert_eq!(
        error(vector("{}").increment(i64::MIN)),
        Error::Node {
            node: i64::MIN.to_string()
        }
    );
    assert_eq!(
        error(vector("{7:9223372036854775807}").increment(7)),
        Error::Exhausted { node: 7 }
    );
}

#[test]
fn limit() {
    let text = |nodes: std::ops::Range<usize>, counter| {
        let entries: Vec<String> = nodes.map(|node| format!("{node}:{counter}")).collect();
        format!("{{{}}}", entries.join(","))
    };
    let most = vector(&text(0..MOST_ENTRIES, 1));
    assert_eq!((most.get().len(), most.0.len()), (MOST_ENTRIES, 524_289));
    assert_eq!(most.text().len(), most.get().to_string().len());
    assert!(most.get().longest_text() >= most.get().json().to_string().len());
    let many = Error::TooMany {
        name: "version_vector",
        most: MOST_ENTRIES,
        what: "entries",
    };
    // one more, even one that would vanish: the room is bounded before anything is read
    for counter in [0, 1] {
        assert_eq!(
            Owned::parse(&text(0..MOST_ENTRIES + 1, counter)).unwrap_err(),
            many
        );
    }
    assert_eq!(Owned::parse(&",".repeat(10_000_000)).unwrap_err(), many);
    // the same nodes, no more entries; another one, one too many
    assert_eq!(most.merge(&most), most);
    assert_eq!(most.increment(0).unwrap().get().counter(0), 2);
    assert_eq!(most.increment(MOST_ENTRIES as i64).unwrap_err(), many);
    let other = of(MOST_ENTRIES as i64, 1).unwrap();
    let merged = Owned::made(MOST_ENTRIES + 1, |room| most.get().merge(other.get(), room));
    assert_eq!(merged.unwrap_err(), many);
    let mut bytes = most.0.clone();
    bytes.extend_from_slice(&other.0[1..]);
    assert_eq!(VersionVector::check(&bytes).unwrap_err(), many);
    assert_eq!(many.kind(), Kind::LimitExceeded);
}

#[test]
fn foreign_bytes() {
    let check = |bytes: &[u8]| VersionVector::check(bytes).err();
    let name = "version_vector";
    let binary = |problem| Some(Error::Binary { name, problem });
    assert_eq!(check(&[]), binary(Malformed::Empty));
    for version in [0, 2, 255] {
        assert_eq!(check(&[version]), Some(Error::Version { name, version }));
    }
    let good = vector("{1:5,2:7,9223372036854775807:1}").0;
    for length in 2..good.len() {
        let refused = (length - 1) % 16 != 0;
        let expected = refused.then_some(Error::Binary {
            name,
            problem: Malformed::Length { length },
        });
        assert_eq!(check(&good[..length]), expected);
    }
    let entry = |hex: &str| {
        check(&from_hex(&format!(
            "01 0000000000000001 0000000000000005 {hex}"
        )))
    };
    assert_eq!(
        entry("0000000000000002 0000000000000000"),
        binary(Malformed::Counter { place: 2 })
    );
    assert_eq!(
        entry("0000000000000002 8000000000000000"),
        binary(Malformed::Counter { place: 2 })
    );
    assert_eq!(
        entry("8000000000000000 0000000000000001"),
        binary(Malformed::Node { place: 2 })
    );
    assert_eq!(
        entry("0000000000000001 0000000000000006"),
        binary(Malformed::Order { place: 2 })
    );
    assert_eq!(
        entry("0000000000000001 0000000000000005"),
        binary(Malformed::Order { place: 2 })
    );
    assert_eq!(
        entry("0000000000000000 0000000000000005"),
        binary(Malformed::Order { place: 2 })
    );
    assert_eq!(entry("0000000000000002 0000000000000001"), None);
    for problem in [Malformed::Empty, Malformed::Length { length: 7 }] {
        assert_eq!(Error::Binary { name, problem }.kind(), Kind::InvalidBinary);
    }
    // every bit: another value, or refused
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        target::run(&flipped);
        if let Ok(other) = VersionVector::check(&flipped) {
            assert_ne!(
                other.to_string(),
                vector("{1:5,2:7,9223372036854775807:1}").text()
            );
        }
    }
}

impl Clock for Owned {
    fn beginning() -> Vec<Self> {
        vec![vector("{}"); REPLICAS]
    }

    fn event(&mut self, replica: usize) {
        *self = self.increment(replica as i64).unwrap();
    }

    fn receive(&mut self, message: &Self) {
        *self = self.merge(message);
    }
}

fn of_history(history: &History) -> Owned {
    let mut map = Map::new();
    for (replica, number) in history {
        let counter = map.entry(*replica as i64).or_default();
        *counter = i64::from(*number).max(*counter);
    }
    Owned::from(&map)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn order_is_that_of_histories(steps in steps(60)) {
        let seen = run::<Owned>(&steps);
        for (left, of_left) in &seen {
            prop_assert_eq!(left, &of_history(of_left));
            for (right, of_right) in &seen {
                let expected = match (of_left.is_subset(of_right), of_right.is_subset(of_left)) {
                    (true, true) => Some(Ordering::Equal),
                    (true, false) => Some(Ordering::Less),
                    (false, true) => Some(Ordering::Greater),
                    (false, false) => None,
                };
                prop_assert_eq!(left.get().order(right.get()), expected);
                prop_assert_eq!(left.get().contains(right.get()), of_right.is_subset(of_left));
                if let Some(expected) = expected {
                    prop_assert_eq!(left.get().total_order(right.get()), expected);
                }
                prop_assert_eq!(left.merge(right), of_history(&(of_left | of_right)));
                prop_assert_eq!(left.meet(right), of_history(&(of_left & of_right)));
            }
        }
    }

    #[test]
    fn laws(a in map(), b in map(), c in map()) {
        let [x, y, z] = [&a, &b, &c].map(Owned::from);
        prop_assert_eq!(x.merge(&y), y.merge(&x));
        prop_assert_eq!(x.merge(&y).merge(&z), x.merge(&y.merge(&z)));
        prop_assert_eq!(&x.merge(&x), &x);
        prop_assert_eq!(x.meet(&y), y.meet(&x));
        prop_assert_eq!(x.meet(&y).meet(&z), x.meet(&y.meet(&z)));
        prop_assert_eq!(&x.meet(&x), &x);
        prop_assert_eq!(&x.merge(&x.meet(&y)), &x);
        prop_assert_eq!(&x.meet(&x.merge(&y)), &x);
        prop_assert_eq!(x.meet(&y.merge(&z)), x.meet(&y).merge(&x.meet(&z)));
        prop_assert_eq!(x.get().contains(y.get()), x.merge(&y) == x);
        prop_assert_eq!(x.get().contains(y.get()), x.meet(&y) == y);
    }

    #[test]
    fn model(a in map(), b in map(), node in 0..10_i64) {
        let (x, y) = (Owned::from(&a), Owned::from(&b));
        let nodes: Vec<i64> = a.keys().chain(b.keys()).copied().collect();
        for node in &nodes {
            let (left, right) = (counter(&a, *node), counter(&b, *node));
            prop_assert_eq!(x.get().counter(*node), left);
            prop_assert_eq!(x.merge(&y).get().counter(*node), left.max(right));
            prop_assert_eq!(x.meet(&y).get().counter(*node), left.min(right));
        }
        prop_assert!(x.get().entries().eq(a.iter().map(|(node, counter)| (*node, *counter))));
        let all = |holds: fn(i64, i64) -> bool| nodes.iter().all(|node| holds(counter(&a, *node), counter(&b, *node)));
        let expected = match (all(|a, b| a <= b), all(|a, b| a >= b)) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Less),
            (false, true) => Some(Ordering::Greater),
            (false, false) => None,
        };
        prop_assert_eq!(x.get().order(y.get()), expected);
        // lexicographic over all nodes there are
        let mut sorted = nodes.clone();
        sorted.sort_unstable();
        let counters = |map: &Map| sorted.iter().map(|node| counter(map, *node)).collect::<Vec<_>>();
        prop_assert_eq!(x.get().total_order(y.get()), counters(&a).cmp(&counters(&b)));
        prop_assert_eq!(x == y, a == b);
        if let Some(counter) = counter(&a, node).checked_add(1) {
            let mut incremented = a.clone();
            incremented.insert(node, counter);
            prop_assert_eq!(x.increment(node).unwrap(), Owned::from(&incremented));
        }
    }

    #[test]
    fn total_order_is_one(maps in prop::collection::vec(map(), 0..40)) {
        let mut sorted: Vec<Owned> = maps.iter().map(Owned::from).collect();
        sorted.sort_by(|left, right| left.get().total_order(right.get()));
        for (place, left) in sorted.iter().enumerate() {
            for right in &sorted[place..] {
                prop_assert_ne!(left.get().total_order(right.get()), Ordering::Greater);
                prop_assert_eq!(left.get().total_order(right.get()).is_eq(), left == right);
                prop_assert_eq!(left.get().total_order(right.get()), right.get().total_order(left.get()).reverse());
            }
        }
        let distinct: HashSet<&Owned> = sorted.iter().collect();
        prop_assert_eq!(distinct.len(), maps.iter().collect::<HashSet<_>>().len());
    }

    #[test]
    fn round_trips(a in map(), order in any::<prop::sample::Index>()) {
        let x = Owned::from(&a);
        prop_assert_eq!(&vector(&x.text()), &x);
        prop_assert_eq!(&Owned::parse_json(&x.get().json().to_string()).unwrap(), &x);
        prop_assert_eq!(VersionVector::check(&x.0).unwrap(), x.get());
        prop_assert!(x.text().len() <= x.get().longest_text());
        prop_assert!(x.get().json().to_string().len() <= x.get().longest_text());
        let mut entries: Vec<String> = a.iter().map(|(node, counter)| format!("{node}:{counter}")).collect();
        if !entries.is_empty() {
            let middle = order.index(entries.len());
            entries.rotate_left(middle);
        }
        entries.push("11:0".into());
        prop_assert_eq!(&vector(&format!("{{{}}}", entries.join(", "))), &x);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..100), text in "[{}:,0-9 \"x]{0,40}") {
        target::run(&bytes);
        target::run(text.as_bytes());
        target::run(&[&[1], bytes.as_slice()].concat());
    }
}
