#![no_main]

#[path = "../targets/interval_tree.rs"]
mod interval_tree;

libfuzzer_sys::fuzz_target!(|data: &[u8]| interval_tree::run(data));
