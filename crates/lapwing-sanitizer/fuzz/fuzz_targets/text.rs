//! Any text: no panic, findings on character boundaries and in order, and a second pass that changes nothing.

#![no_main]

#[path = "../holds.rs"]
mod holds;

use std::sync::LazyLock;

use lapwing_sanitizer::{KeyRing, Sanitizer, SanitizerConfig};
use libfuzzer_sys::fuzz_target;

static SANITIZER: LazyLock<Sanitizer> = LazyLock::new(|| {
    Sanitizer::new(&SanitizerConfig::default(), KeyRing::generate([7; 32])).expect("the default configuration is valid")
});

fuzz_target!(|text: &str| holds::holds(&SANITIZER, text));
