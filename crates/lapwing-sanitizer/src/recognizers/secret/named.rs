//! Random values that are assigned to something whose name says that it is secret: `SLACK_TOKEN=…`, `set_api_key("…")`,
//! `<add key="oktaSecret" value="…"/>`, `- name: X_KEY` with its value on the next line.

use std::ops::Range;
use std::sync::LazyLock;

use super::placeholder::is_placeholder;
use crate::checksum::entropy;
use crate::entity::EntityType::Secret;
use crate::formats::NAMED;
use crate::scan::Scan;
use crate::words::WordTable;

/// Longest rest of an identifier behind its keyword, and most signs in a row between it and the value.
pub(super) const MAX_IDENTIFIER: usize = 40;
pub(super) const MAX_SIGNS: usize = 32;

/// What the name of the variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A service's name.
    Vendor,
    /// `token`, `secret`, `api_key`.
    Generic,
    /// `key` alone, which many things have.
    Key,
}

/// Words that tell that a value is meant to be secret.
const SECRET_WORDS: [&str; 14] = [
    "key", "token", "secret", "auth", "password", "pass", "cred", "client", "api", "access", "id", "private", "sid",
    "dsn",
];

/// What stands before `key` where it names no secret.
const PLAIN_KEYS: &str = " public primary foreign cache sort partition bucket idempotency object row map dict s3 storage_object \
     item dedup dedupe deduplication group lookup hash range index routing message state query json field column column_ data yaml \
     unique natural composite surrogate event session_cache feature flag redis lock config pub ssh_public etag hot short license_plate ";

static PLAIN: LazyLock<WordTable> = LazyLock::new(|| WordTable::of(PLAIN_KEYS));

/// Reads the value that is assigned to an identifier which holds the keyword `start..end`.
pub(super) fn read(scan: &mut Scan<'_>, start: usize, end: usize, kind: Kind) {
    let bytes = scan.text.as_bytes();
    if !stands_apart(bytes, start, end, kind) {
        return;
    }
    let Some(assigned) = assigned_value(scan.text, start, end) else { return };
    let identifier = &scan.text[assigned.identifier.clone()];
    if kind == Kind::Key && names_plain_key(&scan.text[..start], identifier) {
        return;
    }
    let value = &scan.text[assigned.value.clone()];
    if is_placeholder(value) || !is_random(value, kind, identifier) {
        return;
    }
    let recognizer = if kind == Kind::Vendor { "vendor-key" } else { "generic-key" };
    scan.push(assigned.value, Secret, recognizer, NAMED + 5);
}

/// Whether the keyword is a word, or a part of `snake_case` or `camelCase`, and not of a longer word.
fn stands_apart(bytes: &[u8], start: usize, end: usize, kind: Kind) -> bool {
    let first = bytes[start];
    let last = bytes[end - 1];
    if let Some(&before) = start.checked_sub(1).and_then(|i| bytes.get(i)) {
        let camel = before.is_ascii_lowercase() && first.is_ascii_uppercase();
        let strict = kind != Kind::Generic || before.is_ascii_digit();
        if before.is_ascii_alphanumeric() && !camel && strict {
            return false;
        }
    }
    let next = bytes.get(end).copied().unwrap_or(b' ');
    let goes_on = next.is_ascii_alphabetic() && next.is_ascii_lowercase() == last.is_ascii_lowercase();
    match kind {
        // `sumOfExposures` names neither `sumo` nor `expo`.
        Kind::Vendor => {
            let camel =
                bytes[start..end].windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
            !camel && (!goes_on || SECRET_WORDS.iter().any(|word| starts_with(&bytes[end..], word)))
        }
        // `tokenizer`, `secretary`.
        Kind::Generic => !last.is_ascii_alphabetic() || !goes_on || next.eq_ignore_ascii_case(&b's'),
        Kind::Key => !goes_on,
    }
}

