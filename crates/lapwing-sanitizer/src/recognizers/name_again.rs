//! Further mentions of names: where a name that was found stands again, and the given names in a list with one.

use std::ops::Range;

use crate::entity::EntityType::Person;
use crate::formats::ALONE;
use crate::names;
use crate::recognizers::person::word_end;
use crate::scan::{Found, Scan};

/// Most names that are looked for again.
const MAX_PROPAGATED: usize = 64;

/// Finds further mentions of the names found so far.
pub(crate) fn propagate(scan: &mut Scan<'_>) {
    let text = scan.text;
    let people = scan.found.iter().filter(|found| found.entity == Person);
    let names = spread(people.map(|found| &text[found.range.clone()]));
    for range in mentions(text, &names) {
        scan.push(range, Person, "name-again", ALONE - 9);
    }
    listed(scan);
}

/// Given names that are ordinary words too, in a list of names: `Malon, Mark, Amber and Kaylee`.
fn listed(scan: &mut Scan<'_>) {
    const MAX_LISTED: usize = 16;
    let single = |found: &&Found| found.entity == Person && !scan.text[found.range.clone()].contains(' ');
    let ends: Vec<usize> = scan.found.iter().filter(single).take(MAX_PROPAGATED).map(|found| found.range.end).collect();
    for mut end in ends {
        for _ in 0..MAX_LISTED {
            let Some(rest) = [", ", " and "].iter().find_map(|sign| scan.text[end..].strip_prefix(sign)) else { break };
            let start = scan.text.len() - rest.len();
            let word = start..word_end(scan.text, start);
            let goes_on = [", ", " and ", "."].iter().any(|sign| scan.text[word.end..].starts_with(sign));
            let value = &scan.text[word.clone()];
            if !goes_on || !value.starts_with(char::is_uppercase) || !names::known(value).first {
                break;
            }
            end = word.end;
            scan.push(word, Person, "name-listed", ALONE - 9);
        }
    }
}

/// The names, and their words that are hardly anything else, that are worth looking for elsewhere.
pub(crate) fn spread<'n>(found: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let mut names: Vec<&str> = Vec::new();
    for name in found {
        let words = name.split([' ', ',']).filter(|word| {
            let known = names::known(word);
            word.chars().count() >= 3 && word.starts_with(char::is_uppercase) && !known.ordinary
        });
        for word in words.chain(name.contains(' ').then_some(name)) {
            if names.len() < MAX_PROPAGATED && !names.contains(&word) {
                names.push(word);
            }
        }
    }
    names
}

/// Every whole-word mention of `names`, none inside of another.
pub(crate) fn mentions(text: &str, names: &[&str]) -> Vec<Range<usize>> {
    if names.is_empty() {
        return Vec::new();
    }
    let bytes = text.as_bytes();
    let inside = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b >= 0x80);
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut firsts: Vec<u8> = names.iter().map(|name| name.as_bytes()[0]).collect();
    firsts.sort_unstable();
    firsts.dedup();
    let mut look = |start: usize| {
        if inside(start.checked_sub(1).and_then(|i| bytes.get(i))) {
            return;
        }
        for name in names.iter().filter(|name| bytes[start..].starts_with(name.as_bytes())) {
            let end = start + name.len();
            if !inside(bytes.get(end)) && bytes.get(end) != Some(&b'@') {
                ranges.push(start..end);
            }
        }
    };
    match firsts[..] {
        [a] => memchr::memchr_iter(a, bytes).for_each(look),
        [a, b] => memchr::memchr2_iter(a, b, bytes).for_each(look),
        [a, b, c] => memchr::memchr3_iter(a, b, c, bytes).for_each(look),
        _ => {
            let firsts = firsts.iter().fold([false; 256], |mut all, first| {
                all[usize::from(*first)] = true;
                all
            });
            (0..bytes.len()).filter(|start| firsts[usize::from(bytes[*start])]).for_each(&mut look);
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

    #[test]
    fn names_are_found_again_as_whole_words() {
        let check = |text: &str, names: &[&str], expect: &[&str]| {
            let found: Vec<&str> = mentions(text, names).into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expect, "{names:?} in {text:?}");
        };
        let names = ["Ann", "Lee", "Ann Lee", "Qu", "Zo"];
        for count in 1..=names.len() {
            check("Ann, Annie, _Ann, Ann@x and \u{e9}Ann", &names[..count], &["Ann"]);
        }
        check("Ann Lee and Lee", &names, &["Ann Lee", "Lee"]);
        check("Zo, Qu", &names, &["Zo", "Qu"]);
        check("Ann", &[], &[]);
    }
}
