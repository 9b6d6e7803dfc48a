//! Whatever bytes come back: no panic, and nothing taken that is not an answer. The targets of `make fuzz` are run here,
//! too, with the same bytes at each run.

#![allow(missing_docs)]

#[path = "../../../fuzz/targets/ntp_packet.rs"]
mod ntp_packet;
#[path = "../../../fuzz/targets/ntp_select.rs"]
mod ntp_select;
#[path = "../../../fuzz/targets/ntp_servers.rs"]
mod ntp_servers;
#[path = "../../../fuzz/targets/server_times.rs"]
mod server_times;

use snowflake_core::time::{Filter, NtpTime, Query, State};

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
        ntp_packet::read(&query, &mut filter, &good, NOW, 3_000_000),
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
        let state = ntp_packet::read(&query, &mut filter, bytes, clock, elapsed);
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

/// Inputs of a target: each seed as it is, and changed here and there.
fn fuzz(target: fn(&[u8]), seeds: &[&[u8]], count: u64) {
    let mut random = Random(2);
    for seed in seeds {
        target(seed);
        for length in 0..seed.len() {
            target(&seed[..length]);
        }
    }
    let mut input = Vec::new();
    for _ in 0..count {
        input.clear();
        input.extend_from_slice(seeds[random.below(seeds.len())]);
        for _ in 0..1 + random.below(8) {
            let place = random.below(input.len() + 1);
            match random.below(6) {
                0 => input.insert(place, random.bits() as u8),
                1 => input.truncate(place),
                2 => input.extend_from_within(place..),
                3 => input.extend_from_slice(&random.bits().to_be_bytes()),
                _ if place == input.len() => {}
                4 => input[place] ^= 1 << random.below(8),
                _ => input[place] = *b",;:[]. -09a\n\xff\0".get(random.below(14)).unwrap_or(&0),
            }
            input.truncate(2_000);
        }
        target(&input);
    }
}

#[test]
fn targets_of_the_fuzzer() {
    let mut answer = [0; 64];
    answer[..8].copy_from_slice(&NOW.to_be_bytes());
    answer[8..16].copy_from_slice(&3_000_000_i64.to_be_bytes());
    answer[16..20].copy_from_slice(&[0x24, 2, 6, (-23_i8) as u8]);
    answer[48..56].copy_from_slice(&NtpTime::from_nanos(NOW + 1_000_000).0.to_be_bytes());
    answer[56..].copy_from_slice(&NtpTime::from_nanos(NOW + 1_100_000).0.to_be_bytes());
    fuzz(ntp_packet::run, &[&answer], 50_000);

    let clocks: Vec<u8> = (0..9 * 17).map(|place| (place * 7 % 256) as u8).collect();
    let narrow: Vec<u8> = [&[1], clocks.as_slice()].concat();
    fuzz(ntp_select::run, &[&clocks, &narrow], 50_000);

    fuzz(
        ntp_servers::run,
        &[
            b"ntp1.example.net, 192.0.2.7:1123,[2001:db8::1]",
            b"a,b,c,d,e,f,g,h",
            b"LOCALHOST:65535",
        ],
        50_000,
    );

    let rounds = b"\x18\xea\x01\x74\x8c\xe4\xe4\x8030000,1795536451250000,1795536451250017\n40000,1795536451250060,1795536451250070";
    fuzz(
        server_times::run,
        &[rounds, b"........100,1,1;2,2", b"........-5,,"],
        50_000,
    );
}
