//! Internet addresses. The fourth version is a format; the sixth is read from its colons.

use std::net::Ipv6Addr;
use std::ops::Range;

use crate::context::Class;
use crate::entity::EntityType::IpAddress;
use crate::field::Field;
use crate::formats::{CHECKED, Candidate, Format, NAMED};
use crate::scan::Scan;

pub(crate) static FORMATS: &[Format] = &[Format {
    name: "ipv4",
    entity: IpAddress,
    pattern: r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(?:\.(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}(?:/(?:3[0-2]|[12]?[0-9]))?",
    judge: v4,
}];

fn v4(c: &Candidate<'_>) -> Option<u8> {
    let bytes = c.text.as_bytes();
    let before = c.range.start.checked_sub(1).map(|i| bytes[i]);
    let before_that = c.range.start.checked_sub(2).map(|i| bytes[i]);
    // `Chrome/120.0.0.0`, `package@1.2.3.4`, `==1.2.3.4`
    // `jdoe/10.1.2.3:1194` has a port, which no version has.
    let port = bytes.get(c.range.end) == Some(&b':') && bytes.get(c.range.end + 1).is_some_and(u8::is_ascii_digit);
    // `HIER_DIRECT/10.1.2.3` is no product.
    let constant = || {
        let word = c.text[..c.range.start].bytes().rev().skip(1).take(24).take_while(|b| !b.is_ascii_whitespace());
        word.clone().all(|b| b.is_ascii_uppercase() || b == b'_') && word.clone().any(|b| b == b'_')
    };
    let product = matches!(before, Some(b'/')) && !port && before_that.is_some_and(|b| b.is_ascii_alphanumeric());
    let versioned = product && !constant()
        || matches!(before, Some(b'.' | b'^' | b'~'))
        || (before == Some(b'=') && matches!(before_that, Some(b'=' | b'>' | b'<' | b'~')))
        || (before == Some(b'-') && before_that.is_some_and(|b| b.is_ascii_alphanumeric()));
    let goes_on = match (bytes.get(c.range.end), bytes.get(c.range.end + 1)) {
        (Some(b'.'), Some(next)) => next.is_ascii_alphanumeric() && !c.alone_but_for_tail(),
        (Some(b'-'), Some(next)) => next.is_ascii_alphabetic(),
        _ => false,
    };
    if versioned || goes_on || c.field == Some(Field::Version) {
        return None;
    }
    let named = c.field == Some(Field::Ip);
    let version_word = c.mentions.before(Class::VERSION, c.range.start, 3).is_some()
        || (c.mentions.before(Class::VERSION, c.range.start, 16).is_some() && !named && !says_address(c));
    (!version_word).then_some(CHECKED)
}

/// Whether what precedes speaks of an address, a host or a connection.
fn says_address(c: &Candidate<'_>) -> bool {
    const WORDS: [&str; 12] =
        ["ip", "host", "address", "addr", "server", "client", "from", "ping", "connect", "ssh", "://", "@"];
    let from = c.range.start.saturating_sub(12);
    let tail = c.text.get(from..c.range.start).unwrap_or_default().to_ascii_lowercase();
    WORDS.iter().any(|word| tail.contains(word)) && !tail.contains("upgrade") && !tail.contains("version")
}

impl Candidate<'_> {
    /// Whether only a short tail follows in the whole text.
    fn alone_but_for_tail(&self) -> bool {
        self.range.start == 0 && self.text.len() - self.range.end <= 4
    }
}

/// Longest sixth-version address with a zone and a prefix length, in bytes.
const MAX_V6: usize = 64;

/// Reads the sixth-version address around the colon at `colon`.
pub(crate) fn v6(scan: &mut Scan<'_>, colon: usize) {
    if colon < scan.colons_read {
        return;
    }
    let bytes = scan.text.as_bytes();
    let inside = |b: u8| b.is_ascii_hexdigit() || b == b':' || b == b'.';
    let low = colon.saturating_sub(MAX_V6);
    let start = (low..colon).rev().find(|&i| !inside(bytes[i])).map_or(low, |i| i + 1);
    let high = bytes.len().min(start + MAX_V6);
    let end = (colon..high).find(|&i| !inside(bytes[i])).unwrap_or(high);
    scan.colons_read = end;
    let glued = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let before = start.checked_sub(1).and_then(|i| bytes.get(i));
    if glued(before) && scan.text[start..end].starts_with("::") {
        // `text::ffff:192.0.2.1`: the tail that is an address of the fourth version is found by its own format.
        return;
    }
    if glued(before) || glued(bytes.get(end)) {
        return;
    }
    let Some(range) = longest_address(scan.text, start..end) else { return };
    let end = with_zone_and_prefix(bytes, range.end);
    let groups = scan.text[range.clone()].split(':').filter(|group| !group.is_empty()).count();
    let digits = scan.text[range.clone()].bytes().any(|b| b.is_ascii_digit());
    let prefixed = end > range.end;
    if groups == 0 && !prefixed || !digits && groups < 3 && !prefixed {
        return;
    }
    let score = if groups >= 2 { CHECKED + 1 } else { NAMED };
    scan.push(range.start..end, IpAddress, "ipv6", score);
}

/// The range without trailing punctuation, if it parses.
fn longest_address(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let trimmed = text[range.clone()].trim_end_matches('.');
    let candidates = [trimmed, trimmed.strip_suffix(':').unwrap_or(trimmed)];
    let found = candidates.into_iter().find(|value| value.parse::<Ipv6Addr>().is_ok())?;
    Some(range.start..range.start + found.len())
}

/// Where a `%eth0` and a `/64` after the address end.
fn with_zone_and_prefix(bytes: &[u8], mut end: usize) -> usize {
    if bytes.get(end) == Some(&b'%') {
        end += 1 + bytes[end + 1..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    }
    if bytes.get(end) == Some(&b'/') {
        let digits = bytes[end + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        if (1..=4).contains(&digits) {
            end += 1 + digits;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn addresses_of_both_versions() {
        check(
            IpAddress,
            &[
                ("from 57.207.90.225 port 22", &["57.207.90.225"]),
                ("http://10.1.2.3:8080/x", &["10.1.2.3"]),
                ("300.168.1.1", &[]),
                ("Version 6.1.56.99 of the firmware", &[]),
                ("Upgrade from 6.1.117.249 by running", &[]),
                ("Chrome/120.0.0.0 Safari", &[]),
                ("openvpn: jdoe/69.66.139.22:1194", &["69.66.139.22"]),
                ("1.2.3", &[]),
                ("Connect to [2001:db8::1]:8080", &["2001:db8::1"]),
                ("fe80::1%eth0/64", &["fe80::1%eth0/64"]),
                ("::ffff:192.0.2.1", &["::ffff:192.0.2.1"]),
                ("at 12:34:56", &[]),
                ("ns::find(x)", &[]),
                ("Ratio 1:2:3:4", &[]),
                ("std::vector<int>", &[]),
            ],
        );
    }
}
