#![no_main]

#[path = "../targets/version_vector.rs"]
mod version_vector;

libfuzzer_sys::fuzz_target!(|data: &[u8]| version_vector::run(data));
