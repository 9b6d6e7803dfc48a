//! Asks an NTP server for the time.

use std::net::SocketAddr;

use pgrx::datum::Interval;
use pgrx::prelude::*;
use snowflake_core::time::{
    Answer, Estimate, Filter, Moment, PACKET_LENGTH, Packet, Query, State, Terms, server,
};
use snowflake_core::{Endpoint, seconds};

use crate::host::{clock, random};
use crate::net::deadline::Deadline;
use crate::net::resolver;
use crate::net::udp::Socket;
use crate::postgres::encoding;
use crate::postgres::error::{Failure, OrRaise, Outcome, sentence};
use crate::postgres::interval;
use crate::postgres::row::Row;
use crate::postgres::text::Text;
use crate::postgres::user;
use crate::postgres::wait::{self, Event};
use crate::settings;
use crate::shared::ntp_turns::{self, NtpTurns};
use crate::shared::segment;

extension_sql_file!("ntp.sql", name = "ntp", requires = [ntp_query]);

/// Asks an NTP server. Whatever it answers becomes a row, so that one statement can ask several.
#[pg_extern(sql = r#"
CREATE FUNCTION ntp_query(server text, samples int DEFAULT 1, timeout interval DEFAULT '1 s', OUT state text, OUT clock_offset interval, OUT delay interval, OUT dispersion interval, OUT root_distance interval, OUT jitter interval, OUT stratum int, OUT leap int, OUT reference_id text, OUT kiss text, OUT ignored int, OUT detail text)
VOLATILE STRICT PARALLEL RESTRICTED LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn ntp_query(server: Text, samples: i32, timeout: Interval) -> Row<12> {
    query(&server.as_str(), samples, timeout).or_raise()
}

fn query(name: &str, samples: i32, timeout: Interval) -> Outcome<Row<12>> {
    let turns = segment::shared()?.ntp_turns();
    let endpoint = server(name)?;
    let terms = Terms::new(samples, interval::micros(timeout)?)?;
    permit(&endpoint)?;
    Ok(row(ask(&endpoint, terms, turns)))
}

/// Refuses servers that nobody has listed: the database is not to send packets wherever somebody
/// wants them to go.
fn permit(endpoint: &Endpoint) -> Outcome<()> {
    if user::is_superuser() || settings::ntp_servers()?.contains(endpoint) {
        return Ok(());
    }
    Err(Failure::new(
        PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
        format!("permission denied to query NTP server \"{endpoint}\""),
    )
    .detail("Only superusers may query servers that snowflake_pg.ntp_servers does not list."))
}

/// All that came of asking a server.
#[derive(Default)]
struct Asked {
    /// What those of the answers that told the time say together.
    estimate: Option<Estimate>,
    /// How many they are.
    good: i32,
    /// The latest of those, or the latest of all if none did.
    packet: Option<Packet>,
    /// What became of the latest sample that told no time.
    other: Option<(State, String)>,
    /// Datagrams that were no answers.
    ignored: i32,
    samples: i32,
}

fn ask(endpoint: &Endpoint, terms: Terms, turns: &NtpTurns) -> Asked {
    let mut asked = Asked {
        samples: terms.samples,
        ..Asked::default()
    };
    let address = match resolve(endpoint) {
        Ok(address) => address,
        Err(problem) => {
            asked.other = Some((State::NoAnswer, problem));
            return asked;
        }
    };
    let mut filter = Filter::default();
    for _ in 0..terms.samples {
        let result = await_turn(turns, address).and_then(|()| {
            let deadline = Deadline::within(terms.timeout);
            exchange(address, deadline, &mut asked.ignored)
        });
        let Reply { packet, answer, .. } = match result {
            Ok(Some(received)) => received,
            Ok(None) => {
                asked.other = Some((State::NoAnswer, no_answer_within(terms.timeout)));
                continue;
            }
            Err(problem) => {
                asked.other = Some((State::NoAnswer, problem));
                continue;
            }
        };
        match answer {
            Answer::Good(measurement) => {
                filter.push(measurement, clock::elapsed());
                asked.good += 1;
                asked.packet = Some(packet);
            }
            _ => {
                asked.other = Some((answer.state(), answer.to_string()));
                if asked.good == 0 {
                    asked.packet = Some(packet);
                }
            }
        }
        // who is asked to stop stops
        if answer.state() == State::Kiss {
            break;
        }
    }
    asked.estimate = filter.estimate(clock::elapsed());
    asked
}

