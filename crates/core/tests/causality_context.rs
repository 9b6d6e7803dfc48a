//! Contexts: they know the sets of events that they are made of, in whatever order those come; equal
//! values have equal bytes, and whatever comes from outside is read or refused.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "../../../fuzz/targets/context.rs"]
mod target;

use std::collections::BTreeSet;

use proptest::prelude::*;
use snowflake_core::causality::{Actor, Context, Error, MOST_ACTORS, MOST_DOTS, Malformed};
use snowflake_core::{Kind, Refusal};

/// A value by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned(Vec<u8>);

impl Owned {
    fn made(
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, Error>,
    ) -> Result<Self, Error> {
        let mut bytes = vec![0xee; length];
        let length = fill(&mut bytes)?;
        bytes.truncate(length);
        // whatever is made is canonical
        assert_eq!(Context::check(&bytes).err(), None);
        Ok(Self(bytes))
    }

    fn parse(text: &str) -> Result<Self, Error> {
        Self::made(Context::room_to_parse(text), |room| {
            Context::parse(text, room)
        })
    }

    fn of(actor: Actor, dot: i64) -> Result<Self, Error> {
        Self::made(40, |room| Context::of(actor, dot, room))
    }

    fn get(&self) -> Context<'_> {
        Context::stored(&self.0).unwrap()
    }

    /// In the room that is promised to be enough.
    fn try_merge(&self, other: &Self) -> Result<Self, Error> {
        Self::made(self.0.len() + other.0.len(), |room| {
            self.get().merge(other.get(), room)
        })
    }

    fn merge(&self, other: &Self) -> Self {
        self.try_merge(other).unwrap()
    }

    fn text(&self) -> String {
        self.get().to_string()
    }
}

fn context(text: &str) -> Owned {
    Owned::parse(text).unwrap()
}

fn actor(node: i64, epoch: i64) -> Actor {
    Actor { node, epoch }
}

/// The model: which events are known.
type Events = BTreeSet<(Actor, i64)>;

fn of_events<'a>(events: impl IntoIterator<Item = &'a (Actor, i64)>) -> Owned {
    events
        .into_iter()
        .fold(context("{}"), |context, (actor, dot)| {
            context.merge(&Owned::of(*actor, *dot).unwrap())
        })
}

/// Few actors and low numbers, so that gaps fill; and the largest of all.
fn events() -> impl Strategy<Value = Events> {
    let node = prop_oneof![8 => 0..3_i64, 1 => Just(i64::MAX)];
    let epoch = prop_oneof![8 => 1..3_i64, 1 => Just(i64::MAX)];
    let dot = prop_oneof![12 => 1..12_i64, 2 => 120..135_i64, 1 => i64::MAX - 2..=i64::MAX];
    let event = (node, epoch, dot).prop_map(|(node, epoch, dot)| (actor(node, epoch), dot));
    prop::collection::btree_set(event, 0..30)
}

#[test]
fn known_answers() {
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    assert_eq!(hex(&context("{}").0), "0100");
    assert_eq!(hex(&context("{1.4:5}").0), "01010000000000000001040500");
    assert_eq!(
        hex(&context("{1.4:5,2.300:0+3+7+8}").0),
        "0102 0000000000000001 04 05 00 0000000000000002 ac02 00 03 01 03 00".replace(' ', "")
    );
    assert_eq!(Owned::of(actor(7, 1), 1).unwrap(), context("{7.1:1}"));
    assert_eq!(Owned::of(actor(7, 1), 2).unwrap(), context("{7.1:0+2}"));
    assert_eq!(
        context("{1.1:2+4+5+9}")
            .merge(&context("{1.1:0+3+7}"))
            .text(),
        "{1.1:5+7+9}"
    );
    assert_eq!(
        context("{1.1:2,3.1:1}")
            .merge(&context("{1.2:1,2.1:1}"))
            .text(),
        "{1.1:2,1.2:1,2.1:1,3.1:1}"
    );
    let knows = |text, dot| context(text).get().knows(actor(1, 1), dot);
    assert_eq!(
        [0, 1, 2, 3, 4, 5, -1].map(|dot| knows("{1.1:2+4}", dot)),
        [false, true, true, false, true, false, false]
    );
    assert!(!knows("{1.2:5}", 1) && !knows("{}", 1));
    assert!(context("{}").get().is_empty() && !context("{1.1:1}").get().is_empty());
}

