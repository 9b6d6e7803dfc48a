#![no_main]

#[path = "../targets/ntp_select.rs"]
mod ntp_select;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ntp_select::run(data));
