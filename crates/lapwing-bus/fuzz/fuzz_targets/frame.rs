//! Any bytes as a record of the embedded log: no panic, and what is read was written so.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| lapwing_bus::embedded::check_any_frame(bytes));