#[test]
fn texts_refused() {
    for (text, detail) in [
        ("", "Expected \"{\" at position 1."),
        ("{", "Expected a node at position 2."),
        ("{1:5}", "Expected \".\" at position 3."),
        ("{1.1}", "Expected \":\" at position 5."),
        ("{1.1:}", "Expected a counter at position 6."),
        ("{1.1:1+}", "Expected a dot at position 8."),
        ("{1.1:1 }", "Expected \"+\", \",\" or \"}\" at position 7."),
        ("{1.1:1}}", "Expected the end at position 8."),
        ("{1.1:1,}", "Expected a node at position 8."),
        ("{1.1:1,1.1:2}", "Actor 1.1 is not above the one before it."),
        ("{2.1:1,1.9:2}", "Actor 1.9 is not above the one before it."),
        ("{1.0:1}", "Actor 1.0 has no epoch."),
        ("{1.1:0}", "Actor 1.1 has no events."),
        ("{1.1:3+3}", "Dot 3 is not above the ones before it."),
        ("{1.1:3+4}", "Dot 4 is not above the ones before it."),
        ("{1.1:3+6+6}", "Dot 6 is not above the ones before it."),
        (
            "{1.1:0+9223372036854775807+9223372036854775807}",
            "Dot 9223372036854775807 is not above the ones before it.",
        ),
        (
            "{1.1:9223372036854775807+9223372036854775807}",
            "Dot 9223372036854775807 is not above the ones before it.",
        ),
    ] {
        let error = Owned::parse(text).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidText, "{text}");
        assert_eq!(
            error.to_string(),
            format!("invalid input syntax for type crdt_context: \"{text}\"")
        );
        assert_eq!(error.detail().unwrap(), detail, "{text}");
    }
    for text in [
        "{9223372036854775808.1:1}",
        "{1.9223372036854775808:1}",
        "{1.1:9223372036854775808}",
    ] {
        assert_eq!(
            Owned::parse(text).unwrap_err().kind(),
            Kind::NumericOutOfRange,
            "{text}"
        );
    }
    for (node, epoch, dot) in [(-1, 1, 1), (1, 0, 1), (1, 1, 0), (1, -1, 1), (1, 1, -1)] {
        assert_eq!(
            Owned::of(actor(node, epoch), dot).unwrap_err().kind(),
            Kind::NumericOutOfRange
        );
    }
    assert!(
        Owned::parse(&"{".repeat(1_000_000))
            .unwrap_err()
            .to_string()
            .len()
            < 200
    );
}

#[test]
fn limits() {
    let text = |actors: usize| {
        let of_actor = |node| format!("{node}.1:1");
        format!(
            "{{{}}}",
            (0..actors).map(of_actor).collect::<Vec<_>>().join(",")
        )
    };
    let most = context(&text(MOST_ACTORS));
    assert_eq!(
        Owned::parse(&text(MOST_ACTORS + 1)).unwrap_err().kind(),
        Kind::LimitExceeded
    );
    assert_eq!(most.merge(&most), most);
    let one_more = Owned::of(actor(i64::MAX, 1), 1).unwrap();
    let error = most.try_merge(&one_more).unwrap_err();
    assert_eq!(error.to_string(), "a crdt_context has 4096 actors at most");
    assert_eq!(error.kind(), Kind::LimitExceeded);
    // the odd ones from 3 on
    let dots = |first: usize, count: usize| {
        let dots: String = (0..count).map(|n| format!("+{}", first + 2 * n)).collect();
        format!("{{1.1:0{dots}}}")
    };
    let most = context(&dots(3, MOST_DOTS));
    assert_eq!(
        Owned::parse(&dots(3, MOST_DOTS + 1))
            .unwrap_err()
            .to_string(),
        "a crdt_context has 1048576 dots at most"
    );
    let other = Owned::of(actor(2, 1), 2).unwrap();
    assert_eq!(
        most.try_merge(&other).unwrap_err().kind(),
        Kind::LimitExceeded
    );
    // gaps that are filled
    let even = context(&dots(2, MOST_DOTS - 1));
    let both = even.merge(&context("{1.1:1+3}")).merge(&most);
    assert_eq!(
        both.text(),
        format!("{{1.1:{}+{}}}", 2 * MOST_DOTS - 1, 2 * MOST_DOTS + 1)
    );
}

