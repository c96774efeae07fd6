//! Names of people as values of fields: `"first_name": "…"`, `patient: Roe, Jane`.

use std::ops::Range;

use crate::entity::EntityType::Person;
use crate::field::Field;
use crate::formats::NAMED;
use crate::names::{self, Known};
use crate::recognizers::person::{MAX_NAME, MAX_WORDS, is_particle, word_end};
use crate::scan::{FieldValue, Scan};

/// The value of a field that holds a name or may hold one.
pub(crate) fn field(scan: &mut Scan<'_>, value: &FieldValue) {
    let text = &scan.text[value.range.clone()];
    let named = matches!(value.field, Field::FirstName | Field::LastName | Field::FullName | Field::Name | Field::Role);
    if !named || !(2..=MAX_NAME).contains(&text.len()) {
        return;
    }
    let written_like_a_name =
        text.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '+' | '\'' | '-' | '.' | ',' | '’'))
            && text.split([' ', '+']).count() <= MAX_WORDS;
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
    } else if !value.quoted
        && let Some(range) = reversed(scan.text, value.range.clone())
    {
        scan.push(range, Person, "name-field", NAMED - 6);
    }
}

/// `Roe, Jane` where a field without quotes holds one: the family name alone is all that the sign of its end left.
fn reversed(text: &str, family: Range<usize>) -> Option<Range<usize>> {
    let capital =
        |word: &str| word.chars().count() >= 2 && word.starts_with(char::is_uppercase) && !names::known(word).ordinary;
    let rest = text[family.end..].strip_prefix(", ")?;
    let start = text.len() - rest.len();
    let end = word_end(text, start);
    let alone = !text[family.clone()].contains(' ') && !text[end..].starts_with([':', '=', '(', '_', '/']);
    (alone && capital(&text[family.clone()]) && capital(&text[start..end])).then_some(family.start..end)
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
    text.split([' ', '+', ',']).filter(|word| !word.is_empty()).all(|word| {
        let first = word.chars().next().unwrap_or(' ');
        first.is_uppercase() || first.is_ascii_digit() || is_particle(word.as_bytes()) || word.len() <= 3
    }) && text.chars().any(char::is_uppercase)
}

fn looks_like_a_name(text: &str, quoted: bool) -> bool {
    let words: Vec<&str> = text.split([' ', '+', ',']).filter(|word| !word.is_empty()).collect();
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
