//! Any bytes as an item, as a raw record, and as a clean record.

#![no_main]

mod holds;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| holds::for_any_item(bytes));
