//! See `checks/json_body.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| taskview_webhooks::fuzz::json_body::check(input));
