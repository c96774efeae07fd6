//! One pass over one text: follows the triggers, keeps track of the field whose value is being read, lets the
//! recognizers look, and settles which of overlapping findings stand.

use std::borrow::Cow;
use std::ops::Range;

use crate::assignment::{self, FieldValueRange, MAX_VALUE, trimmed};
use crate::context::{Class, Mentions};
use crate::custom::Custom;
use crate::entity::{EntityType, Finding};
use crate::field::{self, Field};
use crate::formats::{self, Candidate};
use crate::recognizers::{
    address, bank, card, crypto, email, ip, log_line, name_again, name_field, person, secret, spelled_email, url,
    username,
};
use crate::settle::{normalize, settle};
use crate::table;
use crate::triggers::{Signs, Trigger};
use crate::view::View;

/// What a recognizer adds.
pub(crate) struct Found {
    pub(crate) range: Range<usize>,
    pub(crate) entity: EntityType,
    pub(crate) recognizer: Cow<'static, str>,
    pub(crate) confidence: u8,
    /// The value as it would be written plainly, where that is not what the text says.
    pub(crate) value: Option<String>,
}

/// The value of a field, as found behind its key.
#[derive(Debug, Clone)]
pub(crate) struct FieldValue {
    pub(crate) field: Field,
    pub(crate) range: Range<usize>,
    /// Whether the value stood in quotes.
    pub(crate) quoted: bool,
}

/// The state of a pass.
pub(crate) struct Scan<'t> {
    pub(crate) text: &'t str,
    pub(crate) mentions: Mentions,
    /// The masks of the text, if only what stands close to them was read.
    read_around: Option<Vec<Range<usize>>>,
    /// The field that encloses the whole text, if the text is its value.
    enclosing: Option<Field>,
    current: Option<FieldValue>,
    /// Whether the text is one word or number and nothing else.
    alone: bool,
    pub(crate) found: Vec<Found>,
    /// Everything before this offset is taken by a recognizer that reads whole stretches.
    pub(crate) names_read: usize,
    tokens_read: usize,
    /// As `names_read`, for addresses with colons, URLs, cookies, private keys, commands and SQL: each stretch is read once.
    pub(crate) colons_read: usize,
    pub(crate) urls_read: usize,
    pub(crate) cookies_read: usize,
    pub(crate) keys_read: usize,
    pub(crate) commands_read: usize,
    pub(crate) inserts_read: usize,
    /// The last line of a private key that was found last, and up to where none was.
    pub(crate) key_end: Option<usize>,
    pub(crate) key_ends_read: usize,
}

/// Longest text that is taken for one answer, in bytes.
const MAX_ALONE: usize = 48;
/// Nested encodings (Base64, hexadecimal) that are opened.
const MAX_NESTING: usize = 2;

/// What the whole text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Whole {
    /// A text of its own. A number that is all of it may answer a question, so that no word need name it.
    #[default]
    Text,
    /// A value or a key of an object that says nothing of it: a number there is only a number.
    Leaf,
    /// The value of a field.
    Of(Field),
}

impl Whole {
    fn field(self) -> Option<Field> {
        match self {
            Self::Of(field) => Some(field),
            Self::Text | Self::Leaf => None,
        }
    }
}

/// How much of a text is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stretch {
    Whole,
    /// What stands beside the masks: all else is as it was when they were put there.
    AroundMasks,
}

/// The findings in `text` of the types that are `wanted`, in order and without overlap. `masks` tells the masks of an
/// earlier pass in a text: they say nothing of what stands beside them.
pub(crate) fn find_in(
    text: &str,
    whole: Whole,
    custom: &[Custom],
    masks: impl Fn(&str) -> Vec<Range<usize>>,
    stretch: Stretch,
    wanted: impl Fn(&EntityType) -> bool,
) -> Vec<Finding> {
    let view = View::new(text);
    let masks = masks(&view.text);
    let signs = match stretch {
        Stretch::Whole => Signs::of(&view.text, &masks),
        Stretch::AroundMasks => Signs::around(&view.text, &masks),
    };
    let mut found = scan(&view.text, signs, whole, 0);
    for recognizer in custom {
        found.append(&mut recognizer.find(&view.text));
    }
    if found.is_empty() {
        return Vec::new();
    }
    let found = settle(found, &view.text).into_iter().filter(|found| wanted(&found.entity));
    let findings = found.map(|found| {
        let normalized = normalize(found.value.as_deref().unwrap_or(&view.text[found.range.clone()]), &found.entity);
        Finding {
            range: view.original(found.range),
            entity: found.entity,
            recognizer: found.recognizer,
            confidence: found.confidence,
            normalized,
        }
    });
    findings.collect()
}

