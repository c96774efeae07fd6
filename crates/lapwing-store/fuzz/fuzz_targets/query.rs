//! Any text as a query.

#![no_main]

mod holds;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| holds::for_any_query(text));
