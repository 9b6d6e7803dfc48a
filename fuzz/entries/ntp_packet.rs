#![no_main]

#[path = "../targets/ntp_packet.rs"]
mod ntp_packet;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ntp_packet::run(data));
