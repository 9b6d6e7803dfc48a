//! Another client of NTP, rsntp, and the same answers of a server on loopback: it works out the same offset and the same
//! delay.

#![allow(clippy::unwrap_used, missing_docs)]

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rsntp::{Config, SntpClient};
use snowflake_core::time::{Answer, Exchange, NtpTime, PACKET_LENGTH, Packet, Query};

const SECOND: i64 = 1_000_000_000;
/// How long a lost datagram, or a machine that is busy, may hold the test up.
const PATIENCE: Duration = Duration::from_secs(60);

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}

/// What a server saw and did.
struct Served {
    request: Packet,
    answer: [u8; PACKET_LENGTH],
    /// When the answer left, by the clock of this machine.
    left: i64,
}

/// Answers one request, by a clock that is so much ahead, after a while.
fn serve(socket: &UdpSocket, ahead: i64, held: Duration) -> Served {
    let mut request = [0; PACKET_LENGTH];
    let (_, client) = socket.recv_from(&mut request).unwrap();
    let came = now() + ahead;
    let mut answer = [0; PACKET_LENGTH];
    // version 4, a server of stratum 1 by GPS, precise to 2^-24 s
    answer[..4].copy_from_slice(&[0x24, 1, 6, (-24_i8) as u8]);
    answer[12..16].copy_from_slice(b"GPS\0");
    answer[24..32].copy_from_slice(&request[40..]);
    answer[32..40].copy_from_slice(&NtpTime::from_nanos(came).0.to_be_bytes());
    thread::sleep(held);
    let left = now();
    answer[40..].copy_from_slice(&NtpTime::from_nanos(left + ahead).0.to_be_bytes());
    socket.send_to(&answer, client).unwrap();
    Served {
        request: Packet::parse(&request).unwrap(),
        answer,
        left,
    }
}

fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}

#[test]
fn another_client_works_out_the_same() {
    let year = 31_557_600 * SECOND;
    let shifts = [
        0,
        1,
        250_000_000,
        -250_000_000,
        3_600 * SECOND,
        -86_400 * SECOND,
        // into the era that begins in 2036, and back by as much
        20 * year,
        -20 * year,
    ];
    for ahead in shifts {
        for held in [Duration::ZERO, Duration::from_millis(3)] {
            let server = UdpSocket::bind("127.0.0.1:0").unwrap();
            server.set_read_timeout(Some(PATIENCE)).unwrap();
            let address = server.local_addr().unwrap().to_string();
            let serving = thread::spawn(move || serve(&server, ahead, held));
            let client = SntpClient::with_config(Config::default().timeout(PATIENCE));
            let before = now();
            let theirs = client.synchronize(address).unwrap();
            let after = now();
            let served = serving.join().unwrap();

            // It sends its time, which is when it was asked to.
            let t1 = served.request.transmit.nanos_near(before);
            assert!(before - 1 <= t1 && t1 <= served.left);
            let answer = Packet::parse(&served.answer).unwrap();
            let [t2, t3] = [answer.receive, answer.transmit].map(|time| time.nanos_near(t1));
            // It works with the length of a second in floating point: of 20 years, to a tenth of a microsecond.
            let tolerance = if ahead.abs() > year { 1_000 } else { 4 };
            // When it received the answer is not known, but its delay says so: after the answer left, and before now.
            let t4 = t1 + nanos(theirs.round_trip_delay().as_secs_f64()) + (t3 - t2);
            assert!(
                served.left - tolerance <= t4 && t4 <= after + tolerance,
                "{ahead} ahead: {} <= {t4} <= {after}",
                served.left
            );
            let ours = Exchange { t1, t2, t3, t4 };
            let offset = nanos(theirs.clock_offset().as_secs_f64());
            assert!(
                (ours.offset().unwrap() - offset).abs() <= tolerance,
                "{ahead} ahead: {ours:?}, theirs {offset}"
            );
            // and both are right
            let (low, high) = ours.bounds().unwrap();
            assert!(low - tolerance <= ahead && ahead <= high + tolerance);
            assert!(low - tolerance <= offset && offset <= high + tolerance);
            assert_eq!(
                theirs.reference_identifier().to_string(),
                answer.reference_id()
            );
            assert_eq!(theirs.stratum(), answer.stratum);

            // judged as a whole
            let Answer::Good(judged) = Answer::judge(&answer, t1, t4 - t1) else {
                unreachable!("{answer:?}");
            };
            assert!((judged.offset - offset).abs() <= tolerance);
            assert_eq!(judged.delay, ours.delay().unwrap());
        }
    }
}

#[test]
fn another_client_believes_what_ours_does_not() {
    // why it is not the one that is used: a refusal that anybody can send, who need not have seen the request
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = server.local_addr().unwrap().to_string();
    let serving = thread::spawn(move || {
        let mut request = [0; PACKET_LENGTH];
        let (_, client) = server.recv_from(&mut request).unwrap();
        let mut kiss = [0; PACKET_LENGTH];
        kiss[0] = 0x24;
        kiss[12..16].copy_from_slice(b"DENY");
        server.send_to(&kiss, client).unwrap();
        kiss
    });
    let client = SntpClient::with_config(Config::default().timeout(PATIENCE));
    assert!(client.synchronize(address).is_err());
    let kiss = serving.join().unwrap();
    assert!(Query::new(1).accept(&kiss).is_none());
}
