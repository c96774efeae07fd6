//! Names of people: values of name fields, capitalized words that the gazetteer knows or that an introduction ("my name
//! is", "Dear") announces, and every further mention of a name once found. Latin, Greek and Cyrillic capitals only.

use std::ops::Range;

use crate::context::Class;
use crate::entity::EntityType::Person;
use crate::field::Field;
use crate::formats::{ALONE, NAMED, SHAPED};
use crate::names::{self, Known};
use crate::recognizers::address;
use crate::scan::{FieldValue, Scan};

/// Most words of one name.
const MAX_WORDS: usize = 6;
/// Longest value that is taken for a name, in bytes.
const MAX_NAME: usize = 80;
/// Most names that are looked for again.
const MAX_PROPAGATED: usize = 64;

const PARTICLES: [&str; 27] = [
    "van", "von", "de", "der", "den", "del", "della", "di", "da", "dos", "du", "la", "le", "el", "al", "bin", "ibn",
    "ben", "ter", "zu", "af", "av", "y", "e", "das", "do", "van't",
];

/// Words that organizations, places and things have in their names and people do not.
pub(crate) const NOT_A_NAME: [&str; 40] = [
    "inc",
    "ltd",
    "llc",
    "corp",
    "gmbh",
    "company",
    "group",
    "team",
    "service",
    "services",
    "server",
    "api",
    "plan",
    "bank",
    "university",
    "school",
    "hospital",
    "hotel",
    "airlines",
    "systems",
    "software",
    "technologies",
    "solutions",
    "department",
    "office",
    "agent",
    "assistant",
    "bot",
    "model",
    "street",
    "road",
    "avenue",
    "club",
    "orchestra",
    "foundation",
    "institute",
    "algorithm",
    "theorem",
    "method",
    "store",
];

#[derive(Default)]
struct Word {
    range: Range<usize>,
    known: Known,
    initial: bool,
}

impl Word {
    fn is_first(&self) -> bool {
        self.known.first && !self.known.ordinary
    }

    fn may_be_name(&self) -> bool {
        self.initial || !self.known.ordinary || self.known.last || self.known.first
    }
}

/// Reads the run of capitalized words that begins at `start`.
pub(crate) fn at(scan: &mut Scan<'_>, start: usize) {
    if start < scan.names_read {
        return;
    }
    let run = run_of_capitals(scan.text, start);
    let words = run.words();
    let Some(last) = words.last() else { return };
    scan.names_read = last.range.end;
    let mut after = scan.text.as_bytes()[last.range.end..].iter().skip_while(|b| matches!(b, b'.' | b','));
    if after.next() == Some(&b' ') && after.next().is_some_and(u8::is_ascii_digit) {
        read_streets(scan, words);
    }
    if let Some((range, score)) = judge(scan, words) {
        scan.push(range, Person, "name", score);
    }
}

fn read_streets(scan: &mut Scan<'_>, words: &[Word]) {
    let first = words[0].range.start;
    let head = scan.text[..first].trim_end_matches([' ', '.']);
    let before = head.bytes().rev().take(8).take_while(u8::is_ascii_lowercase).count();
    if before > 0 {
        let start = head.len() - before;
        address::foreign_street(scan, start, head.len());
    }
    for word in words {
        address::foreign_street(scan, word.range.start, word.range.end);
    }
}

/// The words of one run, in place: there is a run at every capital.
#[derive(Default)]
struct Run {
    words: [Word; MAX_WORDS],
    length: usize,
}

impl Run {
    fn words(&self) -> &[Word] {
        &self.words[..self.length]
    }
}

/// Capitalized words one blank apart, initials and particles between them included.
fn run_of_capitals(text: &str, start: usize) -> Run {
    let mut run = Run::default();
    let mut at = start;
    while run.length < MAX_WORDS {
        let end = word_end(text, at);
        let value = &text[at..end];
        if end == at || !value.starts_with(char::is_uppercase) {
            break;
        }
        if is_contraction(value) {
            break;
        }
        let initial = value.chars().nth(1).is_none();
        let known = if initial { Known::default() } else { names::known(value) };
        run.words[run.length] = Word { range: at..end, known, initial };
        run.length += 1;
        let mut rest = &text[end..];
        if initial {
            rest = rest.strip_prefix('.').unwrap_or(rest);
        }
        let Some(next) = rest.strip_prefix(' ') else { break };
        at = text.len() - next.len();
        // `van der Dussen`: up to three particles before the next capital.
        for _ in 0..3 {
            let Some(particle) = particle_at(text, at) else { break };
            at += particle + 1;
        }
    }
    run
}

/// Length of the particle at `at`, if one stands there and a blank behind it.
fn particle_at(text: &str, at: usize) -> Option<usize> {
    const LONGEST: usize = 5;
    let rest = &text.as_bytes()[at..];
    if !rest.first()?.is_ascii_lowercase() {
        return None;
    }
    let length = rest.iter().take(LONGEST + 1).position(|b| *b == b' ')?;
    PARTICLES.iter().any(|particle| particle.as_bytes() == &rest[..length]).then_some(length)
}

