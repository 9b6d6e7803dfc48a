#![no_main]

#[path = "../targets/hlc.rs"]
mod hlc;

libfuzzer_sys::fuzz_target!(|data: &[u8]| hlc::run(data));