/// The first address of a server: one name has one vote. No signal ends the system's resolver, which
/// is told to give up soon.
pub fn resolve(endpoint: &Endpoint) -> Result<SocketAddr, String> {
    let mut addresses = resolver::addresses(&endpoint.host, endpoint.port)?;
    // signals that came meanwhile
    check_for_interrupts!();
    addresses.next().ok_or("its name has no address".into())
}

/// Waits until it is the turn of this session to send a packet to a server.
fn await_turn(turns: &NtpTurns, address: SocketAddr) -> Result<(), String> {
    let turn = turns.take(address, clock::monotonic()).map_err(|queue| {
        format!(
            "other sessions are asking it: it would be the turn of this one in {}",
            seconds(queue)
        )
    })?;
    loop {
        let left = turn.saturating_sub(clock::monotonic());
        if left <= 0 {
            return Ok(());
        }
        wait::pause(Event::Ntp, left.min(ntp_turns::APART));
        check_for_interrupts!();
    }
}

/// What there is to say of a server that did not answer within so many microseconds.
pub fn no_answer_within(timeout: i64) -> String {
    format!("it did not answer within {}", seconds(timeout))
}

/// An answer of a server.
pub struct Reply {
    pub packet: Packet,
    pub answer: Answer,
    /// When the request was sent.
    pub sent: Moment,
}

/// Sends one request and waits for its answer; `None` if none comes in time. Datagrams that are no
/// answers are counted.
///
/// # Errors
/// What the system says.
pub fn exchange(
    address: SocketAddr,
    deadline: Deadline,
    ignored: &mut i32,
) -> Result<Option<Reply>, String> {
    let socket = Socket::connect(address, Event::Ntp)?;
    let query = Query::new(random::bits());
    let sent = clock::moment();
    socket.send(&query.packet(), deadline)?;
    // what comes after the fields that are read is cut off
    let mut buffer = [0; PACKET_LENGTH];
    while let Some(received) = socket.receive(&mut buffer, deadline)? {
        let taken = clock::elapsed().saturating_sub(sent.elapsed);
        let bytes = buffer.get(..received.length).unwrap_or_default();
        if let Some(packet) = query.accept(bytes) {
            // a stamp from before the request is of a clock that was set meanwhile
            let late = match received.late {
                late if (0..=taken).contains(&late) => late,
                _ => 0,
            };
            let answer = Answer::judge(&packet, sent.wall, taken - late);
            return Ok(Some(Reply {
                packet,
                answer,
                sent,
            }));
        }
        *ignored = ignored.saturating_add(1);
    }
    Ok(None)
}

fn row(asked: Asked) -> Row<12> {
    let estimate = asked.estimate;
    let (state, detail) = match (estimate, asked.other) {
        (Some(_), None) => (State::Good, None),
        (Some(_), Some((_, problem))) => {
            let (good, samples) = (asked.good, asked.samples);
            let detail =
                format!("{good} of {samples} samples told the time; of another: {problem}");
            (State::Good, Some(detail))
        }
        (None, Some((state, problem))) => (state, Some(problem)),
        (None, None) => (State::NoAnswer, None),
    };
    let packet = asked.packet;
    let length = |of: fn(Estimate) -> Interval| estimate.and_then(|known| of(known).into_datum());
    Row([
        state.name().into_datum(),
        length(|known| interval::from_micros(known.shown().offset)),
        length(|known| interval::nearest(known.measurement.delay)),
        length(|known| interval::at_most(known.measurement.dispersion)),
        length(|known| interval::from_micros(known.shown().distance)),
        length(|known| interval::at_most(known.jitter)),
        packet.map(|packet| i32::from(packet.stratum).into()),
        packet.map(|packet| i32::from(packet.leap).into()),
        packet.and_then(|packet| packet.reference_id().into_datum()),
        packet.and_then(|packet| packet.kiss().into_datum()),
        asked.ignored.into_datum(),
        detail.and_then(|problem| problem_of(&problem).into_datum()),
    ])
}

/// A problem as a sentence of its own.
pub fn problem_of(problem: &str) -> String {
    encoding::message(sentence(&capitalised(problem)))
}

/// The text with its first letter in upper case.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
