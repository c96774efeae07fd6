//! Email addresses that are spelled out to hide them: `jane dot doe at example dot com`, `jane [at] example [.] com`.

use crate::context::{Class, Mention};
use crate::entity::EntityType::Email;
use crate::formats::NAMED;
use crate::scan::Scan;

/// Top-level domains that people spell.
const TOP_LEVEL: &str = " com org net edu gov mil int io co ai app dev me info biz name us uk de fr es it nl be ch at se fi no dk pl cz pt ie eu ca au nz in jp kr cn br mx ar cl za tr ru ua gr hu ro tv cc xyz tech online site store cloud email example test ";

const MAX_TOP_LEVEL: usize = 7;

/// Words before a spelled `at` that belong to the sentence and not to an address.
const NOT_LOCAL: &str = " look looking available us me it is are was were be up visit find found shop hosted here online located live work works working \
                         meet meeting arrive arriving stay based only page website blog docs more details info apply register order buy sold see read start began ";

/// Looks for an address around the `at` of `mention`.
pub(crate) fn around(scan: &mut Scan<'_>, mention: Mention) {
    let bare = scan.text[mention.start..mention.end].eq_ignore_ascii_case("at");
    let Some(domain) = domain(scan.text, mention.end) else { return };
    let Some(local) = local_part(scan.text, mention.start) else { return };
    let value = &scan.text[local.start..mention.start];
    let named = scan.mentions.before(Class::EMAIL, local.start, 40).is_some();
    let single = value.trim().to_ascii_lowercase();
    let ordinary = NOT_LOCAL.contains(&format!(" {single} "));
    let marked = domain.spelled || local.spelled || !bare;
    let believable = match (marked, domain.spelled) {
        (false, _) => named && single.contains(['.', '_', '+', '-']) | single.bytes().any(|b| b.is_ascii_digit()),
        (true, true) => !ordinary,
        (true, false) => !ordinary && (!bare || local.spelled),
    };
    if believable {
        let normalized = normalize(&scan.text[local.start..domain.end]);
        scan.push_as(local.start..domain.end, Email, "email-spelled", NAMED + 8, normalized);
    }
}

struct Part {
    start: usize,
    end: usize,
    /// Whether a separator of it was a word or stood in brackets.
    spelled: bool,
}

/// Spelled separators, longest first.
const SEPARATORS: [(&str, char); 34] = [
    ("underscore", '_'),
    ("(underscore)", '_'),
    ("[underscore]", '_'),
    ("hyphen", '-'),
    ("minus", '-'),
    ("dash", '-'),
    ("[dash]", '-'),
    ("(dash)", '-'),
    ("plus", '+'),
    ("[plus]", '+'),
    ("(plus)", '+'),
    ("[dot]", '.'),
    ("(dot)", '.'),
    ("{dot}", '.'),
    ("<dot>", '.'),
    ("_dot_", '.'),
    ("-dot-", '.'),
    ("period", '.'),
    ("punkt", '.'),
    ("punto", '.'),
    ("point", '.'),
    ("ponto", '.'),
    ("dot", '.'),
    ("[.]", '.'),
    ("(.)", '.'),
    ("d0t", '.'),
    ("[d]", '.'),
    ("*dot*", '.'),
    ("/dot/", '.'),
    ("punt", '.'),
    ("kropka", '.'),
    ("tečka", '.'),
    ("piste", '.'),
    ("nokta", '.'),
];

/// The separator that `text` begins with, spaces around it included: its length, its sign, whether it was spelled.
fn separator(text: &str) -> Option<(usize, char, bool)> {
    let trimmed = text.trim_start_matches(' ');
    let spaces = text.len() - trimmed.len();
    if spaces > 3 {
        return None;
    }
    // Most words are no separator, as their first letter tells.
    let first = trimmed.bytes().next()?.to_ascii_lowercase();
    if spaces == 0 && first.is_ascii_alphabetic() {
        return None;
    }
    let spelled = SEPARATORS.iter().filter(|(word, _)| word.as_bytes()[0] == first).find(|(word, _)| {
        let head = trimmed.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
        let bracketed = !word.as_bytes()[0].is_ascii_alphabetic();
        head && (bracketed || (spaces > 0 && trimmed[word.len()..].starts_with(' ')))
    });
    if let Some((word, sign)) = spelled {
        let rest = &trimmed[word.len()..];
        let after = rest.len() - rest.trim_start_matches(' ').len();
        return (after <= 3).then_some((spaces + word.len() + after, *sign, true));
    }
    let sign = trimmed.chars().next().filter(|c| *c == '.')?;
    let after = trimmed[1..].len() - trimmed[1..].trim_start_matches(' ').len();
    (spaces == 0 && after == 0 || spaces == 1 && after == 1).then_some((spaces + 1 + after, sign, spaces > 0))
}

