//! The readable view of a text: escapes, percent and entity codes decoded, look-alike characters folded, with a map
//! back to the bytes of the original. Decodes layer by layer, so that arguments in arguments become readable;
//! never decides what is personal.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr3};

/// Layers of encoding that are undone: JSON in JSON in JSON, percent codes in an escaped string.
const MAX_LAYERS: usize = 4;

/// A decoded text whose every byte knows where it came from.
pub(crate) struct View<'t> {
    pub(crate) text: Cow<'t, str>,
    /// What each layer decoded, the outermost first.
    layers: Vec<Vec<Decoded>>,
}

impl<'t> View<'t> {
    /// Decodes `original`, which must be shorter than 4 GiB.
    pub(crate) fn new(original: &'t str) -> Self {
        let mut view = View { text: Cow::Borrowed(original), layers: Vec::new() };
        for _ in 0..MAX_LAYERS {
            let Some((text, decoded)) = decode(&view.text) else { break };
            view.layers.push(decoded);
            view.text = Cow::Owned(text);
        }
        view
    }

    /// The bytes of the original that `range` of the view stands for.
    pub(crate) fn original(&self, range: Range<usize>) -> Range<usize> {
        let source = |at| self.layers.iter().rev().fold(at, |at, layer| source_of(layer, at));
        source(range.start)..source(range.end)
    }
}

/// One encoded unit, and the character that was put in its place. Everything else is a copy.
struct Decoded {
    /// Where the character stands in the decoded text.
    at: u32,
    /// Where the unit stands in its source.
    source: u32,
    /// Bytes of the character: none if it was left out.
    length: u8,
    /// Bytes of the unit.
    source_length: u8,
}

/// Where the byte `at` of a decoded text came from: the beginning of its unit, if it was decoded.
fn source_of(layer: &[Decoded], at: usize) -> usize {
    let before = layer.partition_point(|unit| unit.at as usize <= at);
    let Some(unit) = before.checked_sub(1).map(|last| &layer[last]) else { return at };
    match (at - unit.at as usize).checked_sub(usize::from(unit.length)) {
        Some(copied) => unit.source as usize + usize::from(unit.source_length) + copied,
        None => unit.source as usize,
    }
}

/// What one encoded unit stands for.
struct Unit {
    /// Bytes it takes in the source.
    len: usize,
    value: Option<char>,
}

/// One pass over `source`; `None` if it holds nothing encoded.
fn decode(source: &str) -> Option<(String, Vec<Decoded>)> {
    let ascii = source.is_ascii();
    let mut pending = Some(next_unit(source, 0, ascii)?);
    let mut text = String::with_capacity(source.len());
    let mut layer = Vec::with_capacity(source.len() / 16 + 4);
    let mut at = 0;
    while let Some((start, unit)) = pending {
        text.push_str(&source[at..start]);
        layer.push(Decoded {
            at: text.len() as u32,
            source: start as u32,
            length: unit.value.map_or(0, char::len_utf8) as u8,
            source_length: unit.len as u8,
        });
        if let Some(c) = unit.value {
            text.push(c);
        }
        at = start + unit.len;
        pending = next_unit(source, at, ascii);
    }
    text.push_str(&source[at..]);
    Some((text, layer))
}

/// The next encoded unit at or after `from`.
fn next_unit(source: &str, from: usize, ascii: bool) -> Option<(usize, Unit)> {
    let bytes = source.as_bytes();
    let mut at = from;
    loop {
        // Where the next byte stands that may begin a unit.
        at += match ascii {
            true => next_sign(&bytes[at..])?,
            false => bytes[at..].iter().position(|b| matches!(b, b'\\' | b'%' | b'&' | 0x80..))?,
        };
        let unit = match bytes[at] {
            b'\\' => match bytes.get(at + 1) {
                // Most of what is escaped is a quote.
                Some(sign @ (b'"' | b'\\')) => Some(Unit { len: 2, value: Some(char::from(*sign)) }),
                _ => backslash(&bytes[at..]),
            },
            b'%' => percent(&bytes[at..]),
            b'&' => entity(&source[at..]),
            _ => fold(&source[at..]),
        };
        match unit {
            Some(unit) => return Some((at, unit)),
            None => at += utf8_len(bytes[at]),
        }
    }
}

/// Where the next sign stands that a code may begin with. The signs of escaped JSON stand close together.
fn next_sign(bytes: &[u8]) -> Option<usize> {
    const CLOSE: usize = 16;
    let close = &bytes[..bytes.len().min(CLOSE)];
    match close.iter().position(|b| matches!(b, b'\\' | b'%' | b'&')) {
        Some(at) => Some(at),
        None => memchr3(b'\\', b'%', b'&', &bytes[close.len()..]).map(|at| close.len() + at),
    }
}

fn utf8_len(lead: u8) -> usize {
    match lead {
        0..=0xbf => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    }
}

