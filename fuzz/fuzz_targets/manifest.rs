//! Any text as the files of a workspace: see the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| stagegate_fuzz::manifest::check(text));
