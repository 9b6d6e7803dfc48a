//! What a server knows of its clock, against a world in which true time is known.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::time::{
    Authorities, Authority, Consensus, GateMode, Heard, KernelReading, Majority, Moment, Said,
    Span, Verdict, Watch, is_near_leap,
};

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;

/// What the first authority that knows something says.
fn offset(watch: &Watch, now: Moment) -> Option<Span> {
    let decision = watch.decide(now, &Authorities::default(), 500 * MILLISECOND);
    decision.map(|decision| decision.offset)
}

/// What happens to the clocks.
#[derive(Clone, Debug)]
enum Event {
    /// Time passes, the crystal being off by some ppm and the wall clock slewed by some more.
    Pass {
        nanos: i64,
        crystal_ppm: i64,
        slew_ppm: i64,
    },
    /// Somebody sets the clock.
    Step(i64),
    /// The daemon sets it right and tells the kernel.
    Correct,
    /// The kernel says what it knows.
    Ask,
    /// NTP servers say truthfully what they know: how far off, and how sure.
    Poll { part: i64, distance: i64 },
    /// They say nothing.
    Silence,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..600 * SECOND, -100..=100_i64, -83_333..=83_333_i64).prop_map(|(nanos, crystal_ppm, slew_ppm)| {
            Event::Pass { nanos, crystal_ppm, slew_ppm }
        }),
        1 => (-7_200 * SECOND..7_200 * SECOND).prop_map(Event::Step),
        1 => Just(Event::Correct),
        4 => Just(Event::Ask),
        4 => (-100..=100_i64, 0..900 * MILLISECOND).prop_map(|(part, distance)| Event::Poll { part, distance }),
        1 => Just(Event::Silence),
    ]
}

/// True time, the clocks, and the error that the kernel truthfully states.
struct World {
    truth: i64,
    now: Moment,
    bound: Option<i64>,
}

