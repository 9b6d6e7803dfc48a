//! One request, and what becomes of the packets that come back.

use std::fmt;

use super::duration::exact_seconds;
use super::exchange::Exchange;
use super::limits::PACKET_LENGTH;
use super::ntp_time::NtpTime;
use super::packet::Packet;

/// A server whose clock may be off by more than this is not synchronised. RFC 5905's MAXDIST.
const LARGEST_ROOT_DISTANCE: i64 = 1_000_000_000;
/// How far a delay may be below zero: readings of two clocks are only so exact.
const LEAST_DELAY: i64 = -1_000_000;
/// What clocks drift apart at the most while a packet is on its way, nanoseconds in a second.
/// RFC 5905's PHI.
const DRIFT: i64 = 15_000;

/// A request on its way. What it sends as transmit timestamp is random: nobody learns our time from
/// it, and who has not seen it cannot forge an answer.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    origin: NtpTime,
}

impl Query {
    /// A request, with 64 random bits.
    pub fn new(random: u64) -> Self {
        // a server that fills in nothing would know 0
        Self {
            origin: NtpTime(random.max(1)),
        }
    }

    /// The packet to send.
    pub fn packet(&self) -> [u8; PACKET_LENGTH] {
        Packet::request(self.origin)
    }

    /// The packet in what came, if it is an answer to this request; everything else is to be
    /// ignored. Nothing else is read of it before.
    pub fn accept(&self, bytes: &[u8]) -> Option<Packet> {
        const SERVER: u8 = 4;
        let packet = Packet::parse(bytes).ok()?;
        let is_answer = matches!(packet.version, 3 | 4)
            && packet.mode == SERVER
            && packet.origin == self.origin;
        is_answer.then_some(packet)
    }
}

/// What there is to say of a server after it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It told the time.
    Good,
    /// It did not answer.
    NoAnswer,
    /// It refuses: a kiss-o'-death.
    Kiss,
    /// Its own clock is not right.
    Unsynchronised,
    /// What it says cannot be.
    Broken,
}

impl State {
    /// The name that SQL shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::NoAnswer => "no answer",
            Self::Kiss => "kiss",
            Self::Unsynchronised => "unsynchronised",
            Self::Broken => "broken",
        }
    }
}

/// What one exchange says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measurement {
    /// What the server's clock is ahead of ours.
    pub offset: i64,
    /// How long request and answer were on the way; below zero by what clocks are not exact.
    pub delay: i64,
    /// What reading the clocks, and their drift during the exchange, add to the error.
    pub dispersion: i64,
    /// The offset is wrong by no more than this, unless the server lies.
    pub distance: i64,
}

/// An answer, judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It told the time.
    Good(Measurement),
    /// It refuses: a kiss-o'-death.
    Kiss,
    /// It says itself that its clock is not synchronised.
    Unsynchronised,
    /// Its clock may be off by this much.
    TooFar(i64),
    /// It says no time.
    NoTime,
    /// It says that its answer left so long before the request came.
    SentBeforeReceived(i64),
    /// By its timestamps the way took so long, less than no time.
    NegativeDelay(i64),
    /// Its timestamps are further off than is worked with.
    FarOff,
}

impl Answer {
    /// Judges an answer. `sent` is when the request was sent by our clock; `elapsed` how long it
    /// took until the answer was received, by a clock that nobody sets meanwhile.
    pub fn judge(packet: &Packet, sent: i64, elapsed: i64) -> Self {
        if packet.kiss().is_some() {
            return Self::Kiss;
        }
        if !packet.is_synchronised() {
            return Self::Unsynchronised;
        }
        let root = (packet.root_delay() / 2)
            .saturating_add(packet.root_dispersion())
            .saturating_add(packet.precision_nanos());
        if root > LARGEST_ROOT_DISTANCE {
            return Self::TooFar(root);
        }
        if packet.transmit.is_unset() || packet.receive.is_unset() {
            return Self::NoTime;
        }
        let exchange = Exchange {
            t1: sent,
            t2: packet.receive.nanos_near(sent),
            t3: packet.transmit.nanos_near(sent),
            t4: sent.saturating_add(elapsed),
        };
        let held = exchange.t3.saturating_sub(exchange.t2);
        if held < 0 {
            return Self::SentBeforeReceived(held.saturating_neg());
        }
        let (Ok(offset), Ok(delay)) = (exchange.offset(), exchange.delay()) else {
            return Self::FarOff;
        };
        if delay < LEAST_DELAY {
            return Self::NegativeDelay(delay);
        }
        let dispersion = packet
            .precision_nanos()
            .saturating_add(elapsed.max(0).saturating_mul(DRIFT) / 1_000_000_000);
        Self::Good(Measurement {
            offset,
            delay,
            dispersion,
            distance: (delay.max(0) / 2)
                .saturating_add(packet.root_delay() / 2)
                .saturating_add(packet.root_dispersion())
                .saturating_add(dispersion),
        })
    }

    /// What that makes of the server.
    pub fn state(self) -> State {
        match self {
            Self::Good(_) => State::Good,
            Self::Kiss => State::Kiss,
            Self::Unsynchronised | Self::TooFar(_) => State::Unsynchronised,
            Self::NoTime | Self::SentBeforeReceived(_) | Self::NegativeDelay(_) | Self::FarOff => {
                State::Broken
            }
        }
    }
}

/// What is wrong, as the end of a sentence about the server; nothing if it is good.
impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Good(_) => Ok(()),
            Self::Kiss => formatter.write_str("it refuses"),
            Self::Unsynchronised => formatter.write_str("its clock is not synchronised"),
            Self::TooFar(root) => {
                write!(formatter, "its clock may be off by {}", exact_seconds(root))
            }
            Self::NoTime => formatter.write_str("its answer has no time"),
            Self::SentBeforeReceived(by) => write!(
                formatter,
                "its answer left {} before the request came",
                exact_seconds(by)
            ),
            Self::NegativeDelay(delay) => write!(
                formatter,
                "by its timestamps, request and answer were on the way for {}",
                exact_seconds(delay)
            ),
            Self::FarOff => formatter.write_str("its timestamps are out of range"),
        }
    }
}
