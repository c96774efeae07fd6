//! The first pass: one walk over the bytes that notes the signs (`@`, `://`, a digit, a capital) where a recognizer must
//! look, and the words of the lexicon. Finds places only; a place is cheap, and most lead to nothing.

use std::ops::Range;

use crate::context::{Class, Mention, Mentions};
use crate::lexicon::{LEXICON, Lexicon, Run};
use crate::recognizers::secret::Keyword;

/// A sign, named after what it may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// An `@`.
    At,
    /// The first digit of a run of digits.
    Digit,
    /// The second colon of a sixth-version address or of its `::`.
    Colon,
    /// A `:` or `=` after a key.
    Assign,
    /// The end of the tag of an element.
    Tag,
    /// The last byte of `://`.
    Scheme,
    /// A capital at the beginning of a word, or the lead byte of one beyond ASCII.
    Capital,
    /// The beginning of a run of twenty or more letters, digits and signs of Base64.
    LongToken,
}

/// What the first pass found, in order.
#[derive(Default)]
pub(crate) struct Signs {
    /// The triggers and where they stand.
    pub(crate) triggers: Vec<(Trigger, u32)>,
    pub(crate) mentions: Mentions,
    /// The words of secrets and where they begin and end.
    pub(crate) keywords: Vec<(Keyword, usize, usize)>,
    /// The runs that are long and varied enough to hold a secret.
    pub(crate) values: Vec<Range<usize>>,
    /// The masks of the text, if only what stands close to them was read.
    pub(crate) read_around: Option<Vec<Range<usize>>>,
}

/// Shortest run that is a [`Trigger::LongToken`].
const LONG_TOKEN: usize = 20;
/// Shortest value of a secret, and its fewest digits if it is no long token.
const MIN_SECRET: usize = 10;
const MIN_SECRET_DIGITS: usize = 2;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Lower,
    Upper,
    Digit,
    /// A byte of a character beyond ASCII.
    High,
    /// A sign of Base64: a token goes on.
    Inner,
    /// A sign that a value may hold, but no token.
    Value,
    Other,
}

static KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'a'..=b'z' => Kind::Lower,
            b'A'..=b'Z' => Kind::Upper,
            b'0'..=b'9' => Kind::Digit,
            0x80.. => Kind::High,
            b'+' | b'/' | b'_' | b'-' => Kind::Inner,
            b'=' | b'.' | b'~' => Kind::Value,
            _ => Kind::Other,
        };
        byte += 1;
    }
    kinds
};

impl Signs {
    /// Reads `text`, which must be shorter than 4 GiB, but for the `masks` in it.
    pub(crate) fn of(text: &str, masks: &[Range<usize>]) -> Self {
        Self::read(text, between(text, masks))
    }

    /// Reads only what stands close to one of the `masks`, by whole words.
    pub(crate) fn around(text: &str, masks: &[Range<usize>]) -> Self {
        let bytes = text.as_bytes();
        let close = between(text, masks).flat_map(|gap| {
            // Behind the mask that the gap begins with, and before the one that it ends with.
            let head = gap.start..if gap.start > 0 { word_after(bytes, gap.start, gap.end) } else { gap.start };
            let tail = if gap.end < bytes.len() { word_before(bytes, gap.start, gap.end) } else { gap.end }..gap.end;
            match head.end < tail.start {
                true => [head, tail],
                false => [gap.clone(), gap.end..gap.end],
            }
        });
        let signs = Self::read(text, close.filter(|range| !range.is_empty()));
        Signs { read_around: Some(masks.to_vec()), ..signs }
    }

    fn read(text: &str, ranges: impl Iterator<Item = Range<usize>>) -> Self {
        let bytes = text.as_bytes();
        let signs = Signs {
            triggers: Vec::with_capacity(bytes.len() / 8 + 8),
            mentions: Mentions::for_length(bytes.len()),
            ..Signs::default()
        };
        let mut pass = Pass { bytes, lexicon: &LEXICON, signs, token: 0, value: 0, digits: 0 };
        ranges.for_each(|range| pass.read(range));
        pass.signs
    }
}

/// What stands before, between and behind the `masks`.
fn between<'m>(text: &str, masks: &'m [Range<usize>]) -> impl Iterator<Item = Range<usize>> + use<'m> {
    let starts = std::iter::once(0).chain(masks.iter().map(|mask| mask.end));
    let ends = masks.iter().map(|mask| mask.start).chain(std::iter::once(text.len()));
    starts.zip(ends).map(|(start, end)| start..end)
}