impl World {
    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Pass {
                nanos,
                crystal_ppm,
                slew_ppm,
            } => {
                let part = |ppm: i64| nanos / 1_000_000 * ppm;
                self.truth += nanos;
                self.now.elapsed += nanos + part(crystal_ppm);
                self.now.wall += nanos + part(crystal_ppm) + part(slew_ppm);
                // the daemon knows what it slews
                self.bound = self
                    .bound
                    .map(|bound| bound + part(100) + part(slew_ppm).abs());
            }
            Event::Step(by) => {
                self.now.wall += by;
                self.bound = None;
            }
            Event::Correct => {
                self.now.wall = self.truth + 3 * MILLISECOND;
                self.bound = Some(3 * MILLISECOND);
            }
            Event::Ask | Event::Poll { .. } | Event::Silence => {}
        }
    }

    fn reading(&self) -> KernelReading {
        let max_error = self.bound.map_or(16_000_000, |bound| bound / 1_000 + 1);
        KernelReading {
            max_error,
            est_error: 1,
            ..KernelReading::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_truth_is_never_excluded(events in prop::collection::vec(event(), 1..60)) {
        let mut world = World {
            truth: 1_700_000_000 * SECOND,
            now: Moment { wall: 1_700_000_000 * SECOND, elapsed: 77 },
            bound: Some(MILLISECOND),
        };
        let mut watch = Watch::default();
        for event in &events {
            world.happen(event);
            watch.see(world.now);
            if matches!(event, Event::Ask) || watch.is_kernel_due(world.now) {
                watch.kernel_says(world.now, Some(world.reading()), world.now);
            }
            let behind = world.truth - world.now.wall;
            match *event {
                Event::Poll { part, distance } => {
                    let says = Span::around(behind + distance / 100 * part, distance);
                    watch.ntp_says(world.now, &say(&[Some((says, world.now.elapsed))]));
                }
                Event::Silence => watch.ntp_says(world.now, &say(&[None])),
                _ => {}
            }
            if let Some(offset) = offset(&watch, world.now) {
                prop_assert!(offset.low <= behind && behind <= offset.high, "{behind} is not in {offset:?}");
                // so no clock that is right is called wrong, and no wrong one right
                let most = 500 * MILLISECOND;
                match Verdict::new(Some(offset), most) {
                    Verdict::Wrong => prop_assert!(behind.abs() > most),
                    Verdict::Right => prop_assert!(behind.abs() <= most),
                    Verdict::Unknown | Verdict::Unsure => {}
                }
            }
        }
    }

    #[test]
    fn steps_are_jumps_and_slews_are_not(
        by in prop_oneof![-7_200 * SECOND..-200 * MILLISECOND, 200 * MILLISECOND..7_200 * SECOND],
        passed in 0..1_000 * SECOND,
        slew_ppm in -83_333..=83_333_i64,
    ) {
        let begin = Moment { wall: 1_700_000_000 * SECOND, elapsed: 0 };
        let mut watch = Watch::default();
        prop_assert_eq!(watch.see(begin), None);
        let slewed = Moment { wall: begin.wall + passed + passed / 1_000_000 * slew_ppm, elapsed: passed };
        prop_assert_eq!(watch.see(slewed), None);
        let stepped = Moment { wall: slewed.wall + by, ..slewed };
        prop_assert!(watch.is_due(stepped));
        prop_assert_eq!(watch.see(stepped).map(|jump| (jump.by, jump.at)), Some((by, stepped.wall)));
        prop_assert_eq!(watch.see(stepped), None);
    }

    /// Near the end of a month and anywhere else.
    #[test]
    fn a_leap_second_makes_no_clock_wrong(
        is_announced: bool,
        is_month_end: bool,
        away in -10 * SECOND..10 * SECOND,
        off in -3 * SECOND..3 * SECOND,
        before in prop::option::of(prop_oneof![Just(Verdict::Right), Just(Verdict::Wrong), Just(Verdict::Unknown), Just(Verdict::Unsure)]),
    ) {
        let month_end = instant("2017-01-01T00:00:00Z");
        let midnight = if is_month_end { month_end } else { month_end - 86_400 * SECOND };
        let now = Moment { wall: midnight + away, elapsed: 0 };
        let mut watch = Watch::default();
        let status = if is_announced { 0x2011 } else { 0x2001 };
        watch.kernel_says(now, Some(KernelReading { status, ..kernel() }), now);
        let most = 500 * MILLISECOND;
        let offset = Some(Span::around(off, MILLISECOND));
        let usual = Verdict::new(offset, most);
        let verdict = watch.verdict(now, offset, most, before);
        let is_near = is_announced && is_month_end && away.abs() <= 2 * SECOND;
        prop_assert_eq!(watch.is_near_leap(now), is_near);
        match before {
            Some(before) if is_near && off.abs() <= most + SECOND => prop_assert_eq!(verdict, before),
            Some(_) if is_near && off.abs() > most + SECOND + MILLISECOND => prop_assert_eq!(verdict, Verdict::Wrong),
            Some(_) if is_near => {}
            _ => prop_assert_eq!(verdict, usual),
        }
    }

    #[test]
    fn nothing_overflows(wall: i64, elapsed: i64, later_wall: i64, later: i64, low: i64, high: i64, max_error: i64) {
        let (at, now) = (Moment { wall, elapsed }, Moment { wall: later_wall, elapsed: later });
        Verdict::new(Some(Span { low, high }), max_error.saturating_abs());
        let mut watch = Watch::default();
        watch.see(at);
        watch.see(now);
        watch.kernel_says(now, Some(KernelReading { max_error, ..KernelReading::default() }), at);
        offset(&watch, at);
        is_near_leap(wall);
    }
}

#[test]
fn what_was_said_counts_less_the_older_it_is() {
    let begin = Moment {
        wall: SECOND,
        elapsed: 0,
    };
    let mut watch = Watch::default();
    watch.kernel_says(
        begin,
        Some(KernelReading {
            max_error: 1_000,
            est_error: 1,
            ..KernelReading::default()
        }),
        begin,
    );
    let verdict = |minutes: i64| {
        let passed = minutes * 60 * SECOND;
        let now = Moment {
            wall: begin.wall + passed,
            elapsed: passed,
        };
        Verdict::new(offset(&watch, now), 500 * MILLISECOND)
    };
    assert_eq!(verdict(41), Verdict::Right);
    assert_eq!(verdict(42), Verdict::Unknown);
}

/// A caller reads the clock an hour ahead, and is held up; meanwhile the clock is corrected.
#[test]
fn a_reading_is_judged_by_itself_however_late() {
    let kept = KernelReading {
        max_error: 1_000,
        est_error: 1,
        ..KernelReading::default()
    };
    let right = |elapsed: i64| Moment {
        wall: 1_000 * SECOND + elapsed,
        elapsed,
    };
    let ahead = |elapsed: i64| Moment {
        wall: right(elapsed).wall + 3_600 * SECOND,
        elapsed,
    };
    let mut watch = Watch::default();
    watch.see(right(0));
    watch.kernel_says(right(0), Some(kept), right(0));
    let late = ahead(SECOND);
    watch.see(right(2 * SECOND));
    watch.kernel_says(right(2 * SECOND), Some(kept), right(2 * SECOND));
    // it says nothing new of the clock, and is wrong all the same
    assert_eq!(watch.see(late), None);
    watch.kernel_says(late, Some(kept), right(3 * SECOND));
    let verdict =
        |watch: &Watch, moment: Moment| Verdict::new(offset(watch, moment), 500 * MILLISECOND);
    assert_eq!(verdict(&watch, late), Verdict::Wrong);
    assert_eq!(verdict(&watch, right(3 * SECOND)), Verdict::Right);

    // what the kernel says after a correction is not of the reading before it
    let wrong = ahead(4 * SECOND);
    assert!(watch.see(wrong).is_some());
    watch.kernel_says(wrong, Some(kept), right(4 * SECOND + MILLISECOND));
    assert!(watch.is_kernel_due(right(4 * SECOND + MILLISECOND)));
    assert_eq!(verdict(&watch, wrong), Verdict::Wrong);
}

#[test]
fn who_is_let_pass() {
    use GateMode::{Off, Unsure, Warn, Wrong};
    let most = 500;
    let says = |low, high| Verdict::new(Some(Span { low, high }), most);
    let verdicts = [
        Verdict::new(None, most),
        says(-500, 500),
        says(-501, 500),
        says(-900, 900),
        says(-900, -501),
        says(501, 502),
    ];
    assert_eq!(
        verdicts,
        [
            Verdict::Unknown,
            Verdict::Right,
            Verdict::Unsure,
            Verdict::Unknown,
            Verdict::Wrong,
            Verdict::Wrong
        ]
    );
    let passed = |mode: GateMode| verdicts.map(|verdict| mode.admits(verdict));
    assert_eq!(passed(Off), [true; 6]);
    assert_eq!(passed(Warn), [true; 6]);
    assert_eq!(passed(Wrong), [true, true, true, true, false, false]);
    assert_eq!(passed(Unsure), [false, true, false, false, false, false]);
    assert_eq!(
        [Off, Warn, Wrong, Unsure].map(GateMode::can_refuse),
        [false, false, true, true]
    );
}

/// What NTP servers say, and when, which counts as said now for 100 s.
fn say(servers: &[Option<(Span, i64)>]) -> Consensus {
    let heard = |says: &Option<(Span, i64)>| Heard {
        says: says.map(|(span, at)| {
            let until = at + 100 * SECOND;
            (span, Said { at, until })
        }),
        asked: true,
        leap: false,
    };
    Consensus::new(&servers.iter().map(heard).collect::<Vec<_>>())
}

/// Three that say at a time that the clock is ahead by so many nanoseconds, within a millisecond.
fn ntp(ahead: i64, at: i64) -> Consensus {
    say(&[Some((Span::around(-ahead, MILLISECOND), at)); 3])
}

fn kernel() -> KernelReading {
    KernelReading {
        max_error: 1_000,
        est_error: 1,
        ..KernelReading::default()
    }
}

fn at(elapsed: i64) -> Moment {
    Moment {
        wall: 1_000 * SECOND + elapsed,
        elapsed,
    }
}

#[test]
fn the_first_that_knows_something_decides() {
    let decides = |watch: &Watch, now: Moment, list: &str| {
        let authorities = Authorities::parse(list).unwrap();
        let decision = watch.decide(now, &authorities, 500 * MILLISECOND);
        decision.map(|decision| decision.by)
    };
    let mut watch = Watch::default();
    assert_eq!(decides(&watch, at(0), "ntp, registry, kernel"), None);
    watch.kernel_says(at(0), Some(kernel()), at(0));
    assert_eq!(
        decides(&watch, at(0), "ntp, registry, kernel"),
        Some(Authority::Kernel)
    );
    assert_eq!(decides(&watch, at(0), "ntp"), None);
    watch.ntp_says(at(0), &ntp(0, 0));
    assert_eq!(
        decides(&watch, at(0), "registry, ntp, kernel"),
        Some(Authority::Ntp)
    );
    assert_eq!(
        decides(&watch, at(0), "kernel, ntp"),
        Some(Authority::Kernel)
    );

    // nobody has said anything for a while: who polls has ended, and the kernel is still asked
    let later = at(101 * SECOND);
    watch.kernel_says(later, Some(kernel()), later);
    assert_eq!(
        decides(&watch, later, "ntp, kernel"),
        Some(Authority::Kernel)
    );
    // who says something that is no use says nothing
    watch.ntp_says(
        later,
        &say(&[Some((Span::around(0, SECOND), later.elapsed))]),
    );
    assert_eq!(
        decides(&watch, later, "ntp, kernel"),
        Some(Authority::Kernel)
    );
    // no majority, and a clock that somebody has set: what was said last goes on to count
    watch.ntp_says(later, &ntp(0, later.elapsed));
    watch.ntp_says(
        at(102 * SECOND),
        &say(&[Some((Span::around(0, 1), 102 * SECOND)), None, None]),
    );
    assert_eq!(
        watch
            .majority
            .map(|majority| (majority.agreeing, majority.servers)),
        Some((1, 3))
    );
    let unsynchronised = KernelReading {
        max_error: 16_000_000,
        ..kernel()
    };
    watch.kernel_says(at(102 * SECOND), Some(unsynchronised), at(102 * SECOND));
    assert_eq!(
        decides(&watch, at(102 * SECOND), "kernel, ntp"),
        Some(Authority::Kernel)
    );
    let set = Moment {
        wall: at(0).wall,
        ..at(103 * SECOND)
    };
    assert!(offset(&watch, set).is_some_and(|offset| offset.low > 102 * SECOND));
    watch.forget_ntp();
    assert_eq!(decides(&watch, set, "ntp"), None);
}

/// Another list of servers opens no gate that refuses, and is no word for those that were on the old one.
#[test]
fn what_other_servers_said_was_said_before() {
    let verdict = |watch: &Watch, now: Moment| Verdict::new(offset(watch, now), 500 * MILLISECOND);
    let mut watch = Watch::default();
    watch.ntp_says(at(0), &ntp(3_600 * SECOND, 0));
    watch.end_ntp();
    assert_eq!(watch.majority, None);
    assert_eq!(verdict(&watch, at(SECOND)), Verdict::Wrong);
    // somebody says something now
    watch.kernel_says(at(SECOND), Some(kernel()), at(SECOND));
    assert_eq!(verdict(&watch, at(SECOND)), Verdict::Right);
    watch.ntp_says(at(2 * SECOND), &ntp(3_600 * SECOND, 2 * SECOND));
    assert_eq!(verdict(&watch, at(2 * SECOND)), Verdict::Wrong);
}

/// A worker that has ended cannot vouch for ever: its claim ends by the reader's clock.
#[test]
fn a_claim_ends_by_itself() {
    let mut watch = Watch::default();
    watch.ntp_says(at(0), &ntp(0, 0));
    let claim = watch.claim(Authority::Ntp).unwrap();
    assert!(claim.is_current(at(100 * SECOND)));
    assert!(!claim.is_current(at(100 * SECOND + 1)));
    let verdict =
        |minutes: i64| Verdict::new(offset(&watch, at(minutes * 60 * SECOND)), 500 * MILLISECOND);
    assert_eq!(verdict(41), Verdict::Right);
    assert_eq!(verdict(42), Verdict::Unknown);
}

/// All clocks of a machine stood still for 20 s, and its daemon has set the wall clock right.
#[test]
fn a_jump_ends_what_servers_said_until_they_are_asked_again() {
    let verdict = |watch: &Watch, now: Moment| Verdict::new(offset(watch, now), 500 * MILLISECOND);
    let set = |elapsed: i64| Moment {
        wall: at(elapsed).wall + 20 * SECOND,
        elapsed,
    };
    let mut watch = Watch::default();
    watch.see(at(0));
    watch.ntp_says(at(0), &ntp(0, 0));
    assert!(watch.see(set(SECOND)).is_some());
    // without anybody who says more it still counts, so a clock that was set by hand is wrong
    assert_eq!(verdict(&watch, set(SECOND)), Verdict::Wrong);
    watch.kernel_says(set(SECOND), Some(kernel()), set(SECOND));
    assert_eq!(verdict(&watch, set(SECOND)), Verdict::Right);
    // what was asked before the jump, put together once more; one of three was asked after it
    watch.ntp_says(set(2 * SECOND), &ntp(20 * SECOND, 0));
    assert_eq!(verdict(&watch, set(2 * SECOND)), Verdict::Right);
    let ahead = Span::around(-20 * SECOND, MILLISECOND);
    let [old, new] = [0, 2 * SECOND].map(|at| Some((ahead, at)));
    watch.ntp_says(set(2 * SECOND), &say(&[old, new, old]));
    assert_eq!(verdict(&watch, set(2 * SECOND)), Verdict::Right);
    // two were: they decide
    watch.ntp_says(set(2 * SECOND), &say(&[new, new, old]));
    assert_eq!(verdict(&watch, set(2 * SECOND)), Verdict::Wrong);
}

/// Servers that have fallen silent are put together in every round all the same.
#[test]
fn what_was_said_gets_no_newer_by_being_repeated() {
    let mut watch = Watch::default();
    for seconds in (0..=101).step_by(2) {
        watch.ntp_says(at(seconds * SECOND), &ntp(0, 0));
    }
    let claim = watch.claim(Authority::Ntp).unwrap();
    assert!(claim.is_current(at(100 * SECOND)));
    assert!(!claim.is_current(at(101 * SECOND)));
    assert_eq!(claim.as_of, at(0).wall);
}

#[test]
fn how_long_an_answer_counts_as_given_now() {
    let said = Said::by_poll(7 * SECOND, 64 * SECOND);
    assert_eq!((said.at, said.until), (7 * SECOND, 229 * SECOND));
    assert_eq!(Said::by_poll(1, i64::MAX).until, i64::MAX);
}

/// Those whose names are to be looked up are asked after the others.
#[test]
fn the_first_answers_are_there_when_all_were_asked() {
    let says = Heard {
        says: Some((Span::around(0, MILLISECOND), Said::by_poll(0, SECOND))),
        asked: true,
        leap: false,
    };
    let silent = Heard {
        asked: true,
        ..Heard::default()
    };
    let new = Heard::default();
    let first = |servers: &[Heard]| {
        let mut watch = Watch::default();
        watch.ntp_says(at(0), &Consensus::new(servers));
        watch.majority.map(|majority| majority.agreeing)
    };
    assert_eq!(first(&[says, new, new]), None);
    assert_eq!(first(&[silent, silent, new]), None);
    assert_eq!(first(&[says, silent, silent]), Some(1));
    // no need to wait for the third
    assert_eq!(first(&[says, says, new]), Some(2));
    assert_eq!(first(&[]), Some(0));
}

fn instant(text: &str) -> i64 {
    Timestamp::parse(text).unwrap().micros() * 1_000
}

#[test]
fn leap_seconds_come_at_the_end_of_a_month() {
    for text in [
        "2016-12-31T23:59:58Z",
        "2016-12-31T23:59:59.999Z",
        "2017-01-01T00:00:00Z",
        "2017-01-01T00:00:02Z",
        "2015-06-30T23:59:59Z",
        "2016-02-29T23:59:59Z",
        "1969-12-31T23:59:59Z",
    ] {
        assert!(is_near_leap(instant(text)), "{text}");
    }
    for text in [
        "2016-12-31T23:59:57.999Z",
        "2017-01-01T00:00:02.001Z",
        "2016-12-31T12:00:00Z",
        "2016-12-30T23:59:59Z",
        "2016-02-28T23:59:59Z",
        "2017-01-02T00:00:00Z",
    ] {
        assert!(!is_near_leap(instant(text)), "{text}");
    }
    is_near_leap(i64::MIN);
    is_near_leap(i64::MAX);
}

#[test]
fn who_announces_a_leap_second() {
    let now = Moment {
        wall: instant("2016-12-31T23:59:59Z"),
        elapsed: 0,
    };
    let by_kernel = |state, status| {
        let reading = KernelReading {
            state,
            status,
            ..kernel()
        };
        let mut watch = Watch::default();
        watch.kernel_says(now, Some(reading), now);
        watch.is_near_leap(now)
    };
    // TIME_OK, TIME_INS, TIME_DEL, TIME_OOP, TIME_WAIT, TIME_ERROR
    assert_eq!(
        [0, 1, 2, 3, 4, 5].map(|state| by_kernel(state, 0x2001)),
        [false, true, true, true, false, false]
    );
    // the flag is there until the daemon takes it back
    assert!(by_kernel(4, 0x2011) && by_kernel(5, 0x0050) && by_kernel(5, 0x0060));
    let heard = |offset: i64, leap| Heard {
        says: Some((
            Span::around(offset, MILLISECOND),
            Said::by_poll(0, 64 * SECOND),
        )),
        asked: true,
        leap,
    };
    let by_servers = |servers: &[Heard]| {
        let mut watch = Watch::default();
        watch.ntp_says(now, &Consensus::new(servers));
        let announced = watch.is_near_leap(now);
        watch.forget_ntp();
        assert!(!watch.is_near_leap(now));
        announced
    };
    assert!(by_servers(&[
        heard(0, true),
        heard(0, true),
        heard(0, false)
    ]));
    assert!(!by_servers(&[
        heard(0, true),
        heard(0, false),
        heard(0, false)
    ]));
    assert!(!by_servers(&[heard(0, true), heard(0, false)]));
    // who lies about the time is not asked about that
    assert!(by_servers(&[
        heard(0, true),
        heard(0, true),
        heard(SECOND, false)
    ]));
    assert!(!by_servers(&[
        heard(0, false),
        heard(0, false),
        heard(SECOND, true)
    ]));
    assert!(!by_servers(&[]));
    assert!(!by_servers(&[heard(0, true), heard(SECOND, true)]));
}

#[test]
fn a_fleet_is_a_source() {
    let of = |watch: &Watch, now: Moment| {
        let authorities = Authorities::parse("registry").unwrap();
        watch.decide(now, &authorities, 500 * MILLISECOND)
    };
    let mut watch = Watch::default();
    watch.fleet_is_silent();
    assert_eq!(watch.fleet_majority, Some(Majority::default()));
    assert_eq!(of(&watch, at(0)), None);
    let ahead = Span::around(3 * SECOND, 128 * MILLISECOND);
    watch.fleet_says(
        at(0),
        Some(ahead),
        Majority::new(3, 4),
        Said::by_poll(0, 64 * SECOND),
    );
    let decision = of(&watch, at(0)).unwrap();
    assert_eq!(decision.by, Authority::Registry);
    assert!(decision.offset.low > 2 * SECOND && decision.offset.high < 4 * SECOND);
    // it does not answer, and goes on to count, also when somebody corrects the clock
    watch.fleet_is_silent();
    assert_eq!(watch.fleet_majority, Some(Majority::new(3, 4)));
    let corrected = Moment {
        wall: 1_003 * SECOND + SECOND,
        elapsed: SECOND,
    };
    let decision = of(&watch, corrected).unwrap();
    assert!(decision.offset.low > -SECOND && decision.offset.high < SECOND);
    // but then as what was said before
    let mut set = watch;
    assert!(set.see(at(0)).is_none() && set.see(corrected).is_some());
    set.kernel_says(corrected, Some(kernel()), corrected);
    let by = |watch: &Watch| {
        let decision = watch.decide(corrected, &Authorities::default(), 500 * MILLISECOND);
        decision.map(|decision| decision.by)
    };
    assert_eq!(by(&set), Some(Authority::Kernel));
    let none = Span::around(0, 128 * MILLISECOND);
    set.fleet_says(
        corrected,
        Some(none),
        Majority::new(3, 4),
        Said::by_poll(0, SECOND),
    );
    assert_eq!(by(&set), Some(Authority::Kernel));
    set.fleet_says(
        corrected,
        Some(none),
        Majority::new(3, 4),
        Said::by_poll(SECOND, SECOND),
    );
    assert_eq!(by(&set), Some(Authority::Registry));
    // others come first who say something now, once the fleet says nothing any more
    watch.fleet_says(
        at(2 * SECOND),
        None,
        Majority::new(1, 4),
        Said::by_poll(2 * SECOND, SECOND),
    );
    watch.kernel_says(at(2 * SECOND), Some(kernel()), at(2 * SECOND));
    let decision = watch.decide(at(2 * SECOND), &Authorities::default(), 500 * MILLISECOND);
    assert_eq!(
        decision.map(|decision| decision.by),
        Some(Authority::Kernel)
    );
    // more than there is room for
    assert_eq!(
        Majority::new(70_000, 100_000),
        Majority {
            agreeing: u16::MAX,
            servers: u16::MAX
        }
    );
}
