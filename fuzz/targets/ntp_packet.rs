//! Bytes that come in the place of the answer of an NTP server.

use snowflake_core::Timestamp;
use snowflake_core::time::{Answer, Filter, Packet, Query, State};

/// When the request was sent, how long the answer took, 8 bytes each, and what came.
pub fn run(data: &[u8]) {
    let Some((sent, rest)) = data.split_first_chunk() else {
        return;
    };
    let Some((elapsed, bytes)) = rest.split_first_chunk() else {
        return;
    };
    let (sent, elapsed) = (i64::from_be_bytes(*sent), i64::from_be_bytes(*elapsed));
    let query = Query::new(0x0123_4567_89ab_cdef);
    let mut filter = Filter::default();
    read(&query, &mut filter, bytes, sent, elapsed);
    // as who has seen the request answers it
    let mut answer = bytes.to_vec();
    if let (Some(origin), Some(nonce)) = (answer.get_mut(24..32), query.packet().get(40..)) {
        origin.copy_from_slice(nonce);
    }
    read(&query, &mut filter, &answer, sent, elapsed);
}

/// All that is done with bytes from outside; what they are as an answer, if they are one.
pub fn read(
    query: &Query,
    filter: &mut Filter,
    bytes: &[u8],
    sent: i64,
    elapsed: i64,
) -> Option<State> {
    if let Ok(packet) = Packet::parse(bytes) {
        let near = Timestamp::from_micros(sent);
        let times = [
            packet.reference,
            packet.origin,
            packet.receive,
            packet.transmit,
        ];
        for time in times {
            let _ = (time.instant_near(near), time.nanos_near(sent));
        }
        let text = packet.reference_id() + &packet.kiss().unwrap_or_default();
        assert!(text.is_ascii() && !text.contains(|c: char| c.is_control()));
        assert!(
            packet.root_delay() >= 0
                && packet.root_dispersion() >= 0
                && packet.precision_nanos() > 0
        );
    }
    let packet = query.accept(bytes)?;
    let answer = Answer::judge(&packet, sent, elapsed);
    assert!(answer.to_string().len() < 200);
    if let Answer::Good(measurement) = answer {
        assert!(measurement.distance >= 0 && measurement.distance >= measurement.delay / 2);
        filter.push(measurement, sent);
        let estimate = filter.estimate(sent.wrapping_add(elapsed));
        assert!(estimate.is_some_and(|known| known.jitter >= 0 && known.distance >= 0));
    }
    Some(answer.state())
}
