//! Towns, regions and countries in prose: whatever stands in capitals behind "lives in" or "moved here from", and what
//! the gazetteer knows behind "in", "from" or "near". In talk of flights and hotels a town is a destination, not a home.

use std::sync::LazyLock;

use crate::context::Class;
use crate::entity::EntityType::Location;
use crate::formats::{ALONE, SHAPED};
use crate::names;
use crate::recognizers::person::Word;
use crate::scan::Scan;
use crate::words::{Endings, WordTable};

static PLACES: LazyLock<WordTable> = LazyLock::new(|| WordTable::new(listed(), |old, _| old));

/// Towns, regions and countries without accents and case.
fn listed() -> impl Iterator<Item = (&'static str, u8)> + Clone {
    include_str!("../data/places.txt").split(['|', '\n']).map(|place| (place, 1))
}

/// Endings that towns have.
static ENDINGS: Endings<22> = Endings::new([
    "ville", "borough", "burgh", "shire", "mouth", "hampton", "stadt", "dorf", "hausen", "heim", "furt", "kirchen",
    "grad", "chester", "haven", "minster", "ingen", "weiler", "bourg", "koping", "abad", "pur",
]);

fn is_listed(place: &str) -> bool {
    let mut buffer = [0; names::MAX_NAME * 2];
    if place.len() > names::MAX_NAME {
        return false;
    }
    let folded = names::fold(place, &mut buffer);
    PLACES.get(folded) > 0 || folded.len() >= 7 && ENDINGS.ends(folded, 3)
}

/// Most words of the name of a place.
const MAX_WORDS: usize = 4;

/// Words right before a place that the gazetteer knows.
const BEFORE: [&str; 30] = [
    "in", "from", "near", "to", "at", "around", "across", "via", "outside", "of", "southern", "northern", "eastern",
    "western", "central", "visit", "visiting", "leaving", "left", "serving", "toward", "towards", "en", "à", "aus",
    "nach", "w", "z", "i", "til",
];

const QUARTERS: [&str; 8] = ["Northern", "Southern", "Eastern", "Western", "Central", "North", "South", "Greater"];

/// Looks for a place at the beginning of the run of capitalized words `words`.
pub(crate) fn at(scan: &mut Scan<'_>, words: &[Word]) {
    let text = scan.text;
    // `serving Southern Tunisia`: the quarter of the sky is not part of the name.
    let skipped = words.iter().take_while(|word| QUARTERS.contains(&&text[word.range.clone()])).count();
    let words = &words[skipped..];
    let Some(first) = words.first().map(|word| word.range.clone()) else { return };
    let before = text[..first.start].trim_end_matches([' ', '"', '\'', '(', '⟦']);
    let strong = scan.mentions.before(Class::PLACE, first.start, 2).is_some_and(|mention| mention.end <= before.len());
    let word = last_word(before);
    let route = text[first.end..].starts_with(" to ") && word.eq_ignore_ascii_case("from");
    let weak = !strong && !route && !word.is_empty() && BEFORE.iter().any(|known| word.eq_ignore_ascii_case(known));
    let listed = !strong && !weak && text[..first.start].ends_with(", ") && state_follows(text, words);
    if !strong && !weak && !listed {
        return;
    }
    if let Some(end) = known(text, words) {
        if strong || !scan.talks_of(Class::TRAVEL) {
            scan.push(first.start..with_region(text, end), Location, "place", ALONE);
        }
    } else if strong && let Some(end) = unknown(text, words) {
        scan.push(first.start..with_region(text, end), Location, "place", SHAPED - 10);
    }
}

fn last_word(text: &str) -> &str {
    let length: usize = text.chars().rev().take(10).take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum();
    &text[text.len() - length..]
}

/// Where the longest known place ends that the words begin with.
fn known(text: &str, words: &[Word]) -> Option<usize> {
    let start = words.first()?.range.start;
    words.iter().take(MAX_WORDS).rev().map(|word| word.range.end).find(|end| is_listed(&text[start..*end]))
}

/// Where a place ends of which nothing but the words before it is known.
fn unknown(text: &str, words: &[Word]) -> Option<usize> {
    let words = &words[..words.len().min(MAX_WORDS)];
    let (first, last) = (words.first()?, words.last()?);
    let unusual = words.iter().any(|word| word.range.len() >= 3 && !word.known.ordinary);
    let hyphenated = text[first.range.clone()].contains('-');
    let named = first.known.first && !first.known.ordinary && words.len() > 1;
    ((unusual || hyphenated) && !named).then_some(last.range.end)
}

/// `Denver, CO`, `Lyon, France`: the region that follows a comma.
fn with_region(text: &str, end: usize) -> usize {
    let Some(rest) = text[end..].strip_prefix(", ") else { return end };
    let length: usize = rest.chars().take(24).take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum();
    let region = &rest[..length];
    let state = region.len() == 2 && region.bytes().all(|b| b.is_ascii_uppercase());
    let country = region.starts_with(char::is_uppercase) && is_listed(region);
    if state || country { end + 2 + length } else { end }
}

/// Whether a known place and a state stand here: `…, Denver, CO`.
fn state_follows(text: &str, words: &[Word]) -> bool {
    known(text, words).is_some_and(|end| with_region(text, end) > end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn the_table_tells_the_places_apart() {
        crate::words::testing::check_distinct(listed().map(|(place, _)| place));
        assert!(is_listed("São Paulo") && is_listed("ST. LOUIS") && !is_listed("Lapwing"));
    }

    #[test]
    fn places_need_a_word_before_them() {
        check(
            Location,
            &[
                ("I live in Springfield and my sister moved to Oslo.", &["Springfield", "Oslo"]),
                ("We moved here from Qvistofta last year", &["Qvistofta"]),
                ("she grew up in Buenos Aires, Argentina.", &["Buenos Aires, Argentina"]),
                ("a bakery in Denver, CO that", &["Denver, CO"]),
                ("my cousins in Portugal say", &["Portugal"]),
                ("book a flight from Paris to Madrid", &[]),
                ("a hall serving Southern Tunisia", &["Tunisia"]),
                ("The Paris Agreement was signed", &[]),
                ("a shop in Dexhausen sold it", &["Dexhausen"]),
                ("written in Rust and Go", &[]),
                ("from January to May", &[]),
            ],
        );
    }
}
