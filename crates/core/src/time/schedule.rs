//! When NTP servers are asked. Times are of a clock that nobody sets, in nanoseconds.

/// The first rounds come soon after each other: one answer may have been late.
const FIRST_ROUNDS: u32 = 4;
/// How far these are apart.
const FIRST_APART: i64 = 2_000_000_000;
/// How far a round is from the one before at least, however often somebody wants one.
const LEAST_APART: i64 = 10_000_000_000;
/// A server that wants to be asked less often is asked this seldom at the most.
const LONGEST_INTERVAL: i64 = 1_024_000_000_000;
/// Polls without an answer after which the address of a server is looked up again.
const UNANSWERED: u8 = 8;

/// When the next round begins, in which all servers are asked that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounds {
    begun: u32,
    latest: Option<i64>,
    next: i64,
}

impl Rounds {
    /// Four rounds, the first at once and the others 2 s apart, and then one for each poll interval.
    pub fn new(now: i64) -> Self {
        Self {
            begun: 0,
            latest: None,
            next: now,
        }
    }

    /// When the next one begins.
    pub fn next(&self) -> i64 {
        self.next
    }

    /// Begins a round. The next one is a poll interval later, give or take a tenth by 64 random
    /// bits, so that the servers of a fleet do not all ask at once.
    pub fn begin(&mut self, now: i64, poll: i64, random: u64) {
        self.begun = self.begun.saturating_add(1);
        self.latest = Some(now);
        let apart = if self.begun < FIRST_ROUNDS {
            FIRST_APART
        } else {
            let tenth = i128::from(poll / 10);
            let part = (i128::from(random >> 32) * (2 * tenth)) >> 32;
            poll.saturating_add((part - tenth) as i64)
        };
        self.next = now.saturating_add(apart);
    }

    /// Brings the next round forward: at once, or 10 s after the latest one.
    pub fn hasten(&mut self, now: i64) {
        let earliest = self
            .latest
            .map_or(now, |latest| latest.saturating_add(LEAST_APART));
        self.next = self.next.min(earliest.max(now));
    }
}

/// How often a server lets itself be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restraint {
    /// When it was asked last.
    asked: Option<i64>,
    /// How often its interval was doubled.
    doublings: u8,
    refused: bool,
    unanswered: u8,
}

/// What the code of a kiss-o'-death asks for. RFC 5905, section 7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kiss {
    /// RATE: not so often.
    Slower,
    /// DENY, RSTR: not at all.
    Never,
    /// Another one, which asks for nothing.
    Other,
}

impl Kiss {
    /// What a code asks for.
    pub fn new(code: &str) -> Self {
        match code {
            "RATE" => Self::Slower,
            "DENY" | "RSTR" => Self::Never,
            _ => Self::Other,
        }
    }
}

impl Restraint {
    /// From when on it may be asked; `None` if not at all.
    pub fn from(&self, poll: i64) -> Option<i64> {
        if self.refused {
            return None;
        }
        let waits = |asked: i64| asked.saturating_add(self.interval(poll).unwrap_or(0));
        Some(self.asked.map_or(i64::MIN, waits))
    }

    /// How far apart it wants to be asked; `None` if it has not said so, and is asked in each round.
    pub fn interval(&self, poll: i64) -> Option<i64> {
        let longer = poll.saturating_mul(1 << self.doublings.min(20));
        (self.doublings > 0).then_some(longer.min(LONGEST_INTERVAL).max(poll))
    }

    /// It is asked.
    pub fn ask(&mut self, now: i64) {
        self.asked = Some(now);
    }

    /// It sent an answer, whatever that says.
    pub fn answered(&mut self) {
        self.unanswered = 0;
    }

    /// It did not. Returns whether its address is to be looked up again.
    pub fn missed(&mut self) -> bool {
        self.unanswered += 1;
        let many = self.unanswered >= UNANSWERED;
        if many {
            self.unanswered = 0;
        }
        many
    }

    /// It refuses.
    pub fn kissed(&mut self, kiss: Kiss, poll: i64) {
        match kiss {
            Kiss::Slower => {
                let is_longest = |interval| interval >= LONGEST_INTERVAL;
                if !self.interval(poll).is_some_and(is_longest) {
                    self.doublings = self.doublings.saturating_add(1);
                }
            }
            Kiss::Never => self.refused = true,
            Kiss::Other => {}
        }
    }
}
