//! What NTP servers say together, and since when.

use super::select::{Selection, Span, majority, select};

/// For how many of its intervals what a server said counts as said now, and for how many nanoseconds
/// more: servers that do not answer take their time.
const LASTS_INTERVALS: i64 = 3;
const LASTS: i64 = 30_000_000_000;

/// When something was said, by the elapsed time in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: i64,
    /// Until when it counts as said now.
    pub until: i64,
}

impl Said {
    /// By a server that is asked once in each interval.
    pub fn by_poll(at: i64, interval: i64) -> Self {
        let lasts = interval
            .saturating_mul(LASTS_INTERVALS)
            .saturating_add(LASTS);
        Self {
            at,
            until: at.saturating_add(lasts),
        }
    }
}

/// What one server says of the wall clock at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// What true time is ahead of the wall clock, and when it was asked; `None` if it says nothing.
    pub says: Option<(Span, Said)>,
    /// Whether it was asked at all.
    pub asked: bool,
    /// Whether its latest answer announces a leap second.
    pub leap: bool,
}

/// What all that are listed say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consensus {
    /// What they agree on.
    pub selection: Selection,
    /// The latest that a majority had said so: one that still answers does not renew what the others
    /// said before they fell silent. `None` if no majority agrees.
    pub said: Option<Said>,
    /// Whether all were asked at least once.
    pub all_asked: bool,
    /// Whether more than half of those that agree announce a leap second.
    pub leap: bool,
}

impl Consensus {
    /// Of all servers that are listed.
    ///
    /// ```
    /// use snowflake_core::time::{Consensus, Heard, Said, Span};
    ///
    /// let heard = |at| {
    ///     let said = Said { at, until: at + 100 };
    ///     Heard { says: Some((Span { low: -2, high: 2 }, said)), ..Heard::default() }
    /// };
    /// let consensus = Consensus::new(&[heard(7), heard(9), heard(3)]);
    /// assert_eq!(consensus.said, Some(Said { at: 7, until: 107 }));
    /// assert_eq!(Consensus::new(&[heard(7), Heard::default()]).said, None);
    /// ```
    pub fn new(servers: &[Heard]) -> Self {
        let spans: Vec<_> = servers
            .iter()
            .map(|server| server.says.map(|(span, _)| span))
            .collect();
        let selection = select(&spans);
        let agreeing: Vec<&Heard> = servers
            .iter()
            .zip(&selection.truechimers)
            .filter(|(_, agrees)| **agrees)
            .map(|(server, _)| server)
            .collect();
        let latest = |time: fn(Said) -> i64| {
            let said = agreeing.iter().filter_map(|server| server.says);
            let mut times: Vec<i64> = said.map(|(_, said)| time(said)).collect();
            times.sort_unstable_by(|a, b| b.cmp(a));
            times.get(majority(servers.len()) - 1).copied()
        };
        let said = latest(|said| said.at)
            .zip(latest(|said| said.until))
            .map(|(at, until)| Said { at, until });
        let announcing = agreeing.iter().filter(|server| server.leap).count();
        let leap = announcing >= majority(agreeing.len());
        Self {
            selection,
            said,
            leap,
            all_asked: servers.iter().all(|server| server.asked),
        }
    }
}