/// `I'm`, `Let's`, `We'll`.
fn is_contraction(word: &str) -> bool {
    matches!(
        word.as_bytes(),
        [.., b'\'', b'm' | b'd' | b't' | b's'] | [.., b'\'', b'l', b'l'] | [.., b'\'', b'v' | b'r', b'e']
    )
}

fn word_end(text: &str, at: usize) -> usize {
    let rest = &text.as_bytes()[at..];
    let letters = |from: usize| rest[from..].iter().take(MAX_NAME).take_while(|b| b.is_ascii_alphabetic()).count();
    let mut length = letters(0);
    while length > 0 && length < MAX_NAME && matches!(rest.get(length), Some(b'\'' | b'-')) {
        length += 1 + letters(length + 1);
    }
    if rest.get(length).is_some_and(|b| *b >= 0x80) {
        let part = |(i, c): &(usize, char)| c.is_alphabetic() || (matches!(c, '\'' | '-') && *i > 0);
        length = text[at..].char_indices().take_while(part).last().map_or(0, |(i, c)| i + c.len_utf8());
    }
    let value = text[at..at + length].trim_end_matches(['\'', '-']);
    // A possessive is not part of the name.
    at + value.strip_suffix("'s").unwrap_or(value).len()
}

/// Which of the words are a name, and how surely.
fn judge(scan: &Scan<'_>, words: &[Word]) -> Option<(Range<usize>, u8)> {
    let text = scan.text;
    // `Service.java`, `main.rs`, `fooBar`, `ALL_CAPS`, `Foo(`: code.
    let last = words.last()?;
    let after = text.as_bytes().get(last.range.end).copied().unwrap_or(b' ');
    if matches!(after, b'_' | b'(' | b'/' | b'=' | b'@' | b'[' | b'{' | b'\\') || after.is_ascii_digit() {
        return None;
    }
    if matches!(after, b'.' | b':')
        && text.as_bytes().get(last.range.end + 1).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b':')
    {
        return None;
    }
    let given = words.iter().position(|word| {
        word.known.first
            && (word.is_first() || word.range.start == words[0].range.start || introduced_at(scan, word.range.start))
    });
    if let Some(given) = given {
        // An unknown word before a known given name is a given name too.
        let unknown = words[..given].iter().rev().take_while(|word| !word.known.ordinary && !word.initial).count();
        if let Some(found) = from_given_name(scan, &words[given - unknown..], unknown) {
            return Some(found);
        }
    }
    let skipped = words.iter().take_while(|word| word.known.ordinary && !word.known.last && !word.known.first).count();
    let rest = &words[skipped..];
    let lead = rest.first()?;
    let introduced = introduced_at(scan, lead.range.start);
    let people = rest.iter().take(4).take_while(|word| word.may_be_name() && !word.known.thing).count();
    let range = |n: usize| lead.range.start..rest[n - 1].range.end;
    if people == 0 {
        return None;
    }
    let upper = text[lead.range.clone()].chars().filter(|c| c.is_uppercase()).nth(2).is_some();
    if upper && people < 2 || people < rest.len() && rest[people].known.thing {
        return None;
    }
    let family = rest[..people].iter().skip(1).any(|word| word.known.last && !word.known.ordinary);
    match (introduced, people) {
        (true, 1) if lead.known.ordinary => None,
        (true, _) => Some((range(people), SHAPED - 5)),
        (false, 2..=3) if family && !lead.known.ordinary && !upper => Some((range(people), ALONE - 5)),
        _ => None,
    }
}

/// Judges words that begin with a given name, or with some unknown ones before it.
fn from_given_name(scan: &Scan<'_>, words: &[Word], unknown: usize) -> Option<(Range<usize>, u8)> {
    let text = scan.text;
    let lead = &words[0];
    let mut end = 1;
    while end < words.len().min(5) && words[end].may_be_name() && !words[end].known.thing {
        end += 1;
    }
    while end > 1 && words[end - 1].known.ordinary && !words[end - 1].known.last && !words[end - 1].known.first {
        end -= 1;
    }
    if end < words.len() && words[end].known.thing {
        return None;
    }
    let range = lead.range.start..words[end - 1].range.end;
    let introduced = introduced_at(scan, lead.range.start);
    let family = words[1..end].iter().any(|word| word.known.last || (word.known.first && !word.known.ordinary));
    // Three or four capitals alone are a code: an airport, a currency, an abbreviation.
    let code = lead.range.len() <= 4 && text[lead.range.clone()].bytes().all(|b| b.is_ascii_uppercase());
    if code && end == 1 {
        return None;
    }
    match (lead.is_first() || unknown > 0, end) {
        (true, 2..) => Some((range, ALONE + 3)),
        (true, _) => Some((range, if introduced { ALONE } else { ALONE - 8 })),
        (false, 2..) if family || introduced => Some((range, ALONE - 3)),
        (false, _) if introduced && lead.range.len() > 2 => Some((range, ALONE - 8)),
        _ => None,
    }
}

