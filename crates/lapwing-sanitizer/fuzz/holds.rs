//! What holds for every text: the fuzz target and the tests check it.

use lapwing_event::TenantId;
use lapwing_sanitizer::Sanitizer;

/// Findings stand on character boundaries, in order and without overlap, and a second pass changes nothing.
pub fn holds(sanitizer: &Sanitizer, text: &str) {
    let tenant = TenantId::default();
    let (masked, findings) = sanitizer.sanitize_text(&tenant, text);
    let mut end = 0;
    for finding in &findings {
        assert!(finding.range.start >= end && finding.range.start < finding.range.end, "{finding:?} in {text:?}");
        assert!(text.get(finding.range.clone()).is_some(), "{finding:?} splits a character of {text:?}");
        end = finding.range.end;
    }
    let (again, left) = sanitizer.sanitize_text(&tenant, &masked);
    assert_eq!((again.as_str(), left.len()), (masked.as_str(), 0), "second pass over {text:?}");
}
