//! NTP's packets, RFC 5905, section 7.3: the 48 bytes that each begins with. What follows, extension
//! fields and message authentication codes, is not read.

use std::fmt::Write;
use std::net::Ipv4Addr;

use super::error::Error;
use super::limits::PACKET_LENGTH;
use super::ntp_time::NtpTime;

/// Leap indicator: the server's clock is not synchronised.
const UNSYNCHRONISED: u8 = 3;
/// Strata below this one are synchronised.
const MAX_STRATUM: u8 = 16;
/// The first byte of a request: no leap indicator, version 4, mode 3 (client).
const REQUEST: u8 = 4 << 3 | 3;

/// The fields of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Leap indicator: 1 and 2 announce a leap second that is inserted or deleted, 3 is
    /// unsynchronised.
    pub leap: u8,
    /// Version of the protocol.
    pub version: u8,
    /// 3 is a client, 4 a server.
    pub mode: u8,
    /// 1 has a reference clock, each further one is synchronised to the one before. 0 is a
    /// kiss-o'-death, or what servers make of 16, which is unsynchronised.
    pub stratum: u8,
    /// Logarithm to base 2 of the seconds between polls.
    pub poll: i8,
    /// Logarithm to base 2 of the seconds that the server's clock is precise to.
    pub precision: i8,
    /// Round trip to the reference clock, in units of 2⁻¹⁶ s.
    root_delay: u32,
    /// Error at the reference clock and on the way, in units of 2⁻¹⁶ s.
    root_dispersion: u32,
    reference_id: [u8; 4],
    /// When the server's clock was last corrected.
    pub reference: NtpTime,
    /// The transmit timestamp of the request.
    pub origin: NtpTime,
    /// When the request came.
    pub receive: NtpTime,
    /// When the answer left.
    pub transmit: NtpTime,
}

/// Takes bytes off the front.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn short(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn time(&mut self) -> Option<NtpTime> {
        self.take().map(u64::from_be_bytes).map(NtpTime)
    }
}

impl Packet {
    /// Reads the first 48 bytes.
    ///
    /// # Errors
    /// There are fewer.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(Bytes(bytes)).ok_or(Error::PacketShort {
            length: bytes.len(),
        })
    }

    fn read(mut bytes: Bytes<'_>) -> Option<Self> {
        let [first, stratum, poll, precision] = bytes.take()?;
        Some(Self {
            leap: first >> 6,
            version: first >> 3 & 7,
            mode: first & 7,
            stratum,
            poll: poll as i8,
            precision: precision as i8,
            root_delay: bytes.short()?,
            root_dispersion: bytes.short()?,
            reference_id: bytes.take()?,
            reference: bytes.time()?,
            origin: bytes.time()?,
            receive: bytes.time()?,
            transmit: bytes.time()?,
        })
    }

    /// The packet of a client. Nothing in it but the transmit timestamp says anything, and that
    /// need not be a time: the server returns it as origin.
    pub fn request(transmit: NtpTime) -> [u8; PACKET_LENGTH] {
        let mut packet = [0; PACKET_LENGTH];
        if let Some(first) = packet.first_mut() {
            *first = REQUEST;
        }
        if let Some(last) = packet.last_chunk_mut() {
            *last = transmit.0.to_be_bytes();
        }
        packet
    }

    /// Whether the server calls its clock synchronised.
    pub fn is_synchronised(&self) -> bool {
        self.leap != UNSYNCHRONISED && (1..MAX_STRATUM).contains(&self.stratum)
    }

    /// Round trip to the reference clock.
    pub fn root_delay(&self) -> i64 {
        short_nanos(self.root_delay)
    }

    /// Error at the reference clock and on the way.
    pub fn root_dispersion(&self) -> i64 {
        short_nanos(self.root_dispersion)
    }

    /// What the server's clock is precise to; saturates.
    pub fn precision_nanos(&self) -> i64 {
        const SECOND: i64 = 1_000_000_000;
        match self.precision {
            exponent @ ..0 => (SECOND >> exponent.unsigned_abs().min(30)) + 1,
            exponent => SECOND << exponent.min(32),
        }
    }

    /// The code of a kiss-o'-death, by which a server refuses.
    pub fn kiss(&self) -> Option<String> {
        let code = self.letters().filter(|code| !code.is_empty());
        code.filter(|_| self.stratum == 0).map(Into::into)
    }

    /// What the server is synchronised to: a code at stratum 1, else an IPv4 address or a part of
    /// the checksum of an IPv6 address, which cannot be told apart.
    pub fn reference_id(&self) -> String {
        if self.stratum > 1 {
            return Ipv4Addr::from(self.reference_id).to_string();
        }
        self.letters()
            .map_or_else(|| self.hexadecimal(), Into::into)
    }

    /// The reference ID as up to four characters, if it is text.
    fn letters(&self) -> Option<&str> {
        let padding = self.reference_id.iter().rev();
        let padding = padding.take_while(|byte| **byte == 0).count();
        let letters = self.reference_id.len().saturating_sub(padding);
        let text = self.reference_id.get(..letters).unwrap_or_default();
        let is_text = text.iter().all(u8::is_ascii_graphic);
        str::from_utf8(text).ok().filter(|_| is_text)
    }

    fn hexadecimal(&self) -> String {
        let mut hexadecimal = String::from("0x");
        for byte in self.reference_id {
            // writing to a string does not fail
            let _ = write!(hexadecimal, "{byte:02x}");
        }
        hexadecimal
    }
}

/// A short number of NTP's, 16.16 bits of seconds, in nanoseconds, rounded up.
fn short_nanos(short: u32) -> i64 {
    let scaled = u64::from(short) * 1_000_000_000;
    scaled.div_ceil(1 << 16) as i64
}