fn starts_with(bytes: &[u8], word: &str) -> bool {
    bytes.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether the word before `key`, or what follows it, says that the key opens nothing.
fn names_plain_key(before: &str, identifier: &str) -> bool {
    let after = identifier.get(3..).unwrap_or_default();
    if after.bytes().any(|b| b.is_ascii_alphabetic()) {
        return true;
    }
    let head = before.trim_end_matches(['_', '-', '.', ' ']);
    let word = head.bytes().rev().take(24).take_while(u8::is_ascii_alphanumeric).count();
    let word = &head[head.len() - word..];
    // `sequenceKey`: the last hump of a camel.
    let hump =
        word.rfind(|c: char| c.is_ascii_uppercase()).filter(|i| word[*i..].len() > 1).map_or(word, |i| &word[i..]);
    hump.is_empty() || PLAIN.lists(hump) || PLAIN.lists(word)
}

struct Assigned {
    identifier: Range<usize>,
    value: Range<usize>,
}

/// Words between a name and its value: types, attributes, alternatives.
const GLUE: [&str; 17] = [
    "value", "default", "str", "string", "or", "text", "type", "bytes", "content", "static", "some", "is", "to", "as",
    "was", "q", "new",
];

/// The token that follows the rest of an identifier and a sign of assignment.
fn assigned_value(text: &str, start: usize, end: usize) -> Option<Assigned> {
    const MAX_GLUE: usize = 3;
    let bytes = text.as_bytes();
    let identifier_end = identifier_end(bytes, end);
    let mut at = identifier_end;
    let mut assigned = false;
    for _ in 0..=MAX_GLUE {
        let signs = bytes[at..].iter().take(MAX_SIGNS).take_while(|b| is_sign(**b)).count();
        assigned |= bytes[at..at + signs].iter().any(|b| matches!(b, b':' | b'=' | b',' | b'>' | b'|' | b'('));
        at += signs;
        let word = bytes[at..].iter().take(9).take_while(|b| b.is_ascii_alphabetic()).count();
        let glue = GLUE.iter().any(|glue| text[at..at + word].eq_ignore_ascii_case(glue));
        if !glue || bytes.get(at + word).is_none_or(|b| !is_sign(*b)) {
            break;
        }
        at += word;
        assigned = true;
    }
    // `ENV X_TOKEN value`, `--x-token value`: a blank assigns only to what can't be prose.
    let name = &text[start..identifier_end];
    let blank = name.contains(['_', '-']) && !name.contains(' ') && at > identifier_end;
    let stated = assigned || blank || text[..start].ends_with(['_', '-']) && at > identifier_end;
    let length = bytes[at..]
        .iter()
        .take(260)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'_' | b'.' | b'~' | b'-'))
        .count();
    let value = text[at..at + length].trim_end_matches('.');
    // A call, a path or an index that goes on is code, not a value.
    let next = bytes.get(at + value.len());
    let code = matches!(next, Some(b'(' | b'[' | b'{' | b'$' | b'@' | b'%'));
    (stated && value.len() >= 10 && !code)
        .then(|| Assigned { identifier: start..identifier_end, value: at..at + value.len() })
}

fn is_sign(b: u8) -> bool {
    matches!(
        b,
        b' ' | b'\t'
            | b'\r'
            | b'\n'
            | b'"'
            | b'\''
            | b'`'
            | b':'
            | b'='
            | b','
            | b'>'
            | b'|'
            | b'?'
            | b'.'
            | b'('
            | b'['
            | b')'
            | b']'
            | b'{'
            | b'&'
            | b'+'
            | b'%'
    )
}

/// Where the identifier ends that goes on from `end`, words after it that are no value included.
fn identifier_end(bytes: &[u8], end: usize) -> usize {
    const MAX_WORD: usize = 12;
    let limit = bytes.len().min(end + MAX_IDENTIFIER);
    let mut at = end
        + bytes[end..limit].iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')).count();
    while at < limit && bytes[at] == b' ' {
        let word = bytes[at + 1..].iter().take(MAX_WORD + 1).take_while(|b| b.is_ascii_alphabetic()).count();
        let ends = bytes.get(at + 1 + word).is_some_and(|b| is_sign(*b));
        if word == 0 || word > MAX_WORD || !ends {
            break;
        }
        at += 1 + word;
    }
    at
}