/// Builds what every scan needs, by a scan that meets all of it.
pub(crate) fn prepare() {
    let text = "My name is Ann Lee, key: 1234567, token=ghp_0123456789abcdef0123";
    scan(text, Signs::of(text, &[]), Whole::Text, 0);
}

/// Adds mentions of `names` that no finding covers yet.
pub(crate) fn add_names(text: &str, names: &[&str], findings: &mut Vec<Finding>) {
    let covered = findings.len();
    for range in name_again::mentions(text, names) {
        let next = findings[..covered].partition_point(|finding| finding.range.end <= range.start);
        if next == covered || findings[next].range.start >= range.end {
            let normalized = normalize(&text[range.clone()], &EntityType::Person);
            findings.push(Finding {
                range,
                entity: EntityType::Person,
                recognizer: "name-again".into(),
                confidence: formats::ALONE,
                normalized,
            });
        }
    }
    findings.sort_by_key(|finding| finding.range.start);
}

/// One pass over the readable text, nested encodings included.
pub(crate) fn scan(text: &str, signs: Signs, whole: Whole, nesting: usize) -> Vec<Found> {
    let trimmed = text.trim();
    let Signs { triggers, mentions, keywords, values, read_around } = signs;
    let mut scan = Scan {
        text,
        mentions,
        read_around,
        enclosing: whole.field(),
        current: None,
        alone: whole == Whole::Text && trimmed.len() <= MAX_ALONE && !trimmed.contains('\n'),
        found: Vec::new(),
        names_read: 0,
        tokens_read: 0,
        colons_read: 0,
        urls_read: 0,
        cookies_read: 0,
        keys_read: 0,
        commands_read: 0,
        inserts_read: 0,
        key_end: None,
        key_ends_read: 0,
    };
    if let Whole::Of(field) = whole {
        scan.current = Some(FieldValue { field, range: 0..text.len(), quoted: true });
        scan.read_field();
    }
    secret::keywords(&mut scan, &keywords, &values);
    for (trigger, at) in triggers {
        scan.follow(trigger, at as usize, nesting);
    }
    scan.follow_mentions();
    table::read(&mut scan);
    log_line::beside_addresses(&mut scan);
    log_line::in_domains(&mut scan);
    username::beside_people(&mut scan);
    person::beside_emails(&mut scan);
    name_again::propagate(&mut scan);
    scan.found
}

impl<'t> Scan<'t> {
    /// Adds a finding whose value is what the text says.
    pub(crate) fn push(&mut self, range: Range<usize>, entity: EntityType, recognizer: &'static str, confidence: u8) {
        self.add(Found { range, entity, recognizer: recognizer.into(), confidence, value: None });
    }

    /// Adds a finding whose plain value is `value`.
    pub(crate) fn push_as(
        &mut self,
        range: Range<usize>,
        entity: EntityType,
        recognizer: &'static str,
        confidence: u8,
        value: String,
    ) {
        self.add(Found { range, entity, recognizer: recognizer.into(), confidence, value: Some(value) });
    }

    /// Whether a word of `class` stands anywhere in the text, be it read or not.
    pub(crate) fn talks_of(&mut self, class: Class) -> bool {
        if let Some(masks) = self.read_around.take()
            && !self.mentions.any(class)
        {
            self.mentions.note_classes(&Signs::of(self.text, &masks).mentions);
        }
        self.mentions.any(class)
    }

    fn add(&mut self, found: Found) {
        if found.range.start < found.range.end {
            self.found.push(found);
        }
    }

