//! See `checks/webhook_file.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| taskview_webhooks::fuzz::webhook_file::check(input));