/// Whether a value was made by a generator and not by a person naming something.
fn is_random(value: &str, kind: Kind, identifier: &str) -> bool {
    let lower = identifier.to_ascii_lowercase();
    if (lower.ends_with("key_id") || lower.ends_with("keyid")) && !lower.contains("access") {
        return false;
    }
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let bits = entropy(value.as_bytes());
    let uuid = value.len() == 36 && value.bytes().filter(|b| *b == b'-').count() == 4;
    let says_secret = || SECRET_WORDS.iter().any(|word| lower.contains(word));
    if uuid {
        return digits >= 6 && says_secret();
    }
    if kind == Kind::Vendor && lower.contains("client") && digits == value.len() && (16..=19).contains(&digits) {
        return true;
    }
    let words = value.split(['.', '-', '_', '/']).filter(|part| is_word(part)).count();
    let path = value.starts_with('/') && value.contains('.') || value.contains("//") || value.contains("..");
    // A value of sixteen characters may hold one digit only, or none if its cases change at random.
    let varied = digits >= 2 || value.len() >= 16 && (digits == 1 && bits >= 3.3 || changes_case(value));
    if path || words >= 3 || letters == 0 || !varied {
        return false;
    }
    match kind {
        Kind::Vendor if says_secret() => value.len() >= 14 && bits >= 2.9,
        Kind::Vendor => value.len() >= 20 && bits >= 3.3 && words < 2,
        Kind::Generic => value.len() >= 10 && bits >= 3.0,
        Kind::Key => value.len() >= 16 && bits >= 3.2 && digits >= 3 && words < 2 && !value.contains('.'),
    }
}

fn is_word(part: &str) -> bool {
    part.len() >= 3
        && part.bytes().all(|b| b.is_ascii_alphabetic())
        && part.bytes().skip(1).all(|b| b.is_ascii_lowercase())
}

/// Whether capitals stand closer together than the words of a camel.
fn changes_case(value: &str) -> bool {
    let humps = value.as_bytes().windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    let humps = humps.count();
    humps >= 3 && value.len() < humps * 7 / 2 + 7 && entropy(value.as_bytes()) >= 3.6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn random_values_are_found_in_every_syntax() {
        let value = concat!("q7Zt0LmXw3", "Bv9KpRs2Ny");
        for text in [
            "SLACK_TOKEN=#",
            r##"{"okta_api_key": "#"}"##,
            r##"let tomtom_key: &str = "#";"##,
            r##"API_TOKEN: str = "#""##,
            "  - name: GITEA_TOKEN\n    value: #",
            r##"<add key="oktaSecret" value="#" />"##,
            "ENV MAILERLITE_KEY #",
            "tool --acme-token #",
            r##"set_bittrex_key("#")"##,
            "$config['qdrant_key'] = '#';",
            r##"X_SECRET = os.getenv("X_SECRET") or "#""##,
            r##"const k = process.env.ACME_KEY || "#";"##,
            "variable \"upstash_token\" {\n  default = \"#\"\n}",
            "acme_secret = %q(#)",
            "our slack api key is #",
            "| rollbar token | # |",
        ] {
            check(Secret, &[(&text.replace('#', value), &[value])]);
        }
    }

    #[test]
    fn names_that_open_nothing_have_no_secrets() {
        for text in [
            r#"tokenizer = "cl100k_base""#,
            r#"primary_key: "a8Kq2Zp9Lw4Nt7Rb1Vc6""#,
            r#"public_key = "a8Kq2Zp9Lw4Nt7Rb1Vc6""#,
            r#"sort_key = "ORDER-2024-000-123-A""#,
            r#"anthropic_model: claude-3-5-sonnet-20241022"#,
            r#"keyframes = "a8Kq2Zp9Lw4Nt7Rb1Vc6""#,
            r#"the key point 2024 was made"#,
            "cache_key=user_4821_profile_v2",
        ] {
            check(Secret, &[(text, &[])]);
        }
    }
}
