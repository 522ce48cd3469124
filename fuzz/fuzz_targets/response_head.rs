//! See `checks/response_head.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| taskview_webhooks::fuzz::response_head::check(input));
