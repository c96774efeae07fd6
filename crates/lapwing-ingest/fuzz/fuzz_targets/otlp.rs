//! Any bytes as an OTLP export of every signal and format: no panic, and every record is an event that its readers take.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| lapwing_ingest::check_any_export(bytes));
