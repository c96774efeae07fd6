//! Streets in other tongues than English, by what they are called before or behind their name and by the number of a house.

use crate::entity::EntityType::Location;
use crate::formats::SHAPED;
use crate::recognizers::address::{number_before, tail};
use crate::scan::Scan;
use crate::words::Endings;

/// What a street is called in other tongues, before or behind its name: `ul. Lubartowska 42`, `Gudestr. 5/3`.
const BEFORE_NAME: &[&str] = &[
    "rue",
    "avenue",
    "boulevard",
    "place",
    "chemin",
    "allée",
    "impasse",
    "quai",
    "via",
    "viale",
    "piazza",
    "corso",
    "largo",
    "calle",
    "avenida",
    "paseo",
    "plaza",
    "ronda",
    "camino",
    "carrer",
    "pasaje",
    "glorieta",
    "vial",
    "cañada",
    "acceso",
    "callejón",
    "alameda",
    "rambla",
    "vía",
    "cuesta",
    "pasadizo",
    "urbanización",
    "borgo",
    "contrada",
    "rotonda",
    "incrocio",
    "stretto",
    "canale",
    "alle",
    "rua",
    "travessa",
    "praça",
    "ul",
    "aleja",
    "plac",
    "os",
    "c",
    "av",
    "vicolo",
    "strada",
    "cours",
];
static AFTER_NAME: Endings<31> = Endings::new([
    "straße", "strasse", "str", "weg", "platz", "allee", "gasse", "ring", "damm", "ufer", "chaussee", "straat", "laan",
    "plein", "kade", "gracht", "gatan", "vägen", "katu", "tie", "vej", "gade", "vegen", "veien", "gata", "torget",
    "utca", "ulica", "cesta", "caddesi", "sokak",
]);

/// Reads a foreign street from the capitalized word at `start`, if it is one.
pub(crate) fn at(scan: &mut Scan<'_>, start: usize, word_end: usize) {
    let text = scan.text;
    let word = text[start..word_end].trim_end_matches('.');
    let (behind, before) = match word.is_ascii() {
        true => (
            AFTER_NAME.may_end(word.as_bytes()) && AFTER_NAME.ends(word.to_ascii_lowercase().as_bytes(), 3),
            BEFORE_NAME.iter().any(|known| word.eq_ignore_ascii_case(known)),
        ),
        false => {
            let lower = word.to_lowercase();
            (AFTER_NAME.ends(lower.as_bytes(), 3), BEFORE_NAME.contains(&lower.as_str()))
        }
    };
    let mut end = word_end;
    if before {
        let mut words = 0;
        let mut rest = text[end..].trim_start_matches('.');
        end = text.len() - rest.len();
        while let Some(next) = rest.strip_prefix(' ') {
            let length =
                next.find(|c: char| !(c.is_alphabetic() || matches!(c, '\'' | '-' | '.'))).unwrap_or(next.len());
            if length == 0 || words == 6 {
                break;
            }
            end += 1 + length;
            rest = &text[end..];
            words += 1;
        }
        if words == 0 {
            return;
        }
    } else if !behind {
        return;
    }
    let rest = text[end..].trim_start_matches(['.', ',']);
    let gap = text.len() - rest.len();
    let Some(number) = rest.strip_prefix(' ') else { return };
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=5).contains(&digits) {
        return;
    }
    let number_end =
        gap + 1 + number.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '-'))).unwrap_or(number.len());
    let first = number_before(text, start).unwrap_or(start);
    scan.push(first..tail(text, number_end), Location, "street", SHAPED + 3);
}
