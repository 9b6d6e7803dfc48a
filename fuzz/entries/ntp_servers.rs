#![no_main]

#[path = "../targets/ntp_servers.rs"]
mod ntp_servers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ntp_servers::run(data));