#[test]
fn foreign_bytes() {
    let check = |bytes: &[u8]| Context::check(bytes).err();
    let binary = |problem| {
        Some(Error::Binary {
            name: "crdt_context",
            problem,
        })
    };
    assert_eq!(check(&[]), binary(Malformed::Empty));
    assert_eq!(check(&[1]), binary(Malformed::Number));
    assert_eq!(check(&[1, 0x80, 0]), binary(Malformed::Number));
    assert_eq!(check(&[1, 0, 0]), binary(Malformed::Rest));
    assert_eq!(
        check(&[2, 0]),
        Some(Error::Version {
            name: "crdt_context",
            version: 2
        })
    );
    let node = [0, 0, 0, 0, 0, 0, 0, 1];
    let of = |rest: &[u8]| check(&[&[1, 1], node.as_slice(), rest].concat());
    assert_eq!(of(&[1, 1, 0]), None);
    assert_eq!(of(&[1, 1]), binary(Malformed::Actor { place: 1 }));
    assert_eq!(of(&[0, 1, 0]), binary(Malformed::Actor { place: 1 }));
    assert_eq!(of(&[1, 0x81, 0, 0]), binary(Malformed::Actor { place: 1 }));
    assert_eq!(of(&[1, 0, 0]), binary(Malformed::NoDots { place: 1 }));
    assert_eq!(of(&[1, 0, 2, 0]), binary(Malformed::Dots { place: 1 }));
    // a number of dots that no memory has
    let many = [1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert_eq!(of(&many).unwrap().kind(), Kind::LimitExceeded);
    let many = [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    assert_eq!(check(&many).unwrap().kind(), Kind::LimitExceeded);
    // a dot beyond the end
    let end = [
        1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 0,
    ];
    assert_eq!(of(&end), binary(Malformed::Dots { place: 1 }));
    assert_eq!(
        check(&[&[1, 2], node.as_slice(), &[1, 1, 0], &node, &[1, 1, 0]].concat()),
        binary(Malformed::ActorOrder { place: 2 })
    );
    assert_eq!(
        check(&[&[1, 1, 0x80], &node[1..], &[1, 1, 0]].concat()),
        binary(Malformed::Actor { place: 1 })
    );
    // every bit and every cut: another value, or refused
    let good = context("{1.4:5,2.300:0+3+7+8,9223372036854775807.1:1}");
    for length in 0..good.0.len() {
        assert_ne!(check(&good.0[..length]), None);
    }
    for bit in 0..good.0.len() * 8 {
        let mut flipped = good.0.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        target::run(&flipped);
        if let Ok(other) = Context::check(&flipped) {
            assert_ne!(other.to_string(), good.text());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn knows_what_is_put_into_it(a in events(), b in events(), order in any::<prop::sample::Index>()) {
        let (x, y) = (of_events(&a), of_events(&b));
        prop_assert_eq!(&x.merge(&y), &of_events(&(&a | &b)));
        for (actor, dot) in a.iter().chain(&b) {
            prop_assert_eq!(x.get().knows(*actor, *dot), a.contains(&(*actor, *dot)));
            for near in [dot.saturating_sub(1), dot.saturating_add(1)] {
                prop_assert_eq!(x.get().knows(*actor, near), a.contains(&(*actor, near)));
            }
        }
        prop_assert_eq!(x.get().contains(y.get()), a.is_superset(&b));
        prop_assert_eq!(y.get().contains(x.get()), b.is_superset(&a));
        prop_assert_eq!(x == y, a == b);
        // in another order
        let mut shuffled: Vec<_> = a.iter().collect();
        if !shuffled.is_empty() {
            let middle = order.index(shuffled.len());
            shuffled.rotate_left(middle);
        }
        prop_assert_eq!(&of_events(shuffled.iter().rev().copied()), &x);
        prop_assert_eq!(x.get().is_empty(), a.is_empty());
    }

    #[test]
    fn laws(a in events(), b in events(), c in events()) {
        let [x, y, z] = [&a, &b, &c].map(of_events);
        prop_assert_eq!(x.merge(&y), y.merge(&x));
        prop_assert_eq!(x.merge(&y).merge(&z), x.merge(&y.merge(&z)));
        prop_assert_eq!(&x.merge(&x), &x);
        prop_assert_eq!(x.get().contains(y.get()), x.merge(&y) == x);
    }

    #[test]
    fn round_trips(a in events()) {
        let x = of_events(&a);
        prop_assert_eq!(&context(&x.text()), &x);
        prop_assert!(x.text().len() <= x.get().longest_text());
        let known: Events = x.get().actors().flat_map(|known| {
            let without_gap = (1..=known.seen).take(200);
            without_gap.chain(known.dots).map(move |dot| (known.actor, dot)).collect::<Vec<_>>()
        }).collect();
        prop_assert_eq!(known, a);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..100), text in "[{}:,.+0-9 x]{0,40}") {
        target::run(&bytes);
        target::run(text.as_bytes());
        target::run(&[&[1], bytes.as_slice()].concat());
        target::run(&[&[1, 1, 0, 0, 0, 0, 0, 0, 0], bytes.as_slice()].concat());
    }
}
