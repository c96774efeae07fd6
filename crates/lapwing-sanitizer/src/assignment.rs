//! Keys and their values in every syntax: `key: value`, `"key" = 'value'`, `name="key" value="…"`, the parts of a form.
//! Finds where both stand.

use std::ops::Range;

use crate::field;

/// Longest value of a field that is read as one, in bytes.
pub(crate) const MAX_VALUE: usize = 8192;
/// Longest value without quotes that is read as one, in bytes.
const MAX_BARE_VALUE: usize = 256;

/// Where a value stands and whether in quotes.
pub(crate) struct FieldValueRange {
    pub(crate) range: Range<usize>,
    pub(crate) quoted: bool,
}

/// The key before the `:` or `=` at `sign`, and where the value behind it stands.
pub(crate) fn read(text: &str, sign: usize) -> Option<(&str, FieldValueRange)> {
    // `std::pin::Pin` is a path.
    let bytes = text.as_bytes();
    if bytes[sign] == b':' && (bytes.get(sign + 1) == Some(&b':') || text[..sign].ends_with(':')) {
        return None;
    }
    let mut key = key_before(text, sign)?;
    if is_type(key) {
        // `val login: String = "…"`: the key stands before its type.
        let before = text[..sign].trim_end().len() - key.len();
        let typed = text[..before].trim_end_matches([' ', '&']);
        key = typed.strip_suffix(':').and_then(|head| key_before(text, head.len())).unwrap_or(key);
    }
    if VALUE_KEYS.iter().any(|generic| key.eq_ignore_ascii_case(generic)) {
        key = named_before(text, key, sign).filter(|named| field::of(named).is_some()).unwrap_or(key);
    }
    let value = value_after(text, sign + 1)?;
    if value.quoted
        && key.eq_ignore_ascii_case("name")
        && let Some(range) = part_body(text, value.range.end)
    {
        return Some((&text[value.range], FieldValueRange { range, quoted: true }));
    }
    Some((key, value))
}

/// The next value in quotes of the list that the value which ends at `end` stands in: `"codes": ["…", "…"]`.
pub(crate) fn next_in_list(text: &str, end: usize) -> Option<FieldValueRange> {
    let rest = text[end..].strip_prefix('"')?.trim_start().strip_prefix(',')?.trim_start().strip_prefix('"')?;
    let start = text.len() - rest.len();
    let length = memchr::memchr2(b'"', b'\n', &rest.as_bytes()[..rest.len().min(MAX_BARE_VALUE)])?;
    // What a colon follows is the next key.
    let key = rest[length + 1..].trim_start().starts_with(':');
    (!key).then(|| FieldValueRange { range: trimmed(text, start..start + length), quoted: true })
}

/// The key that ends before `sign`: an identifier, or what stands in quotes.
fn key_before(text: &str, sign: usize) -> Option<&str> {
    const MAX_KEY: usize = 64;
    let bytes = text.as_bytes();
    // `:=`, `=>`, `+=`, `?=` end with their last sign; the key stands before the first.
    let signs = |b: &&u8| matches!(b, b' ' | b'\t' | b':' | b'?' | b'+' | b'.' | b'|');
    let head = &bytes[..sign - bytes[..sign].iter().rev().take_while(signs).count()];
    // `cookies["sid"] = "…"`
    let closed = matches!(head, [.., b'"' | b'\'', b']']);
    let end = head.len() - usize::from(closed);
    let quote = *bytes.get(end.checked_sub(1)?)?;
    if matches!(quote, b'"' | b'\'' | b'`') {
        let low = end.saturating_sub(MAX_KEY + 1);
        let open = memchr::memrchr(quote, &bytes[low..end - 1]).map(|i| low + i)?;
        return text.get(open + 1..end - 1);
    }
    let length = bytes[..end]
        .iter()
        .rev()
        .take(MAX_KEY)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b']' | b'[') || **b >= 0x80)
        .count();
    let mut start = end - length;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let key = text[start..end].trim_matches(['[', ']']);
    if GENERIC_KEYS.iter().any(|generic| key.eq_ignore_ascii_case(generic)) {
        return Some(&text[words_before(text, start)..end]);
    }
    (!key.is_empty()).then_some(key)
}

/// Whether it is a type that stands between a name and the sign of its value.
fn is_type(key: &str) -> bool {
    matches!(key, "String" | "str" | "string" | "Text" | "SecretStr" | "Any" | "Optional[str]")
}

/// Keys whose value is named by another attribute: `"name": "email", "value": …`, `<add key="Password" value=…`.
const VALUE_KEYS: [&str; 5] = ["value", "number", "default", "content", "stringvalue"];

