//! Values of a condition: words, times, numbers, and what a field of each type makes of them.

use std::ops::Bound;
use std::time::Duration;

use lapwing_event::{Field, IndexAs, Timestamp};

use super::pattern::{Pattern, Piece};
use super::scan::Word;
use super::{MAX_PHRASE_WORDS, Target, Test};
use crate::tokenizer;

/// Why a value does not fit its field, in words.
type Misfit = String;

/// Reads a time: RFC 3339, an epoch number, `now`, or `now-15m` with the units `s m h d w`.
pub fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let fault =
        || format!("{text:?} is not a time; write RFC 3339, epoch milliseconds, now, or now-15m (s, m, h, d, w)");
    let Some(offset) = text.strip_prefix("now") else {
        return Timestamp::parse(text).map_err(|_| fault());
    };
    if offset.is_empty() {
        return Ok(now);
    }
    let unit = offset.chars().last().ok_or_else(fault)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(fault()),
    };
    let digits = offset.get(1..offset.len() - 1).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let amount: u64 = digits.and_then(|digits| digits.parse().ok()).ok_or_else(fault)?;
    let length = Duration::from_secs(amount.checked_mul(seconds).ok_or_else(fault)?);
    match offset.as_bytes()[0] {
        b'-' => Ok(now - length),
        b'+' => Ok(now + length),
        _ => Err(fault()),
    }
}

/// What a single word or quoted text asks of this target.
pub(super) fn equals(target: &Target, word: &Word, now: Timestamp) -> Result<Test, Misfit> {
    let patterned = word.has_wildcard();
    if patterned && word.is_star() {
        return Ok(Test::Exists);
    }
    let text = word.text();
    match kind(target) {
        IndexAs::Keyword if patterned => Ok(Test::Pattern(word.pattern())),
        IndexAs::Keyword => Ok(Test::Keyword(text)),
        IndexAs::Text | IndexAs::Json if patterned => one_word(word),
        IndexAs::Text => words(&text),
        IndexAs::Json => Ok(Test::Keyword(text)),
        IndexAs::Bool => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Test::Bool(true)),
            "false" => Ok(Test::Bool(false)),
            _ => Err(format!("{text:?} is not true or false")),
        },
        IndexAs::Number => {
            let number = number(&text)?;
            Ok(Test::Numbers(Bound::Included(number), Bound::Included(number)))
        }
        IndexAs::Date => {
            let at = parse_time(&text, now)?;
            Ok(Test::Times(Bound::Included(at), Bound::Included(at)))
        }
        IndexAs::Stored => Err("the field is kept but not searchable; only _exists_ can be asked of it".to_owned()),
    }
}

/// What a range asks of this target.
pub(super) fn range(
    target: &Target,
    lower: Bound<String>,
    upper: Bound<String>,
    now: Timestamp,
) -> Result<Test, Misfit> {
    match kind(target) {
        IndexAs::Keyword => Ok(Test::Keywords(lower, upper)),
        IndexAs::Number => Ok(Test::Numbers(convert(lower, number)?, convert(upper, number)?)),
        IndexAs::Date => {
            let time = |text: &str| parse_time(text, now);
            Ok(Test::Times(convert(lower, time)?, convert(upper, time)?))
        }
        // Its values have columns, and they are numbers.
        IndexAs::Json if is_counts(target) => Ok(Test::Numbers(convert(lower, number)?, convert(upper, number)?)),
        _ => Err("the field has no order; a range needs a number, a time or a keyword".to_owned()),
    }
}

fn is_counts(target: &Target) -> bool {
    matches!(target, Target::Json(Field { path: "sanitization.counts", .. }, _))
}

fn kind(target: &Target) -> IndexAs {
    match target {
        Target::Content => IndexAs::Text,
        Target::Field(field) | Target::Json(field, _) => field.index,
    }
}

fn convert<T>(bound: Bound<String>, read: impl Fn(&str) -> Result<T, Misfit>) -> Result<Bound<T>, Misfit> {
    Ok(match bound {
        Bound::Included(text) => Bound::Included(read(&text)?),
        Bound::Excluded(text) => Bound::Excluded(read(&text)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

fn number(text: &str) -> Result<f64, Misfit> {
    text.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(|| format!("{text:?} is not a number"))
}

fn words(text: &str) -> Result<Test, Misfit> {
    match tokenizer::tokens(text) {
        tokens if tokens.is_empty() => Err(format!("{text:?} has no letter or digit to search for")),
        tokens if tokens.len() > MAX_PHRASE_WORDS => {
            Err(format!("has {} words in a row; at most {MAX_PHRASE_WORDS} are searched for", tokens.len()))
        }
        tokens => Ok(Test::Words(tokens)),
    }
}

/// A pattern over a text is matched against its words one by one, so it must be one word itself.
fn one_word(word: &Word) -> Result<Test, Misfit> {
    let is_word = |piece: &Piece| !matches!(piece, Piece::Char(c) if !c.is_alphanumeric());
    let pattern: Pattern = word.pattern();
    match word.pieces.iter().all(is_word) {
        true => Ok(Test::Pattern(pattern.lowercase())),
        false => Err("a wildcard stands within one word; put several words in quotes, without a wildcard".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_times() {
        let now = Timestamp::parse("2026-11-24T06:30:00Z").unwrap();
        let check = |text: &str, expect: &str| assert_eq!(parse_time(text, now).unwrap().to_string(), expect, "{text}");
        check("now", "2026-11-24T06:30:00Z");
        check("now-15m", "2026-11-24T06:15:00Z");
        check("now-1w", "2026-11-17T06:30:00Z");
        check("now+2h", "2026-11-24T08:30:00Z");
        check("2026-11-24T01:00:00+02:00", "2026-11-23T23:00:00Z");
        check("1795501800123", "2026-11-24T06:30:00.123Z");
        for text in ["", "now-", "now-15", "now-15y", "now15m", "now--1m", "now-99999999999999999999w", "nowä", "soon"]
        {
            assert!(parse_time(text, now).is_err(), "{text}");
        }
    }
}