/// JSON, JavaScript, C and Python escapes.
fn backslash(bytes: &[u8]) -> Option<Unit> {
    let unit = |len, c| Some(Unit { len, value: Some(c) });
    match *bytes.get(1)? {
        b'n' => unit(2, '\n'),
        b'r' => unit(2, '\r'),
        b't' => unit(2, '\t'),
        c @ (b'"' | b'\'' | b'\\' | b'/') => unit(2, char::from(c)),
        b'x' => unit(4, char::from(hex(bytes.get(2..4)?)? as u8)),
        b'u' if bytes.get(2) == Some(&b'{') => {
            let close = memchr(b'}', bytes.get(3..bytes.len().min(11))?)?;
            unit(close + 4, folded(char::from_u32(hex(&bytes[3..3 + close])?)?))
        }
        b'u' => {
            let high = hex(bytes.get(2..6)?)?;
            if !(0xd800..0xdc00).contains(&high) {
                return unit(6, char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            let low = match bytes.get(6..12) {
                Some([b'\\', b'u', rest @ ..]) => hex(rest).filter(|c| (0xdc00..0xe000).contains(c)),
                _ => None,
            };
            match low {
                Some(low) => {
                    let c = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    unit(12, char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER))
                }
                None => unit(6, char::REPLACEMENT_CHARACTER),
            }
        }
        _ => None,
    }
}

/// A percent-coded character, of one byte or of several.
fn percent(bytes: &[u8]) -> Option<Unit> {
    let byte = |i: usize| match bytes.get(i..i + 3)? {
        [b'%', code @ ..] => hex(code).map(|c| c as u8),
        _ => None,
    };
    let lead = byte(0)?;
    if lead < 0x20 && !matches!(lead, b'\n' | b'\r' | b'\t') {
        return None;
    }
    let mut buffer = [lead, 0, 0, 0];
    let len = utf8_len(lead);
    for (i, slot) in buffer.iter_mut().enumerate().take(len).skip(1) {
        *slot = byte(i * 3)?;
    }
    let c = std::str::from_utf8(&buffer[..len]).ok()?.chars().next()?;
    Some(Unit { len: len * 3, value: Some(c) })
}

/// An HTML or XML character reference.
fn entity(text: &str) -> Option<Unit> {
    const NAMED: [(&str, char); 14] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", ' '),
        ("commat", '@'),
        ("period", '.'),
        ("lowbar", '_'),
        ("plus", '+'),
        ("hyphen", '-'),
        ("dash", '-'),
        ("colon", ':'),
        ("sol", '/'),
    ];
    let bytes = text.as_bytes();
    let end = memchr(b';', &bytes[..bytes.len().min(10)])?;
    let name = text.get(1..end)?;
    let value = match name.strip_prefix('#') {
        Some(code) => {
            let number = match code.strip_prefix(['x', 'X']) {
                Some(digits) => hex(digits.as_bytes())?,
                None => code.parse().ok()?,
            };
            char::from_u32(number)?
        }
        None => NAMED.iter().find(|(known, _)| *known == name)?.1,
    };
    Some(Unit { len: end + 1, value: Some(value) })
}

/// Zero-width characters vanish; fullwidth forms, odd dashes and odd spaces become ASCII.
fn fold(text: &str) -> Option<Unit> {
    let c = text.chars().next()?;
    let value = match c {
        '\u{200b}'..='\u{200f}'
        | '\u{2060}'..='\u{2064}'
        | '\u{feff}'
        | '\u{ad}'
        | '\u{180e}'
        | '\u{202a}'..='\u{202e}' => None,
        _ => Some(folded(c)),
    };
    (value != Some(c)).then_some(Unit { len: c.len_utf8(), value })
}

fn folded(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{2043}' => '-',
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        '\u{3002}' | '\u{ff61}' | '\u{2024}' => '.',
        '\u{fe6b}' => '@',
        '\u{660}'..='\u{669}' => ascii_digit(c, 0x660),
        '\u{6f0}'..='\u{6f9}' => ascii_digit(c, 0x6f0),
        '\u{966}'..='\u{96f}' => ascii_digit(c, 0x966),
        '\u{1d7ce}'..='\u{1d7ff}' => char::from(b'0' + ((c as u32 - 0x1_d7ce) % 10) as u8),
        _ => c,
    }
}

fn ascii_digit(c: char, zero: u32) -> char {
    char::from(b'0' + (c as u32 - zero) as u8)
}

fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 6 {
        return None;
    }
    digits.iter().try_fold(0, |value, &d| Some(value * 16 + char::from(d).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(original: &str, expect: &str) {
        let view = View::new(original);
        assert_eq!(view.text, expect, "view of {original:?}");
        for (start, c) in expect.char_indices() {
            let range = view.original(start..start + c.len_utf8());
            assert!(original.get(range.clone()).is_some(), "{range:?} splits a character of {original:?}");
        }
    }

    #[test]
    fn every_encoding_becomes_readable() {
        check("plain text", "plain text");
        check(r#"{\"to\": \"a\\nb\"}"#, "{\"to\": \"a\nb\"}");
        check(r"jane\u0040example.com", "jane@example.com");
        check(r"\ud83d\ude00 x", "\u{1f600} x");
        check(r"\ud83d x", "\u{fffd} x");
        check("a%40b.com%2Fc", "a@b.com/c");
        check("Jos%C3%A9", "José");
        check("100% sure %zz", "100% sure %zz");
        check("a&#64;b&period;com &amp;amp; &unknown;", "a@b.com & &unknown;");
        check("4111\u{200b}1111", "41111111");
        check("ｊａｎｅ＠ｘ．ｃｏｍ", "jane@x.com");
        check("555–1234", "555-1234");
        check("C:\\dir\\", "C:\\dir\\");
    }

    #[test]
    fn a_range_maps_to_the_bytes_it_came_from() {
        let original = r#"{"arguments": "{\"mail\": \"jane\\u0040x.com\"}"}"#;
        let view = View::new(original);
        let start = view.text.find("jane").unwrap();
        let range = view.original(start..start + "jane@x.com".len());
        assert_eq!(&original[range], r"jane\\u0040x.com");
    }
}