fn label_length(text: &str) -> usize {
    text.bytes().take(63).take_while(|b| b.is_ascii_alphanumeric() || *b == b'-' || *b >= 0x80).count()
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn domain(text: &str, at: usize) -> Option<Part> {
    let start = at + text[at..].bytes().take(3).take_while(|b| *b == b' ').count();
    let mut part = Part { start, end: start, spelled: false };
    let mut position = start;
    let mut top = None;
    for _ in 0..6 {
        let rest = text.get(position..)?;
        let mut length = label_length(rest);
        length = rest[..floor(rest, length)].find("-dot-").unwrap_or(length);
        while !text.is_char_boundary(position + length) {
            length -= 1;
        }
        if length == 0 {
            break;
        }
        let label = text[position..position + length].to_ascii_lowercase();
        if position > start && label.len() <= MAX_TOP_LEVEL && TOP_LEVEL.contains(&format!(" {label} ")) {
            top = Some((position + length, part.spelled));
        }
        position += length;
        match separator(&text[position..]) {
            Some((length, '.', spelled)) => {
                part.spelled |= spelled;
                position += length;
            }
            Some((length, '-', true)) => position += length,
            _ => break,
        }
    }
    let (end, spelled) = top?;
    Some(Part { start, end, spelled })
}

fn local_part(text: &str, at: usize) -> Option<Part> {
    let before = text[..at].trim_end_matches(' ');
    if at - before.len() > 3 {
        return None;
    }
    let mut start = before.len();
    let mut spelled = false;
    for _ in 0..6 {
        let word = text[..start]
            .bytes()
            .rev()
            .take(64)
            .take_while(|b| b.is_ascii_alphanumeric() || b"._+-%".contains(b))
            .count();
        if word == 0 {
            break;
        }
        start -= word;
        let Some(length) = separator_before(&text[..start]) else { break };
        let joined = start - length;
        if text[..joined].bytes().last().is_none_or(|b| !b.is_ascii_alphanumeric()) {
            break;
        }
        spelled = true;
        start = joined;
    }
    let value = text[start..before.len()].trim_start_matches(['.', '-', '+', '%']);
    let start = before.len() - value.len();
    (!value.is_empty()).then_some(Part { start, end: before.len(), spelled })
}

/// Length of the spelled separator that `text` ends with, spaces included.
fn separator_before(text: &str) -> Option<usize> {
    let trimmed = text.trim_end_matches(' ');
    let spaces = text.len() - trimmed.len();
    let last = trimmed.bytes().next_back()?.to_ascii_lowercase();
    let (word, _) = SEPARATORS.iter().filter(|(word, _)| word.as_bytes().last() == Some(&last)).find(|(word, _)| {
        let tail = trimmed.len().checked_sub(word.len()).and_then(|from| trimmed.get(from..));
        let bracketed = !word.as_bytes()[0].is_ascii_alphabetic();
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(word))
            && (bracketed || (spaces > 0 && trimmed[..trimmed.len() - word.len()].ends_with(' ')))
    })?;
    let head = &trimmed[..trimmed.len() - word.len()];
    let before = head.len() - head.trim_end_matches(' ').len();
    (spaces <= 3 && before <= 3).then_some(spaces + word.len() + before)
}

/// The address as it would be written.
fn normalize(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(c) = rest.chars().next() {
        let (length, sign) = match (separator(rest), at_sign(rest)) {
            (Some((length, sign, true)), _) => (length, Some(sign)),
            (_, Some(length)) => (length, Some('@')),
            _ => (c.len_utf8(), (c != ' ').then_some(c.to_ascii_lowercase())),
        };
        out.extend(sign);
        rest = &rest[length..];
    }
    out
}

/// Length of the spelled `@` that `text` begins with, the spaces around a word included.
fn at_sign(text: &str) -> Option<usize> {
    const BRACKETED: [&str; 12] =
        ["(at)", "[at]", "{at}", "<at>", "(a)", "[a]", "_at_", "-at-", "(@)", "[@]", "*at*", "/at/"];
    const WORDS: [&str; 11] = [
        " at sign ",
        " at-sign ",
        " arroba ",
        " chiocciola ",
        " arobase ",
        " ät ",
        " snabel-a ",
        " apenstaartje ",
        " małpa ",
        " malpa ",
        " at ",
    ];
    let signs: &[&str] = match text.as_bytes().first()? {
        b' ' => &WORDS,
        b'(' | b'[' | b'{' | b'<' | b'_' | b'-' | b'*' | b'/' => &BRACKETED,
        _ => return None,
    };
    let begins = |sign: &&&str| text.get(..sign.len()).is_some_and(|head| head.eq_ignore_ascii_case(sign));
    signs.iter().find(begins).map(|sign| sign.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn spelled_addresses() {
        check(
            Email,
            &[
                ("write me: noemi_b96 at acme-corp dot com", &["noemi_b96 at acme-corp dot com"]),
                ("contact jane [dot] r [at] gmail [dot] com for", &["jane [dot] r [at] gmail [dot] com"]),
                ("jane dot doe at example dot co dot uk, ok", &["jane dot doe at example dot co dot uk"]),
                ("jane(at)example.com", &["jane(at)example.com"]),
                ("jane (at) example (dot) org", &["jane (at) example (dot) org"]),
                ("mail jane.doe at example.com", &["jane.doe at example.com"]),
                ("look at example dot com", &[]),
                ("meet me at noon", &[]),
                ("served at example.com", &[]),
            ],
        );
        assert_eq!(normalize("Jane dot Doe at example dot com"), "jane.doe@example.com");
    }
}