/// How far from a mask a value can stand that the mask laid bare: what a word says reaches less far.
const CLOSE: usize = 96;

/// The end of the word that goes on [`CLOSE`] bytes behind `from`, at most `limit`.
fn word_after(bytes: &[u8], from: usize, limit: usize) -> usize {
    let far = (from + CLOSE).min(limit);
    bytes[far..limit].iter().position(u8::is_ascii_whitespace).map_or(limit, |i| far + i)
}

/// The beginning of the word that stands [`CLOSE`] bytes before `from`, at least `limit`.
fn word_before(bytes: &[u8], limit: usize, from: usize) -> usize {
    let far = from.saturating_sub(CLOSE).max(limit);
    bytes[limit..far].iter().rposition(u8::is_ascii_whitespace).map_or(limit, |i| limit + i + 1)
}

struct Pass<'t> {
    bytes: &'t [u8],
    lexicon: &'static Lexicon,
    signs: Signs,
    /// Where the run of letters, digits and signs of Base64 began, and the run that may be a value.
    token: usize,
    value: usize,
    /// Digits of the value.
    digits: usize,
}

impl Pass<'_> {
    fn read(&mut self, range: Range<usize>) {
        (self.token, self.value) = (range.start, range.start);
        let mut at = range.start;
        while at < range.end {
            at = self.step(at);
        }
        self.end_token(range.end);
        self.end_value(range.end);
    }

    /// Reads the word, the number or the sign at `at`, and tells where it ends.
    fn step(&mut self, at: usize) -> usize {
        let byte = self.bytes[at];
        match KINDS[usize::from(byte)] {
            Kind::Lower | Kind::Upper => return self.letters(at),
            Kind::Digit => return self.number(at),
            Kind::Inner => {
                if byte == b'/' && self.bytes[..at].ends_with(b":/") {
                    self.push(Trigger::Scheme, at);
                }
            }
            Kind::Value => {
                self.end_token(at);
                if byte == b'=' {
                    self.assign(at);
                }
            }
            Kind::High => {
                self.end_token(at);
                self.end_value(at);
                if matches!(byte, 0xc3..=0xc9 | 0xcc..=0xd3) && self.opens_word(at) {
                    self.push(Trigger::Capital, at);
                }
                if self.lexicon.begins_with(byte) {
                    self.word(at);
                }
            }
            Kind::Other => {
                // A token is part of a value: most of both are too short.
                if at >= self.value + MIN_SECRET {
                    self.end_token(at);
                    self.end_value(at);
                }
                (self.token, self.value, self.digits) = (at + 1, at + 1, 0);
                if byte != b' ' {
                    self.sign(byte, at);
                }
            }
        }
        at + 1
    }

    fn push(&mut self, trigger: Trigger, at: usize) {
        self.signs.triggers.push((trigger, at as u32));
    }

    /// Whether neither a letter nor a digit stands before `at`.
    fn opens_word(&self, at: usize) -> bool {
        let before = at.checked_sub(1).map(|i| KINDS[usize::from(self.bytes[i])]);
        !matches!(before, Some(Kind::Lower | Kind::Upper | Kind::Digit | Kind::High))
    }

    fn letters(&mut self, start: usize) -> usize {
        let bytes = &self.bytes[start..];
        if bytes[0].is_ascii_uppercase() && self.opens_word(start) {
            self.push(Trigger::Capital, start);
        }
        let run = Run::of(bytes);
        if run.humps {
            self.word(start);
            // `phoneNumber`: words begin inside, too.
            for (i, pair) in bytes[..run.length].windows(2).enumerate() {
                if pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase() {
                    self.word(start + i + 1);
                }
            }
        } else if self.lexicon.may_hold(&run, bytes) {
            self.word(start);
        }
        start + run.length
    }

    fn number(&mut self, start: usize) -> usize {
        self.push(Trigger::Digit, start);
        let length = self.bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
        self.digits += length;
        start + length
    }

    fn sign(&mut self, byte: u8, at: usize) {
        match byte {
            b'@' => {
                self.push(Trigger::At, at);
                self.word(at);
            }
            b':' => {
                if ends_group(&self.bytes[..at]) {
                    self.push(Trigger::Colon, at);
                }
                self.assign(at);
            }
            b'>' if self.bytes[..at]
                .last()
                .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'"' | b'\'')) =>
            {
                self.push(Trigger::Tag, at);
            }
            _ => {}
        }
    }

    /// Notes the `:` or `=` at `at`, if what stands before it may end a key.
    fn assign(&mut self, at: usize) {
        let head = &self.bytes[..at];
        let blanks = head.iter().rev().take(2).take_while(|b| matches!(b, b' ' | b'\t')).count();
        let last = head[..at - blanks].last();
        if last.is_some_and(|b| {
            b.is_ascii_alphanumeric() || *b >= 0x80 || matches!(b, b'_' | b'"' | b'\'' | b'`' | b']' | b')' | b'}')
        }) {
            self.push(Trigger::Assign, at);
        }
    }

    /// Notes the words of the lexicon that begin at `at`.
    fn word(&mut self, at: usize) {
        let (bytes, lexicon) = (self.bytes, self.lexicon);
        let Signs { mentions, keywords, .. } = &mut self.signs;
        let mut longest: Option<(Range<usize>, Class)> = None;
        let mut longer = |range: Range<usize>, class| {
            if longest.as_ref().is_none_or(|(known, _)| known.len() < range.len()) {
                longest = Some((range, class));
            }
        };
        lexicon.words_at(&bytes[at..], |entry, length| {
            let end = at + length;
            if !entry.class.is_empty() && Mention::is_word(bytes, at, end) {
                longer(at..end, entry.class);
            }
            for (lead, class) in &entry.led {
                if bytes[..at].ends_with(lead.as_bytes()) {
                    longer(at - lead.len()..end, *class);
                }
            }
            for (lead, keyword) in &entry.keywords {
                if bytes[..at].ends_with(lead.as_bytes()) {
                    keywords.push((*keyword, at - lead.len(), end));
                }
            }
        });
        if let Some((range, class)) = longest
            && range.start >= mentions.end()
        {
            mentions.push(bytes, range, class);
        }
    }

    fn end_token(&mut self, end: usize) {
        if end >= self.token + LONG_TOKEN {
            self.push(Trigger::LongToken, self.token);
        }
        self.token = end + 1;
    }

    fn end_value(&mut self, end: usize) {
        let length = end.saturating_sub(self.value);
        if length >= MIN_SECRET {
            let varied = self.digits >= MIN_SECRET_DIGITS && !is_date(&self.bytes[self.value..end]);
            if length >= LONG_TOKEN || varied {
                self.signs.values.push(self.value..end);
            }
        }
        self.value = end + 1;
        self.digits = 0;
    }
}

