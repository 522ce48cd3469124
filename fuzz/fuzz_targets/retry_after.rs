//! See `checks/retry_after.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| taskview_webhooks::fuzz::retry_after::check(input));