    fn follow(&mut self, trigger: Trigger, at: usize, nesting: usize) {
        match trigger {
            Trigger::At => email::around(self, at),
            Trigger::Digit => {
                card::spaced(self, at);
                self.tokens_from_digit(at);
            }
            Trigger::Colon => ip::v6(self, at),
            Trigger::Assign => self.assignment(at),
            Trigger::Tag => self.element(at),
            Trigger::Scheme => {
                let end = at + 1;
                let inside = end < self.urls_read;
                url::around(self, end - 3);
                // A URL in the query of a URL is read; one in its credentials is a trick to be read again and again.
                if !inside || self.text[..end - 3].ends_with("http") || self.text[..end - 3].ends_with("https") {
                    secret::in_url(self, end);
                }
            }
            Trigger::Capital => person::at(self, at),
            Trigger::LongToken => self.long_token(at, nesting),
        }
    }

    fn follow_mentions(&mut self) {
        let special = Class::SPELLED_AT
            .or(Class::USERNAME)
            .or(Class::PASSWORD)
            .or(Class::STREET)
            .or(Class::POST_BOX)
            .or(Class::UNIT);
        if !self.mentions.any(special) {
            return;
        }
        for number in 0..self.mentions.len() {
            let mention = self.mentions.get(number);
            if mention.class.meets(Class::SPELLED_AT) {
                spelled_email::around(self, mention);
            }
            if mention.class.meets(Class::USERNAME) {
                username::after(self, mention);
            }
            if mention.class.meets(Class::PASSWORD) {
                secret::told(self, mention);
            }
            if mention.class.meets(Class::STREET.or(Class::POST_BOX)) {
                address::around(self, mention);
            }
            if mention.class.meets(Class::UNIT) {
                address::with_unit(self, mention);
            }
        }
    }

    /// Tries the formats at every place before the digit at `digit` where a token may begin.
    fn tokens_from_digit(&mut self, digit: usize) {
        const MAX_LETTERS: usize = 6;
        let bytes = self.text.as_bytes();
        let letters = bytes[..digit].iter().rev().take(MAX_LETTERS + 1).take_while(|b| b.is_ascii_alphabetic()).count();
        let mut start = digit - letters;
        let glued = |at: usize| at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        if letters <= MAX_LETTERS && !glued(start) {
            self.formats_at(start);
        }
        // `+49`, `(030)`, `(+49`.
        let signs = bytes[..digit].iter().rev().take(2).take_while(|b| matches!(b, b'+' | b'(' | b' ')).count();
        for back in 1..=signs {
            if bytes[digit - back] != b' ' {
                self.formats_at(digit - back);
            }
        }
        // `be:ef:0a:…`: the pairs before the first digit hold letters only.
        let pair = |end: usize| {
            end >= 3
                && matches!(bytes[end - 1], b':' | b'-')
                && bytes[end - 3..end - 1].iter().all(|b| (*b | 0x20).is_ascii_hexdigit())
        };
        let first = digit - letters;
        let pairs = (0..5).take_while(|n| first >= 3 * n && pair(first - 3 * n)).count();
        if pairs > 0 && !glued(first - 3 * pairs) {
            self.formats_at(first - 3 * pairs);
        }
        // `HRB 12345`, `HH-AB-1234`, `ABC 123456`: the letters stand apart.
        for _ in 0..2 {
            if start == 0 || !matches!(bytes[start - 1], b' ' | b'-' | b'.') {
                break;
            }
            let word = bytes[..start - 1].iter().rev().take(5).take_while(|b| b.is_ascii_alphabetic()).count();
            if !(1..=4).contains(&word) || glued(start - 1 - word) {
                break;
            }
            start = start - 1 - word;
            self.formats_at(start);
        }
    }