/// Whether a value begins as a date does: most of the short ones are no more than that.
fn is_date(value: &[u8]) -> bool {
    matches!(value, [b'1' | b'2', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-', b'0' | b'1', b'0'..=b'9', b'-', ..])
}

/// Whether `head` ends as an address of the sixth version does before a colon: with a colon, or with a group of up to
/// four hexadecimal digits between a group and a colon.
fn ends_group(head: &[u8]) -> bool {
    let digits = head.iter().rev().take(5).take_while(|b| b.is_ascii_hexdigit()).count();
    match &head[..head.len() - digits] {
        [.., b':'] if digits == 0 => true,
        [.., group, b':'] => digits <= 4 && group.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(Trigger, u32)]) {
        assert_eq!(Signs::of(text, &[]).triggers, expect, "{text:?}");
    }

    #[test]
    fn signs_are_found_where_they_stand() {
        check("a@b", &[(Trigger::At, 1)]);
        check("12 3", &[(Trigger::Digit, 0), (Trigger::Digit, 3)]);
        check("k=v", &[(Trigger::Assign, 1)]);
        check("k \t:v", &[(Trigger::Assign, 3)]);
        check("= v", &[]);
        check("say Hi, Éa", &[(Trigger::Capital, 4), (Trigger::Capital, 8)]);
        check("x://y", &[(Trigger::Assign, 1), (Trigger::Scheme, 3)]);
        check("<b>", &[(Trigger::Tag, 2)]);
        check(
            "f:a0:1",
            &[
                (Trigger::Assign, 1),
                (Trigger::Digit, 3),
                (Trigger::Colon, 4),
                (Trigger::Assign, 4),
                (Trigger::Digit, 5),
            ],
        );
        check("g::", &[(Trigger::Assign, 1), (Trigger::Colon, 2)]);
        check("abcdefghij+abcdefghij!", &[(Trigger::LongToken, 0)]);
        check("abcdefghij.abcdefghij", &[]);
    }

    #[test]
    fn only_long_and_numbered_values_may_be_secrets() {
        let check = |text: &str, expect| assert_eq!(!Signs::of(text, &[]).values.is_empty(), expect, "{text}");
        check("the quarterly report of 2024", false);
        check("token: abc.def-12", true);
        check("id 8812 at 10:22", false);
        check("supercalifragilisticexpialidocious", true);
    }
}
