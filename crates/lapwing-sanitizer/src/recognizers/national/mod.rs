//! Numbers and codes that states and public bodies give, by region. Formulas are those that the issuing bodies publish.

pub(crate) mod americas;
pub(crate) mod britain;
pub(crate) mod central;
pub(crate) mod east_asia;
pub(crate) mod eastern;
pub(crate) mod france;
pub(crate) mod germany;
pub(crate) mod iberia;
pub(crate) mod india;
pub(crate) mod italy;
pub(crate) mod latin_america;
pub(crate) mod nordic;
pub(crate) mod oceania;
pub(crate) mod others;

use crate::context::Class;
use crate::entity::EntityType;
use crate::field::Field;
use crate::formats::{Candidate, Format};

/// A format of [`EntityType::NationalId`].
const fn id(name: &'static str, pattern: &'static str, judge: fn(&Candidate<'_>) -> Option<u8>) -> Format {
    Format { name, entity: EntityType::NationalId, pattern, judge }
}

/// Confidence of a number whose one check digit holds, which one in ten random numbers do: it must be named or alone.
fn weak(c: &Candidate<'_>, holds: bool) -> Option<u8> {
    if !holds {
        return None;
    }
    c.if_named(Class::IDENTITY).map(|_| crate::formats::CHECKED).or_else(|| c.alone.then_some(crate::formats::NAMED))
}

/// Whether a field or a word close by says what the candidate is, and no word that names other numbers stands between.
/// A form that many things have needs this much.
fn named_closely(c: &Candidate<'_>) -> bool {
    const REACH: usize = 40;
    if c.field.is_some() {
        return matches!(c.field, Some(Field::Identity | Field::Ssn | Field::Vehicle));
    }
    // `discord.gg/MT27AG5EVE`: the path of an address.
    if !c.mentions.any(Class::IDENTITY) || c.text[..c.range.start].ends_with('/') {
        return false;
    }
    let others = Class::REFERENCE.or(Class::PHONE).or(Class::BANK).or(Class::CARD);
    let other = c.mentions.before(others, c.range.start, REACH);
    match c.mentions.before(Class::IDENTITY, c.range.start, REACH) {
        Some(word) => other.is_none_or(|other| other.end <= word.end),
        None => other.is_none() && c.near(Class::IDENTITY),
    }
}

/// Whether six digits are a day of a month of a year, in the order `ymd` or `dmy`.
fn is_date(digits: &[u8], order: &str) -> bool {
    if digits.len() < 6 {
        return false;
    }
    let pair = |i: usize| digits[i] * 10 + digits[i + 1];
    let (month, day) = match order {
        "ymd" => (pair(2), pair(4)),
        _ => (pair(2), pair(0)),
    };
    (1..=12).contains(&month) && (1..=31).contains(&day)
}
