//! Web addresses. A policy type: kept unless a policy asks for it. What is personal inside one is found all the same.

use crate::entity::EntityType::Url;
use crate::formats::SHAPED;
use crate::scan::Scan;

/// Longest address, in bytes.
const MAX_URL: usize = 2048;

/// Reads the address around the `://` at `at`.
pub(crate) fn around(scan: &mut Scan<'_>, at: usize) {
    if at < scan.urls_read {
        return;
    }
    let bytes = scan.text.as_bytes();
    let scheme = bytes[..at]
        .iter()
        .rev()
        .take(12)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-'))
        .count();
    let body = bytes[at + 3..]
        .iter()
        .take(MAX_URL)
        .take_while(|b| {
            b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b'`' | b'{' | b'}' | b'|' | b'\\' | b'^')
        })
        .count();
    scan.urls_read = at + 3 + body;
    let trailing = bytes[at + 3..at + 3 + body]
        .iter()
        .rev()
        .take_while(|b| matches!(b, b'.' | b',' | b';' | b':' | b'!' | b'?' | b')' | b']'))
        .count();
    if scheme >= 2 && body - trailing >= 4 {
        scan.push(at - scheme..at + 3 + body - trailing, Url, "url", SHAPED - 30);
    }
}
