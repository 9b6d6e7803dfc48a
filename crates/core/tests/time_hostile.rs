//! Whatever bytes come back: no panic, and nothing taken that is not an answer.

#![allow(clippy::unwrap_used, missing_docs)]

use snowflake_core::Timestamp;
use snowflake_core::time::{Answer, Filter, NtpTime, Packet, Query, State};

/// Mutated packets: a few seconds in a build without optimisation.
const PACKETS: u64 = 400_000;
const NOW: i64 = 1_795_536_451_250_000_000;

/// Steele, Lea and Flood's SplitMix: the same packets at each run.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.bits() % limit as u64) as usize
    }
}

/// All that is done with bytes from outside.
fn read(
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
        let estimate = filter.estimate(sent.wrapping_add(elapsed)).unwrap();
        assert!(estimate.jitter >= 0 && estimate.distance >= 0);
    }
    Some(answer.state())
}

#[test]
fn mutated_packets() {
    let mut random = Random(0);
    let query = Query::new(random.bits());
    let mut good = [0; 48];
    good[..4].copy_from_slice(&[0x24, 2, 6, (-23_i8) as u8]);
    good[12..16].copy_from_slice(b"GPS\0");
    good[24..32].copy_from_slice(&query.packet()[40..]);
    good[32..40].copy_from_slice(&NtpTime::from_nanos(NOW + 1_000_000).0.to_be_bytes());
    good[40..].copy_from_slice(&NtpTime::from_nanos(NOW + 1_100_000).0.to_be_bytes());
    let mut filter = Filter::default();
    assert_eq!(
        read(&query, &mut filter, &good, NOW, 3_000_000),
        Some(State::Good)
    );
    let mut buffer = [0; 96];
    let mut seen = [0_u64; 4];
    for _ in 0..PACKETS {
        let mut length = 48;
        buffer[..48].copy_from_slice(&good);
        for _ in 0..1 + random.below(4) {
            match random.below(6) {
                // a bit, a byte, eight bytes, the length, an edge, what was there before
                0 => buffer[random.below(48)] ^= 1 << random.below(8),
                1 => buffer[random.below(48)] = random.bits() as u8,
                2 => {
                    let place = random.below(6) * 8;
                    buffer[place..place + 8].copy_from_slice(&random.bits().to_be_bytes());
                }
                3 => length = random.below(buffer.len() + 1),
                4 => {
                    let place = random.below(45);
                    let edge = [0, u32::MAX, 1, 1 << 31][random.below(4)];
                    buffer[place..place + 4].copy_from_slice(&edge.to_be_bytes());
                }
                _ => buffer.rotate_left(random.below(3)),
            }
        }
        let clock = match random.below(8) {
            0 => random.bits() as i64,
            1 => [i64::MIN, i64::MAX, 0, -1][random.below(4)],
            _ => NOW,
        };
        let elapsed = if random.below(8) == 0 {
            random.bits() as i64
        } else {
            3_000_000
        };
        let bytes = &buffer[..length];
        let state = read(&query, &mut filter, bytes, clock, elapsed);
        let is_answer = length >= 48
            && bytes[24..32] == good[24..32]
            && bytes[0] & 7 == 4
            && matches!(bytes[0] >> 3 & 7, 3 | 4);
        assert_eq!(state.is_some(), is_answer);
        let place = match state {
            Some(State::Good) => 0,
            Some(State::Kiss) => 1,
            Some(State::Unsynchronised) => 2,
            Some(_) => 3,
            None => continue,
        };
        seen[place] += 1;
    }
    // the mutations get everywhere
    assert!(
        seen.iter().all(|count| *count > PACKETS / 1_000),
        "{seen:?}"
    );
}

#[test]
fn forged_answers() {
    // who has not seen the request does not guess 64 bits
    let mut random = Random(1);
    let query = Query::new(random.bits());
    let mut forged = [0; 48];
    forged[..4].copy_from_slice(&[0x24, 0, 6, 0]);
    for _ in 0..PACKETS {
        forged[24..32].copy_from_slice(&random.bits().to_be_bytes());
        assert!(query.accept(&forged).is_none());
    }
    // nor does a server know them that fills in nothing
    forged[24..32].fill(0);
    assert!(Query::new(0).accept(&forged).is_none());
}
