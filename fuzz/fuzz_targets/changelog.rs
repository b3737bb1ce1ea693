//! Any text as a changelog: see the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| stagegate_fuzz::changelog::check(text));
