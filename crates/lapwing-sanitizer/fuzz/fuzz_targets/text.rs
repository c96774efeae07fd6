//! Any text: no panic, findings on character boundaries and in order, and a second pass that changes nothing.

#![no_main]

use std::sync::LazyLock;

use lapwing_event::TenantId;
use lapwing_sanitizer::{KeyRing, Sanitizer, SanitizerConfig};
use libfuzzer_sys::fuzz_target;

static SANITIZER: LazyLock<Sanitizer> = LazyLock::new(|| {
    Sanitizer::new(&SanitizerConfig::default(), KeyRing::generate([7; 32])).expect("the default configuration is valid")
});

fuzz_target!(|text: &str| {
    let tenant = TenantId::default();
    let (masked, findings) = SANITIZER.sanitize_text(&tenant, text);
    let mut end = 0;
    for finding in findings {
        assert!(finding.range.start >= end && text.get(finding.range.clone()).is_some());
        end = finding.range.end;
    }
    assert_eq!(SANITIZER.sanitize_text(&tenant, &masked).0, masked);
});
