//! See `checks/payload_viewer.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| taskview_webhooks::fuzz::payload_viewer::check(input));