    fn formats_at(&mut self, start: usize) {
        // `529.982.247`, `2024-05-18`: the middle of a longer number is not the beginning of another.
        if let Some([before, sign]) = start.checked_sub(2).map(|at| &self.text.as_bytes()[at..start])
            && before.is_ascii_digit()
            && matches!(sign, b'.' | b'-')
        {
            return;
        }
        let Scan { text, mentions, current, found, alone, enclosing, .. } = self;
        let inside =
            current.as_ref().filter(|value| value.range.contains(&start)).map(|value| value.field).or(*enclosing);
        let begins = *alone && text[..start].trim_start().is_empty();
        formats::matches_at(text.as_bytes(), start, |end, digits, formats| {
            let range = start..end;
            let alone = begins && text[end..].trim_end().is_empty();
            let candidate = Candidate { text, range: range.clone(), digits, mentions, field: inside, alone };
            for format in formats {
                if let Some(confidence) = (format.judge)(&candidate) {
                    found.push(Found {
                        range: range.clone(),
                        entity: format.entity.clone(),
                        recognizer: format.name.into(),
                        confidence,
                        value: None,
                    });
                }
            }
        });
    }

    /// Reads the key before the `:` or `=` at `sign` and the value behind it.
    fn assignment(&mut self, sign: usize) {
        const MAX_LISTED: usize = 16;
        let Some((key, value)) = assignment::read(self.text, sign) else { return };
        let listed =
            value.quoted && value.range.start > sign + 1 && self.text[sign + 1..value.range.start].contains('[');
        let mut end = value.range.end;
        self.note_field(key, value);
        if listed && self.current.is_some() {
            for _ in 0..MAX_LISTED {
                let Some(value) = assignment::next_in_list(self.text, end) else { break };
                end = value.range.end;
                self.note_field(key, value);
            }
        }
    }

    /// Reads the value of the element whose tag closes at `close`.
    fn element(&mut self, close: usize) {
        const MAX_TAG: usize = 160;
        let bytes = self.text.as_bytes();
        let low = close.saturating_sub(MAX_TAG);
        let Some(open) = bytes[low..close].iter().rposition(|b| matches!(b, b'<' | b'>')).map(|i| low + i) else {
            return;
        };
        if bytes[open] != b'<' || !bytes[open + 1].is_ascii_alphabetic() {
            return;
        }
        let name = bytes[open + 1..close]
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':'))
            .count();
        let Some(key) = self.text.get(open + 1..open + 1 + name) else { return };
        let rest = &bytes[close + 1..bytes.len().min(close + 1 + MAX_VALUE)];
        let Some(length) = memchr::memchr(b'<', rest) else { return };
        let value = trimmed(self.text, close + 1..close + 1 + length);
        self.note_field(key, FieldValueRange { range: value, quoted: true });
    }

    fn note_field(&mut self, key: &str, value: FieldValueRange) {
        let Some(field) = field::of(key) else {
            // An unknown key ends what an earlier one said of the same stretch only if it stands outside of it.
            if self.current.as_ref().is_some_and(|current| !current.range.contains(&value.range.start)) {
                self.current = None;
            }
            return;
        };
        self.current = Some(FieldValue { field, range: value.range, quoted: value.quoted });
        self.read_field();
    }

    fn read_field(&mut self) {
        let Some(value) = self.current.clone() else { return };
        username::field(self, &value);
        name_field::field(self, &value);
        address::field(self, &value);
        bank::field(self, &value);
        secret::field(self, &value);
        if value.field == Field::Birth && value.range.len() <= 32 {
            self.push(value.range, EntityType::DateTime, "birth-field", formats::NAMED);
        }
    }

    /// Reads a cell of a table as the value of its column's field.
    pub(crate) fn read_cell(&mut self, value: FieldValue) {
        let range = value.range.clone();
        self.current = Some(value);
        self.read_field();
        let bytes = self.text.as_bytes();
        for i in range {
            if bytes[i].is_ascii_digit() && (i == 0 || !bytes[i - 1].is_ascii_digit()) {
                self.tokens_from_digit(i);
            }
        }
        self.current = None;
    }

    /// Looks at a run of twenty or more letters, digits and Base64 signs from `start`.
    fn long_token(&mut self, start: usize, nesting: usize) {
        if start < self.tokens_read {
            return;
        }
        let bytes = self.text.as_bytes();
        let run = bytes[start..]
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'_' | b'-'))
            .count();
        self.tokens_read = start + run;
        let plain = bytes[start..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        crypto::token(self, start, start + plain);
        if nesting < MAX_NESTING {
            let padding = bytes[start + run..].iter().take(2).take_while(|b| **b == b'=').count();
            crate::nested::open(self, start..start + run + padding, nesting);
        }
    }
}