/// Whether "my name is", "Dear", "Mrs" or the like stands right before `at`.
fn introduced_at(scan: &Scan<'_>, at: usize) -> bool {
    scan.mentions.before(Class::NAMING, at, 3).is_some_and(|mention| {
        scan.text[mention.end..at].bytes().all(|b| b" .:,'\"*\t\n\r".contains(&b)) && mention.end < at
    })
}

/// The value of a field that holds a name or may hold one.
pub(crate) fn field(scan: &mut Scan<'_>, value: &FieldValue) {
    let text = &scan.text[value.range.clone()];
    let named = matches!(value.field, Field::FirstName | Field::LastName | Field::FullName | Field::Name | Field::Role);
    if !named || !(2..=MAX_NAME).contains(&text.len()) {
        return;
    }
    let written_like_a_name =
        text.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '\'' | '-' | '.' | ',' | '’'))
            && text.split(' ').count() <= MAX_WORDS;
    if !written_like_a_name || is_no_value(text) {
        return;
    }
    let (fits, score) = match value.field {
        Field::FirstName | Field::LastName => (value.quoted || is_capitalized(text), NAMED + 3),
        Field::FullName => (value.quoted || is_capitalized(text), NAMED),
        Field::Name | Field::Role => (looks_like_a_name(text, value.quoted), NAMED - 5),
        _ => return,
    };
    if fits {
        scan.push(value.range.clone(), Person, "name-field", score);
    }
}

fn is_no_value(text: &str) -> bool {
    [
        "null",
        "none",
        "true",
        "false",
        "string",
        "unknown",
        "undefined",
        "n/a",
        "nan",
        "test",
        "name",
        "anonymous",
        "guest",
        "admin",
        "user",
    ]
    .iter()
    .any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether every word but particles begins with a capital.
pub(crate) fn is_capitalized(text: &str) -> bool {
    text.split([' ', ',']).filter(|word| !word.is_empty()).all(|word| {
        let first = word.chars().next().unwrap_or(' ');
        first.is_uppercase() || first.is_ascii_digit() || PARTICLES.contains(&word) || word.len() <= 3
    }) && text.chars().any(char::is_uppercase)
}

fn looks_like_a_name(text: &str, quoted: bool) -> bool {
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let known: Vec<Known> = words.iter().map(|word| names::known(word)).collect();
    let ordinary = known.iter().filter(|known| known.ordinary && !known.first && !known.last).count();
    if known.iter().any(|known| known.thing) || !is_capitalized(text) {
        return false;
    }
    match words.len() {
        1 => known[0].first && !known[0].ordinary,
        2..=5 => ordinary == 0 && (quoted || known.iter().any(|known| known.first || known.last)),
        _ => false,
    }
}

/// Finds further mentions of the names found so far.
pub(crate) fn propagate(scan: &mut Scan<'_>) {
    let names =
        spread(scan.found.iter().filter(|found| found.entity == Person).map(|found| &scan.text[found.range.clone()]));
    for range in mentions(scan.text, &names) {
        scan.push(range, Person, "name-again", ALONE - 9);
    }
}

/// The names, and their words that are hardly anything else, that are worth looking for elsewhere.
pub(crate) fn spread<'n>(found: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in found {
        let words = name.split([' ', ',']).filter(|word| {
            let known = names::known(word);
            word.chars().count() >= 3 && word.starts_with(char::is_uppercase) && !known.ordinary
        });
        for word in words.chain(name.contains(' ').then_some(name)) {
            if names.len() < MAX_PROPAGATED && !names.iter().any(|known| known == word) {
                names.push(word.to_owned());
            }
        }
    }
    names
}

/// Every whole-word mention of `names`, none inside of another.
pub(crate) fn mentions(text: &str, names: &[String]) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let inside = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b >= 0x80);
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for name in names {
        for start in memchr::memmem::find_iter(bytes, name.as_bytes()) {
            let end = start + name.len();
            let before = start.checked_sub(1).and_then(|i| bytes.get(i));
            if !inside(before) && !inside(bytes.get(end)) && bytes.get(end) != Some(&b'@') {
                ranges.push(start..end);
            }
        }
    }
    ranges.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
    let mut end = 0;
    ranges.retain(|range| {
        let free = range.start >= end;
        if free {
            end = range.end;
        }
        free
    });
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn names() {
        check(
            Person,
            &[
                ("Hi, I'm Kevin Duffy. My order", &["Kevin Duffy"]),
                ("Thanks Kevin, I found it", &["Kevin"]),
                ("Best,\nMohammad van der Dussen", &["Mohammad van der Dussen"]),
                ("My name is Qwilfrid Zborok.", &["Qwilfrid Zborok"]),
                (r#"{"first_name": "yara", "last_name": "Qo"}"#, &["yara", "Qo"]),
                (r#"{"name": "create_ticket"}"#, &[]),
                (r#"{"name": "Premium Plan"}"#, &[]),
                ("According to Dijkstra's algorithm; see Bellman-Ford and Jenkins.", &[]),
                ("Mrs. Zborok called. Then Zborok left.", &["Zborok", "Zborok"]),
                ("The Gold Member, May 24", &[]),
            ],
        );
    }
}