/// What `name=`, `key=` or `type=` calls the value of the general `key` whose sign stands at `sign`.
fn named_before<'t>(text: &'t str, key: &str, sign: usize) -> Option<&'t str> {
    const REACH: usize = 96;
    let head = &text[floor(text, sign.saturating_sub(REACH))..sign];
    // Of one element, entry or line only.
    let head = &head[head.rfind(['{', '}', '<', '>']).map_or(0, |i| i + 1)..];
    const NAMES: [&str; 7] = ["name", "key", "id", "field", "label", "kind", "type"];
    // The kind of a message says nothing of its content.
    let names = if key == "content" { &NAMES[..5] } else { &NAMES };
    let ends_at = |end: usize| {
        let head = &head.as_bytes()[..end];
        matches!(head, [.., b'e' | b'y' | b'd' | b'l']) && names.iter().any(|name| head.ends_with(name.as_bytes()))
    };
    let name = (1..=head.len()).rev().find(|end| ends_at(*end))?;
    let rest = head[name..].trim_start_matches(['"', '\'', ' ', ':', '=']);
    let length = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']'))).unwrap_or(0);
    let assigned = head[name..head.len() - rest.len()].contains([':', '=']);
    (assigned && length > 0).then(|| &rest[..length])
}

/// Keys that say something only with the words before them: `passport number: …`, `tax id: …`.
const GENERIC_KEYS: [&str; 11] =
    ["number", "no", "nr", "num", "id", "code", "address", "name", "jméno", "adı", "utente"];

/// Where up to three words begin that stand one blank apart before `start`.
fn words_before(text: &str, start: usize) -> usize {
    let mut first = start;
    for _ in 0..3 {
        let Some(head) = text[..first].strip_suffix(' ') else { break };
        let word = head.chars().rev().take(20).take_while(|c| c.is_alphabetic() || matches!(c, '\'' | '-'));
        let length: usize = word.map(char::len_utf8).sum();
        if length == 0 {
            break;
        }
        first = head.len() - length;
    }
    first
}

/// The value that follows an assignment sign which ends before `at`.
fn value_after(text: &str, at: usize) -> Option<FieldValueRange> {
    let bytes = text.as_bytes();
    let mut start = at;
    // The rest of the sign, blanks, a cast to text or bytes, an opening bracket of a list.
    while let Some(b' ' | b'\t' | b'=' | b'>' | b'~' | b'[' | b'(') = bytes.get(start) {
        start += 1;
        if start - at > 24 {
            return None;
        }
    }
    if matches!(bytes.get(start), Some(b'f' | b'b' | b'r' | b'u' | b'@' | b'$'))
        && matches!(bytes.get(start + 1), Some(b'"' | b'\''))
    {
        start += 1;
    }
    let limit = bytes.len().min(start + MAX_VALUE);
    match bytes.get(start) {
        Some(quote @ (b'"' | b'\'' | b'`')) => {
            let body = start + 1;
            let length = memchr::memchr2(*quote, b'\n', &bytes[body..limit]).unwrap_or(limit - body);
            Some(FieldValueRange { range: trimmed(text, floor(text, body)..floor(text, body + length)), quoted: true })
        }
        Some(_) => {
            let body = &bytes[start..limit.min(start + MAX_BARE_VALUE)];
            let length = body
                .iter()
                .position(|b| {
                    matches!(
                        b,
                        b'\n' | b'\r' | b'"' | b'\'' | b'`' | b',' | b';' | b'&' | b'}' | b']' | b'<' | b'|' | b'\t'
                    )
                })
                .unwrap_or(body.len());
            Some(FieldValueRange { range: trimmed(text, start..floor(text, start + length)), quoted: false })
        }
        None => None,
    }
}

/// The body of the part of a multipart form whose name ends at `end`: the line behind an empty one.
fn part_body(text: &str, end: usize) -> Option<Range<usize>> {
    let rest = text[end..].strip_prefix('"')?.trim_start_matches('\r').strip_prefix('\n')?;
    let body = rest.trim_start_matches('\r').strip_prefix('\n')?;
    let start = text.len() - body.len();
    let line = body.bytes().take(MAX_BARE_VALUE).position(|b| b == b'\n').unwrap_or(body.len().min(MAX_BARE_VALUE));
    Some(trimmed(text, start..floor(text, start + line)))
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// `range` without the blanks at its ends.
pub(crate) fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let value = &text[range.clone()];
    if matches!(value.as_bytes(), [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic()) {
        return range;
    }
    let start = range.start + value.len() - value.trim_start().len();
    start..start + value.trim().len()
}
