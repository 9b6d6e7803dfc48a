#![no_main]

#[path = "../targets/server_times.rs"]
mod server_times;

libfuzzer_sys::fuzz_target!(|data: &[u8]| server_times::run(data));
