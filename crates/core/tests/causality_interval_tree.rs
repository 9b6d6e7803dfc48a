//! Interval tree clocks: their order is that of causal histories, whoever comes and goes; identities
//! of those who are there are apart, and together the whole; each value has one form, and whatever
//! comes from outside is read or refused.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod causal_history;
#[path = "../../../fuzz/targets/interval_tree.rs"]
mod target;

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::thread;

use causal_history::{Clock, run, steps_of_changing_replicas};
use itc::{IntervalTreeClock, LessThanOrEqual};
use proptest::prelude::*;
use snowflake_core::causality::interval_tree::{
    DEEPEST, Encoded, Error, LONGEST_TEXT, MOST_BYTES, MOST_EVENTS, Malformed, Stamp, Version,
    longest_text,
};
use snowflake_core::{Kind, Refusal};

fn stamp(text: &str) -> Stamp {
    text.parse().unwrap()
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

/// The run that the paper shows.
#[test]
fn steps_of_the_paper() {
    let shows = |stamp: &Stamp, text: &str| assert_eq!(stamp.to_string(), text);
    let seed = Stamp::seed().unwrap();
    shows(&seed, "(1,0)");
    let (a, b) = seed.fork().unwrap();
    shows(&a, "((1,0),0)");
    shows(&b, "((0,1),0)");
    let (a, b) = (a.event().unwrap(), b.event().unwrap());
    shows(&a, "((1,0),(0,1,0))");
    shows(&b, "((0,1),(0,0,1))");
    let (a, c) = a.fork().unwrap();
    shows(&a, "(((1,0),0),(0,1,0))");
    shows(&c, "(((0,1),0),(0,1,0))");
    let (a, b) = (a.event().unwrap(), b.event().unwrap());
    shows(&a, "(((1,0),0),(0,(1,1,0),0))");
    shows(&b, "((0,1),(0,0,2))");
    let b = b.join(&c).unwrap();
    shows(&b, "(((0,1),1),(1,0,1))");
    let (c, b) = b.fork().unwrap();
    shows(&c, "(((0,1),0),(1,0,1))");
    shows(&b, "((0,1),(1,0,1))");
    let a = a.join(&c).unwrap();
    shows(&a, "((1,0),(1,(0,1,0),1))");
    let a = a.event().unwrap();
    shows(&a, "((1,0),2)");
    assert_eq!(a.version().order(b.version()), Some(Ordering::Greater));
}

/// Bytes of bits that are written with spaces for people, behind the version.
fn bytes(bits: &str) -> Vec<u8> {
    let bits: Vec<u8> = bits.bytes().filter(|bit| *bit != b' ').collect();
    let byte = |bits: &[u8]| {
        (0..8).fold(0, |byte, place| {
            byte << 1 | u8::from(bits.get(place) == Some(&b'1'))
        })
    };
    let mut bytes = vec![1];
    bytes.extend(bits.chunks(8).map(byte));
    bytes
}

#[test]
fn encodings_of_the_paper() {
    for (text, bits) in [
        // 1, then for each width from 2 that is too small a 1, then 0 and the number in that width
        ("0", "1 0 00"),
        ("3", "1 0 11"),
        ("4", "1 10 000"),
        ("11", "1 10 111"),
        ("12", "1 110 0000"),
        // 0, which halves there are, and those
        ("(0,0,1)", "0 00 1001"),
        ("(0,1,0)", "0 01 1001"),
        ("(0,1,(0,0,1))", "0 10 1001 0001001"),
        // the same, with a value of its own
        ("(2,0,(0,3,0))", "0 11 00 1010 0011011"),
        ("(2,(0,3,0),0)", "0 11 01 1010 0011011"),
        ("(1,(0,1,0),1)", "0 11 1 1001 0011001 1001"),
    ] {
        assert_eq!(version(text).encode().unwrap(), bytes(bits), "{text}");
        assert_eq!(
            Version::check(&bytes(bits)).unwrap(),
            version(text),
            "{text}"
        );
    }
    for (text, bits) in [
        ("(0,0)", "00 0 1000"),
        ("(1,0)", "00 1 1000"),
        ("((0,1),0)", "01 001 1000"),
        ("((1,0),0)", "10 001 1000"),
        ("(((1,0),(0,1)),0)", "11 10001 01001 1000"),
        ("((0,1),(2,0,(0,3,0)))", "01001 0110010100011011"),
    ] {
        assert_eq!(stamp(text).encode().unwrap(), bytes(bits), "{text}");
        assert_eq!(Stamp::check(&bytes(bits)).unwrap(), stamp(text), "{text}");
    }
    let most = version(&MOST_EVENTS.to_string());
    let bits = format!("1 {}0 {}11", "1".repeat(60), "0".repeat(60));
    assert_eq!(most.encode().unwrap(), bytes(&bits));
    assert_eq!(most.to_string(), MOST_EVENTS.to_string());
}

#[test]
fn text_in_any_form() {
    for (text, normal) in [
        (" ( 2 ,\t0,\n(0,3,0) ) ", "(2,0,(0,3,0))"),
        ("007", "7"),
        ("(2,1,1)", "3"),
        // the paper's
        ("(2,(2,1,0),3)", "(4,(0,1,0),1)"),
        ("(0,(0,0,0),(0,0,(0,0,0)))", "0"),
        ("(1,(1,0,0),1)", "2"),
    ] {
        assert_eq!(version(text).to_string(), normal);
    }
    for (text, normal) in [
        ("((1,1),(0,1,1))", "(1,1)"),
        ("( ((1,(1,1)),(0,(0,0))) ,0)", "((1,0),0)"),
    ] {
        assert_eq!(stamp(text).to_string(), normal);
    }
}

/// Kind, message and detail of what a text is refused with.
fn refused<T: FromStr<Err = Error> + Debug>(text: &str) -> (Kind, String, String) {
    let error = text.parse::<T>().unwrap_err();
    (
        error.kind(),
        error.to_string(),
        error.detail().unwrap_or_default(),
    )
}

#[test]
fn text_that_is_none() {
    for (wrong, detail) in [
        ("", "Expected a number or \"(\" at position 1."),
        ("x", "Expected a number or \"(\" at position 1."),
        ("-1", "Expected a number or \"(\" at position 1."),
        ("1 2", "Expected the end at position 3."),
        ("1.5", "Expected the end at position 2."),
        ("(", "Expected a number at position 2."),
        ("((0,1,0),1,0)", "Expected a number at position 2."),
        ("(1", "Expected \",\" at position 3."),
        ("(1,", "Expected a number or \"(\" at position 4."),
        ("(1,0)", "Expected \",\" at position 5."),
        ("(1,0,", "Expected a number or \"(\" at position 6."),
        ("(1,0,2", "Expected \")\" at position 7."),
        ("(1,0,2))", "Expected the end at position 8."),
        ("(1,0,2,3)", "Expected \")\" at position 7."),
        ("\u{661}", "Expected a number or \"(\" at position 1."),
    ] {
        let message = format!("invalid input syntax for type itc_version: \"{wrong}\"");
        let expected = (Kind::InvalidText, message, detail.into());
        assert_eq!(refused::<Version>(wrong), expected);
    }
    for (wrong, detail) in [
        ("", "Expected \"(\" at position 1."),
        ("1", "Expected \"(\" at position 1."),
        ("(", "Expected 0, 1 or \"(\" at position 2."),
        ("(2,0)", "Expected 0, 1 or \"(\" at position 2."),
        ("(10,0)", "Expected \",\" at position 3."),
        ("((1,0,1),0)", "Expected \")\" at position 6."),
        ("(1)", "Expected \",\" at position 3."),
        ("(1,)", "Expected a number or \"(\" at position 4."),
        ("(1,0", "Expected \")\" at position 5."),
        ("(1,0)x", "Expected the end at position 6."),
    ] {
        let message = format!("invalid input syntax for type itc_stamp: \"{wrong}\"");
        let expected = (Kind::InvalidText, message, detail.into());
        assert_eq!(refused::<Stamp>(wrong), expected);
    }
    // the sum on the way counts
    let most = MOST_EVENTS;
    for many in [
        (most + 1).to_string(),
        "9".repeat(1_000),
        format!("(1,0,{most})"),
        format!("({most},0,(1,0,0))"),
    ] {
        assert_eq!(
            refused::<Version>(&many).0,
            Kind::NumericOutOfRange,
            "{many}"
        );
        let stamp = format!("(1,{many})");
        assert_eq!(
            refused::<Stamp>(&stamp).0,
            Kind::NumericOutOfRange,
            "{many}"
        );
    }
    assert_eq!(
        version(&format!("(1,0,{})", most - 1)).to_string().len(),
        25
    );
    // what is quoted is short
    assert!(refused::<Version>(&"x".repeat(1_000_000)).1.len() < 200);
}

/// `(0,(0,(0,1,0),0),0)` and so on.
fn deep(levels: usize) -> String {
    format!("{}1{}", "(0,".repeat(levels), ",0)".repeat(levels))
}

/// The same as an identity.
fn deep_identity(levels: usize) -> String {
    format!("{}1{}", "(".repeat(levels), ",0)".repeat(levels))
}

#[test]
fn depth_is_bounded() {
    // less than a server leaves beyond max_stack_depth; without optimisation it takes ten times as much
    let stack = if cfg!(debug_assertions) {
        4 << 20
    } else {
        256 << 10
    };
    let small = thread::Builder::new().stack_size(stack).spawn(|| {
        let deepest = deep(DEEPEST);
        let whole = format!("({},{deepest})", deep_identity(DEEPEST));
        assert_eq!(version(&deepest).to_string(), deepest);
        let stamp = stamp(&whole);
        assert_eq!(stamp.to_string(), whole);
        let bytes = stamp.encode().unwrap();
        assert_eq!(Stamp::check(&bytes).unwrap(), stamp);
        let next = stamp.event().unwrap();
        assert_eq!(
            next.version().order(stamp.version()),
            Some(Ordering::Greater)
        );
        assert_eq!(
            stamp.version().join(next.version()).unwrap(),
            *next.version()
        );
        assert_eq!(stamp.fork().unwrap_err(), Error::TooDeep);
        assert_eq!(stamp.join(&stamp).unwrap_err(), Error::Overlap);

        for levels in [DEEPEST + 1, 170_000] {
            let (events, identity) = (deep(levels), deep_identity(levels));
            assert_eq!(events.parse::<Version>().unwrap_err(), Error::TooDeep);
            let text = format!("({identity},0)");
            assert_eq!(text.parse::<Stamp>().unwrap_err(), Error::TooDeep);
        }
        let parentheses = "(".repeat(1_000_000);
        assert_eq!(parentheses.parse::<Stamp>().unwrap_err(), Error::TooDeep);
        assert_eq!(refused::<Version>(&parentheses).0, Kind::InvalidText);
        // 3 and 2 bits for a level
        let bits = format!("{}1001{}", "001".repeat(DEEPEST + 1), "0".repeat(100));
        assert_eq!(
            Version::check(&self::bytes(&bits)).unwrap_err(),
            Error::TooDeep
        );
        let bits = format!("{}001{}", "10".repeat(DEEPEST + 1), "0".repeat(100));
        assert_eq!(
            Stamp::check(&self::bytes(&bits)).unwrap_err(),
            Error::TooDeep
        );
        let most = [[1].as_slice(), &[0; MOST_BYTES - 1]].concat();
        assert_eq!(Version::check(&most).unwrap_err(), Error::TooDeep);
    });
    small.unwrap().join().unwrap();

    // forks without a join: each halves what is left
    let mut stamp = Stamp::seed().unwrap();
    for _ in 0..DEEPEST {
        stamp = stamp.fork().unwrap().0;
    }
    assert_eq!(stamp.fork().unwrap_err(), Error::TooDeep);
    assert_eq!(Error::TooDeep.kind(), Kind::LimitExceeded);
}

/// All leaves at one level, 1 and 0 in turn.
fn wide(levels: usize) -> String {
    match levels {
        1 => "(0,1,0)".into(),
        _ => format!("(0,{0},{0})", wide(levels - 1)),
    }
}

#[test]
fn size_is_bounded() {
    let large = version(&wide(16));
    let bytes = large.encode().unwrap();
    assert!(bytes.len() <= MOST_BYTES && bytes.len() * 2 > MOST_BYTES);
    assert_eq!(Version::check(&bytes).unwrap(), large);
    let larger = version(&wide(17));
    assert_eq!(larger.encode().unwrap_err(), Error::TooLarge);
    assert_eq!(Error::TooLarge.kind(), Kind::LimitExceeded);
    // more text than any value has is not read, even if it says little
    assert!(wide(17).len() < LONGEST_TEXT);
    let long = format!("1{}", " ".repeat(LONGEST_TEXT));
    assert_eq!(long.parse::<Version>().unwrap_err(), Error::TooLarge);
    assert_eq!(
        long[..LONGEST_TEXT].parse::<Version>().unwrap(),
        version("1")
    );
    let mut long = bytes.clone();
    long.resize(MOST_BYTES + 1, 0);
    assert_eq!(Version::check(&long).unwrap_err(), Error::TooLarge);
    // as much text for a byte as there can be
    for text in [deep(DEEPEST), format!("({},0)", deep_identity(DEEPEST))] {
        let bytes = match text.parse::<Version>() {
            Ok(version) => version.encode().unwrap(),
            Err(_) => stamp(&text).encode().unwrap(),
        };
        assert!(text.len() <= longest_text(&bytes));
        assert!(text.len() * 2 > longest_text(&bytes));
    }
}

#[test]
fn foreign_bytes() {
    let check = |bytes: &[u8]| Version::check(bytes).err();
    let check_stamp = |bytes: &[u8]| Stamp::check(bytes).err();
    let binary = |name, problem| Some(Error::Binary { name, problem });
    assert_eq!(check(&[]), binary("itc_version", Malformed::Empty));
    assert_eq!(check_stamp(&[]), binary("itc_stamp", Malformed::Empty));
    for version in [0, 2, 255] {
        let name = "itc_version";
        assert_eq!(
            check(&[version, 0x80]),
            Some(Error::Version { name, version })
        );
    }
    let good = stamp("((0,(1,0)),(2,(0,1,(1,0,5)),(0,300,0)))");
    let good_bytes = good.encode().unwrap();
    for length in 1..good_bytes.len() {
        let cut = check_stamp(&good_bytes[..length]);
        assert_eq!(cut, binary("itc_stamp", Malformed::Short), "{length}");
    }
    for more in [&[0][..], &[0; 100], &[1]] {
        let longer = [&good_bytes, more].concat();
        assert_eq!(
            check_stamp(&longer),
            binary("itc_stamp", Malformed::OtherForm)
        );
    }
    // every bit: another value, or refused
    for bit in 0..good_bytes.len() * 8 {
        let mut flipped = good_bytes.clone();
        flipped[bit / 8] ^= 128 >> (bit % 8);
        target::run(&flipped);
        if let Ok(other) = Stamp::check(&flipped) {
            assert_ne!(other, good);
        }
    }
    for (other_form, why) in [
        ("1 0 00 0001", "a bit of the padding"),
        ("0 00 1000", "(0,0,0)"),
        ("0 01 1000", "(0,0,0)"),
        ("0 10 1001 1001", "(0,1,1)"),
        ("0 10 1001 1010", "(0,1,2)"),
        ("0 10 1001 1000", "(0,1,0) with both halves"),
        ("0 10 1000 1001", "(0,0,1) with both halves"),
        ("0 11 00 1000 1001", "(0,0,1) with a value"),
        ("0 11 1 1000 0011001 1001", "(0,(0,1,0),1) with a value"),
        ("0 11 1 1001 1001 1000", "(1,1,0) with both halves"),
        ("0 11 00 001 1001 1001", "a value that is a tree"),
    ] {
        let error = check(&bytes(other_form));
        assert_eq!(error, binary("itc_version", Malformed::OtherForm), "{why}");
    }
    for (other_form, why) in [
        ("01 000 1000", "(0,0)"),
        ("10 000 1000", "(0,0)"),
        ("11 001 001 1000", "(1,1)"),
        ("11 000 001 1000", "(0,1) with both halves"),
        ("11 001 000 1000", "(1,0) with both halves"),
        ("001 1000 1", "a bit of the padding"),
    ] {
        let error = check_stamp(&bytes(other_form));
        assert_eq!(error, binary("itc_stamp", Malformed::OtherForm), "{why}");
    }
    // more events than there can be, at once and on the way
    let number = |width: usize, bits: &str| format!("1{}0{bits:0>width$}", "1".repeat(width - 2));
    let most = number(62, "11");
    assert_eq!(check(&bytes(&most)), None);
    for many in [
        number(62, "100"),
        number(63, "0"),
        "1".repeat(1_000),
        format!("0 11 00 {} 1001", most),
        format!("0 11 00 1001 {}", most),
    ] {
        assert_eq!(check(&bytes(&many)), Some(Error::TooMany), "{many}");
    }
    for problem in [Malformed::Empty, Malformed::Short, Malformed::OtherForm] {
        let name = "itc_stamp";
        assert_eq!(Error::Binary { name, problem }.kind(), Kind::InvalidBinary);
    }
}

#[test]
fn steps_that_are_refused() {
    let seed = Stamp::seed().unwrap();
    let (left, right) = seed.fork().unwrap();
    // a copy of a stamp, or of one that it comes from
    for (one, other) in [(&left, &left), (&seed, &left), (&right, &seed)] {
        assert!(one.overlaps(other));
        let error = one.join(other).unwrap_err();
        assert_eq!(error, Error::Overlap);
        assert!(error.detail().unwrap().contains("copied"));
    }
    assert!(!left.overlaps(&right));
    // what has no identity records nothing, and can be joined with anything
    let nobody = Stamp::anonymous(version("(0,0,5)")).unwrap();
    assert_eq!(nobody.event().unwrap_err(), Error::NoIdentity);
    assert_eq!(nobody.to_string(), "(0,(0,0,5))");
    assert_eq!(seed.join(&nobody).unwrap().to_string(), "(1,(0,0,5))");
    assert_eq!(nobody.join(&nobody).unwrap(), nobody);
    let (one, two) = nobody.fork().unwrap();
    assert_eq!((one, two), (nobody.clone(), nobody));
    // the last event there can be
    let last = stamp(&format!("(1,{MOST_EVENTS})"));
    assert_eq!(last.event().unwrap_err(), Error::TooMany);
    let last = stamp(&format!("((1,0),({},1,0))", MOST_EVENTS - 1));
    assert_eq!(last.event().unwrap_err(), Error::TooMany);
    let one_before = stamp(&format!("((1,0),({},1,0))", MOST_EVENTS - 2));
    assert!(one_before.event().is_ok());
}

/// Where the paper leaves a choice: as little more as can be, and the right one of two.
#[test]
fn growth() {
    for (before, after) in [
        // a leaf rather than a new node, however far away
        (
            "(((1,0),(0,(0,1))),(0,0,(0,0,(1,0,1))))",
            "(((1,0),(0,(0,1))),(0,0,(0,0,(1,0,2))))",
        ),
        ("(((1,0),(1,0)),0)", "(((1,0),(1,0)),(0,0,(0,1,0)))"),
        // the one with fewer levels
        ("((((1,0),0),(1,0)),0)", "((((1,0),0),(1,0)),(0,0,(0,1,0)))"),
        ("(((1,0),((1,0),0)),0)", "(((1,0),((1,0),0)),(0,(0,1,0),0))"),
        // up to what the other half has everywhere, without any growth
        ("((1,0),(0,1,(2,0,1)))", "((1,0),(2,0,(0,0,1)))"),
        ("((0,1),(0,(2,0,1),1))", "((0,1),(2,(0,0,1),0))"),
        // all there is to fill
        ("((1,(1,0)),(0,(0,1,0),(0,(0,1,0),1)))", "((1,(1,0)),1)"),
    ] {
        assert_eq!(stamp(before).event().unwrap().to_string(), after);
    }
}

#[derive(Clone, Debug)]
struct Ours(Stamp);

/// What every stamp that is made is: in normal form, and the same after a way through bytes and text.
fn sound<T: Encoded + PartialEq + Display + Debug + FromStr<Err = Error>>(value: &T) {
    assert_eq!(T::check(&value.encode().unwrap()).as_ref(), Ok(value));
    assert_eq!(value.to_string().parse::<T>().as_ref(), Ok(value));
}

impl Ours {
    fn turn(&mut self, stamp: Result<Stamp, Error>) {
        self.0 = stamp.unwrap();
        sound(&self.0);
        sound(self.0.version());
    }
}

impl Clock for Ours {
    fn beginning() -> Vec<Self> {
        vec![Self(Stamp::seed().unwrap())]
    }

    fn event(&mut self, _replica: usize) {
        self.turn(self.0.event());
    }

    fn receive(&mut self, message: &Self) {
        self.turn(self.0.learn(message.0.version()));
    }

    fn fork(&mut self) -> Self {
        let (kept, given) = self.0.fork().unwrap();
        self.turn(Ok(kept));
        sound(&given);
        Self(given)
    }

    fn join(&mut self, gone: Self) {
        self.turn(self.0.join(&gone.0));
    }

    fn look(there: &[&Self]) {
        let mut all = Stamp::anonymous(version("0")).unwrap();
        for one in there {
            assert!(!one.0.is_anonymous());
            // refused if they had anything in common
            all = all.join(&one.0).unwrap();
        }
        assert!(all.to_string().starts_with("(1,"), "{all}");
    }
}

#[derive(Clone, Debug)]
struct Theirs(itc::Stamp);

impl Clock for Theirs {
    fn beginning() -> Vec<Self> {
        vec![Self(itc::Stamp::seed())]
    }

    fn event(&mut self, _replica: usize) {
        self.0 = self.0.event();
    }

    fn receive(&mut self, message: &Self) {
        let (message, _) = message.0.peek();
        self.0 = self.0.join(&message);
    }

    fn fork(&mut self) -> Self {
        let (kept, given) = self.0.fork();
        self.0 = kept;
        Self(given)
    }

    fn join(&mut self, gone: Self) {
        self.0 = self.0.join(&gone.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn order_is_that_of_histories(steps in steps_of_changing_replicas(60)) {
        let seen = run::<Ours>(&steps);
        for (Ours(left), of_left) in &seen {
            for (Ours(right), of_right) in &seen {
                let (left, right) = (left.version(), right.version());
                let expected = match (of_left.is_subset(of_right), of_right.is_subset(of_left)) {
                    (true, true) => Some(Ordering::Equal),
                    (true, false) => Some(Ordering::Less),
                    (false, true) => Some(Ordering::Greater),
                    (false, false) => None,
                };
                prop_assert_eq!(left.order(right), expected, "{} {}", left, right);
                prop_assert_eq!(left.contains(right), of_right.is_subset(of_left));
                prop_assert_eq!(left.encode().unwrap() == right.encode().unwrap(), expected == Some(Ordering::Equal));
            }
        }
    }

    #[test]
    fn bounds(steps in steps_of_changing_replicas(60), places in any::<[prop::sample::Index; 3]>()) {
        let seen = run::<Ours>(&steps);
        let [a, b, c] = places.map(|place| place.get(&seen).0.0.version());
        let join = |a: &Version, b: &Version| a.join(b).unwrap();
        prop_assert_eq!(join(a, b), join(b, a));
        prop_assert_eq!(join(&join(a, b), c), join(a, &join(b, c)));
        prop_assert_eq!(&join(a, a), a);
        prop_assert_eq!(a.contains(b), join(a, b) == *a);
        // nothing below that is above both
        prop_assert_eq!(c.contains(a) && c.contains(b), c.contains(&join(a, b)));
    }

    #[test]
    fn others_see_the_same_order(steps in steps_of_changing_replicas(60)) {
        let (ours, theirs) = (run::<Ours>(&steps), run::<Theirs>(&steps));
        prop_assert_eq!(ours.len(), theirs.len());
        for (one, other) in ours.iter().zip(&theirs) {
            prop_assert_eq!(&one.1, &other.1);
            for (left, right) in ours.iter().zip(&theirs) {
                let (Ours(one), Theirs(other), Ours(left), Theirs(right)) = (&one.0, &other.0, &left.0, &right.0);
                prop_assert_eq!(left.version().contains(one.version()), other.leq(right));
            }
        }
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..100), text in "[(),0-9 x]{0,40}") {
        target::run(&bytes);
        target::run(text.as_bytes());
        target::run(&[&[1], bytes.as_slice()].concat());
    }

    #[test]
    fn any_trees(text in trees(), identity in identities()) {
        let version = version(&text);
        sound(&version);
        let stamp = stamp(&format!("({identity},{text})"));
        sound(&stamp);
        target::run(&stamp.encode().unwrap());
    }
}

fn trees() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![5 => 0..4_u64, 1 => 0..1_000_u64, 1 => 0..1_u64 << 55]
        .prop_map(|value| value.to_string());
    leaf.prop_recursive(6, 40, 2, |half| {
        (0..3_u64, half.clone(), half)
            .prop_map(|(value, left, right)| format!("({value},{left},{right})"))
    })
}

fn identities() -> impl Strategy<Value = String> {
    let leaf = (0..2_u8).prop_map(|value| value.to_string());
    leaf.prop_recursive(6, 40, 2, |half| {
        (half.clone(), half).prop_map(|(left, right)| format!("({left},{right})"))
    })
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// Replicas that come and go, up to 16 at a time, and hear of each other.
#[test]
fn sizes_stay_bounded() {
    let mut dice = Dice(2_008);
    let mut there = vec![Stamp::seed().unwrap()];
    let (mut largest, mut born) = (0, 1);
    let mut distinct = HashSet::new();
    for _ in 0..10_000 {
        let one = dice.roll(there.len());
        if there.len() < 16 && dice.roll(2) == 0 {
            let (kept, given) = there[one].fork().unwrap();
            there[one] = kept;
            there.push(given);
            born += 1;
        } else if there.len() > 1 {
            let gone = there.swap_remove(one);
            let into = dice.roll(there.len());
            there[into] = there[into].join(&gone).unwrap();
        }
        let one = dice.roll(there.len());
        there[one] = there[one].event().unwrap();
        let from = there[dice.roll(there.len())].version().clone();
        let to = dice.roll(there.len());
        there[to] = there[to].learn(&from).unwrap();
        for stamp in &there {
            largest = largest.max(stamp.encode().unwrap().len());
        }
        distinct.insert(there[one].encode().unwrap());
    }
    assert!(born > 3_000, "{born}");
    assert!(distinct.len() > 5_000, "{}", distinct.len());
    assert!(largest < 100, "{largest}");
}
