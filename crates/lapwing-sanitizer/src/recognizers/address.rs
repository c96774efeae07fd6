//! Postal addresses: fields, streets by their words, post boxes, and the postcodes that have a form of their own.

use std::ops::Range;

use crate::assignment::trimmed;
use crate::context::{Class, Mention};
use crate::entity::EntityType::Location;
use crate::field::Field;
use crate::formats::{ALONE, Format, NAMED, SHAPED};
use crate::recognizers::name_field;
use crate::scan::{FieldValue, Scan};

pub(crate) static FORMATS: &[Format] = &[
    Format {
        name: "uk-postcode",
        entity: Location,
        pattern: r"(?i)(?:GIR ?0AA|[A-PR-UWYZ](?:[0-9]{1,2}|[A-HK-Y][0-9]{1,2}|[0-9][A-HJKPSTUW]|[A-HK-Y][0-9][ABEHMNPRV-Y]) ?[0-9][ABD-HJLNP-UW-Z]{2})",
        judge: |c| {
            let upper = !c.value().bytes().any(|b| b.is_ascii_lowercase());
            if upper && c.value().contains(' ') { Some(SHAPED) } else { c.if_named_or_alone(Class::ADDRESS) }
        },
    },
    Format {
        name: "state-and-zip",
        entity: Location,
        pattern: r"(?:A[AEKLPRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]) [0-9]{5}(?:-[0-9]{4})?",
        judge: |_| Some(SHAPED),
    },
    Format {
        name: "canadian-postcode",
        entity: Location,
        pattern: r"[ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z] [0-9][ABCEGHJ-NPRSTV-Z][0-9]",
        judge: |_| Some(SHAPED),
    },
    Format {
        name: "numeric-postcode",
        entity: Location,
        pattern: r"[0-9]{5}(?:-[0-9]{3,4})?|[0-9]{4} ?[A-Z]{2}",
        judge: |c| {
            let named =
                c.field == Some(Field::PostCode) || c.mentions.before(Class::ADDRESS, c.range.start, 10).is_some();
            if named { Some(NAMED) } else { (c.alone && c.value().len() == 5).then_some(ALONE - 15) }
        },
    },
];

/// The value of a field of an address.
pub(crate) fn field(scan: &mut Scan<'_>, value: &FieldValue) {
    const MAX_ADDRESS: usize = 200;
    let text = &scan.text[value.range.clone()];
    if text.len() > MAX_ADDRESS {
        return;
    }
    if value.field == Field::Address && !value.quoted && address_line(scan, value) {
        return;
    }
    let lettered = || text.chars().any(char::is_alphabetic);
    let digits = || text.bytes().any(|b| b.is_ascii_digit());
    let fits = match value.field {
        Field::Street => value.quoted && text.len() >= 2 && (digits() || name_field::is_capitalized(text)),
        Field::City => (2..=60).contains(&text.len()) && lettered() && name_field::is_capitalized(text),
        Field::PostCode => text.len() <= 12 && digits(),
        Field::Address => text.contains(' ') && lettered() && digits(),
        // `"billTo": "12 Elm Row, Leeds"`
        Field::Role => value.quoted && text.contains(", ") && digits() && name_field::is_capitalized(text),
        _ => false,
    };
    let code = || text.contains(['{', '}', '[', '@', '=', '<']) || text.contains("://");
    if fits && !code() {
        // `Address: PSC 8139, Box 3699`: a value without quotes goes on behind its comma.
        let whole = matches!(value.field, Field::Street | Field::Address) && !value.quoted;
        let end = if whole { tail(scan.text, value.range.end) } else { value.range.end };
        scan.push(value.range.start..end, Location, "address-field", NAMED);
    }
}

/// Reads `Address: Avenida Salta, 375, 4400 Constitución` to the end of its line, if it has the parts of an address.
fn address_line(scan: &mut Scan<'_>, value: &FieldValue) -> bool {
    const MAX_LINE: usize = 120;
    let rest = &scan.text[value.range.start..];
    let rest = &rest[..floor(rest, rest.len().min(MAX_LINE + 4))];
    let line = rest.find(['\n', '"', ';', '|', '{', '<', '=', '\\']).unwrap_or(rest.len());
    if line > MAX_LINE || !rest.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit()) {
        return false;
    }
    let line = rest[..line].trim_end_matches([' ', '.', ',']);
    let parts = line.split(", ").count();
    let fits = parts >= 2
        && line.bytes().any(|b| b.is_ascii_digit())
        && line.split(", ").all(|part| part.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit()));
    if fits {
        scan.push(value.range.start..value.range.start + line.len(), Location, "address-line", NAMED);
    }
    fits
}

/// Reads the address whose town begins at `town`: `Elizedreef 39, 3999 BX Rijnsater`. A postcode must stand before the town
/// and a comma before the postcode.
pub(crate) fn before_town(scan: &mut Scan<'_>, town: usize, end: usize) {
    const REACH: usize = 72;
    const LINKS: [&str; 24] = [
        "de", "la", "del", "da", "do", "dos", "van", "der", "den", "ten", "ter", "no.", "n°", "s/n", "utca", "út",
        "u.", "ul.", "ulica", "rue", "bis", "via", "calle", "avenue",
    ];
    let text = scan.text;
    let Some(head) = text[..town].strip_suffix(' ') else { return };
    let letters = head.bytes().rev().take(3).take_while(u8::is_ascii_uppercase).count();
    let digits_end = head[..head.len() - letters].trim_end_matches(' ');
    // `785 59 Mnichovice`: the postcode itself may stand in two groups.
    let grouped = matches!(digits_end.as_bytes(), [.., b' ', a, b, c, b' ', d, e] if [a, b, c, d, e].iter().all(|x| x.is_ascii_digit()));
    let code = if grouped {
        6
    } else {
        digits_end.bytes().rev().take(10).take_while(|b| b.is_ascii_digit() || *b == b'-').count()
    };
    let digits = digits_end.bytes().rev().take(code).filter(u8::is_ascii_digit).count();
    let Some(street) = digits_end[..digits_end.len() - code].strip_suffix(", ") else { return };
    if !(4..=8).contains(&digits) || letters > 2 || letters > 0 && digits != 4 {
        return;
    }
    let low = floor(text, street.len().saturating_sub(REACH));
    let mut start = street.len();
    let (mut follows_number, mut seen_number) = (false, false);
    for word in street[low..].rsplit(' ') {
        let numbered = word.bytes().any(|b| b.is_ascii_digit());
        let linked = LINKS.iter().any(|link| word.trim_end_matches(',').eq_ignore_ascii_case(link));
        let capital = word.starts_with(char::is_uppercase);
        if !(numbered || linked || capital || follows_number && word.starts_with(char::is_alphabetic))
            || word.contains([':', '"'])
        {
            break;
        }
        // The part before a house number may be a street; what stands before that is another thing.
        if word.ends_with(',') && seen_number {
            break;
        }
        seen_number |= numbered;
        follows_number = numbered;
        start = word.as_ptr() as usize - text.as_ptr() as usize;
    }
    let street = text[start..street.len()].trim_start();
    let start = start + (text[start..].len() - text[start..].trim_start().len());
    let words = street.split(' ').count();
    if street.split(' ').any(|word| word.starts_with(char::is_uppercase))
        && (words >= 2 || street.bytes().any(|b| b.is_ascii_digit()))
    {
        let end = if text[end..].starts_with(", ") { tail(text, end) } else { end };
        scan.push(start..end, Location, "postcode-and-town", SHAPED + 4);
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Words of a street that stand behind its name. Shorter words need a house number before.
const PLAIN: &str = " street road avenue lane drive boulevard court terrace highway parkway crescent st rd ave ln blvd dr way place square ";

/// Reads an address around the street word or post box of `mention`.
pub(crate) fn around(scan: &mut Scan<'_>, mention: Mention) {
    let found = match mention.class.meets(Class::STREET) {
        true => street(scan.text, mention),
        false => post_box(scan.text, mention),
    };
    if let Some((range, score)) = found {
        scan.push(trimmed(scan.text, range), Location, "street", score);
    }
}

/// Reads the address that the flat or suite of `mention` stands in: what goes back to its first number on this line or the
/// one before, and its rest. `6750 Koskikatu 25 Apt. 864, Artilleros, Uruguay 64677`.
pub(crate) fn with_unit(scan: &mut Scan<'_>, mention: Mention) {
    const REACH: usize = 72;
    let text = scan.text;
    let number = text[mention.end..].trim_start_matches(['.', ' ', '#']);
    let numbered = number.bytes().take(6).take_while(u8::is_ascii_alphanumeric).any(|b| b.is_ascii_digit());
    if !numbered || !text.as_bytes()[mention.start].is_ascii_uppercase() && !text[..mention.start].ends_with(", ") {
        return;
    }
    let low = (mention.start.saturating_sub(REACH)..mention.start).find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    let head = &text[low..mention.start];
    // Where the last sign or word ends that parts an address from its sentence.
    let parts = |end: &usize| match &head.as_bytes()[..*end] {
        [.., b':' | b'"' | b'|'] | [.., b'?' | b'!', b' '] => true,
        before @ [.., b' '] => {
            [" is ", " at ", " to ", " in ", " from "].iter().any(|word| before.ends_with(word.as_bytes()))
        }
        _ => false,
    };
    let cut = (1..=head.len()).rev().find(parts).unwrap_or(0);
    let lines = head.rmatch_indices('\n').nth(1).map_or(0, |(i, _)| i + 1);
    let head = &head[cut.max(lines)..];
    let Some(first) = head.find(|c: char| c.is_ascii_digit()) else { return };
    let capitals = head[first..].chars().filter(|c| c.is_uppercase()).count();
    let start = mention.start - head.len() + first;
    if capitals > 0 && (start == 0 || !text.as_bytes()[start - 1].is_ascii_alphanumeric()) {
        let end = tail(text, text[..mention.start].trim_end_matches([' ', '\n', ',']).len());
        scan.push(trimmed(text, start..end), Location, "address-with-unit", SHAPED + 6);
    }
}

fn street(text: &str, mention: Mention) -> Option<(Range<usize>, u8)> {
    let bytes = text.as_bytes();
    if !bytes[mention.start].is_ascii_uppercase() {
        return None;
    }
    // One to four capitalized words, then a house number before them.
    let mut start = mention.start;
    let mut words = 0;
    while let Some(word) = word_before(text, start) {
        let first = text[word.clone()].chars().next()?;
        if !first.is_uppercase() || words == 4 {
            break;
        }
        start = word.start;
        words += 1;
    }
    let number = number_before(text, start);
    let word = text[mention.start..mention.end].to_ascii_lowercase();
    let end = tail(text, mention.end);
    match (number, words) {
        (Some(number), 1..) => Some((unit_before(text, number)..end, SHAPED + 5)),
        (None, 1..) if PLAIN.contains(&format!(" {word} ")) && word.len() > 3 && end > mention.end + 1 => {
            Some((start..end, ALONE))
        }
        _ => None,
    }
}

fn word_before(text: &str, at: usize) -> Option<Range<usize>> {
    let head = text[..at].strip_suffix(' ')?;
    let length: usize = head
        .chars()
        .rev()
        .take(30)
        .take_while(|c| c.is_alphabetic() || matches!(c, '\'' | '-' | '.'))
        .map(char::len_utf8)
        .sum();
    (length > 0).then(|| head.len() - length..head.len())
}

/// Where the number of a house begins that stands before `at`.
pub(crate) fn number_before(text: &str, at: usize) -> Option<usize> {
    let head = text[..at].trim_end_matches([' ', ',']);
    if at - head.len() > 2 {
        return None;
    }
    let letters = usize::from(head.ends_with(|c: char| c.is_ascii_alphabetic()));
    let digits =
        head[..head.len() - letters].bytes().rev().take(6).take_while(|b| b.is_ascii_digit() || *b == b'-').count();
    let start = head.len() - letters - digits;
    let opens = start == 0 || !text.as_bytes()[start - 1].is_ascii_alphanumeric();
    (digits > 0 && digits <= 6 && opens).then_some(start)
}

/// `Flat 77r, ` or `Studio 4, ` before the house.
fn unit_before(text: &str, at: usize) -> usize {
    const UNITS: [&str; 7] = ["flat", "studio", "apt", "unit", "suite", "apartment", "room"];
    let low = (at.saturating_sub(20)..=at).find(|i| text.is_char_boundary(*i)).unwrap_or(at);
    let head = text[low..at].to_ascii_lowercase();
    UNITS.iter().filter_map(|unit| head.rfind(unit)).max().map_or(at, |i| low + i)
}

/// Where the rest of an address after its street ends: unit, town, state, postcode, country.
pub(crate) fn tail(text: &str, from: usize) -> usize {
    const MAX_PARTS: usize = 6;
    /// How much of the next line is looked at, in bytes.
    const MAX_LABEL: usize = 64;
    let mut end = from;
    if text[end..].starts_with('.') {
        end += 1;
    }
    for _ in 0..MAX_PARTS {
        let rest = &text[end..];
        let gap = rest.len() - rest.trim_start_matches([' ', ',', '\n', '\r']).len();
        let newlines = rest[..gap].matches('\n').count();
        let comma = rest[..gap].contains(',');
        if gap == 0 || gap > 4 || newlines > 1 {
            break;
        }
        // `74 831 591 office`, `Phone: …`: the next line is another thing.
        let line = &rest[gap..floor(rest, rest.len().min(gap + MAX_LABEL))];
        let line = line.split('\n').next().unwrap_or_default();
        let called = line.starts_with(|c: char| c.is_ascii_digit() || c == '(' || c == '+')
            && line.bytes().take(24).filter(u8::is_ascii_digit).count() >= 7;
        let label = line.split(' ').next().is_some_and(|word| word.ends_with(':'));
        if newlines > 0 && (called || label) {
            break;
        }
        // A town follows its postcode without a comma.
        let after_code = text[..end].ends_with(|c: char| c.is_ascii_digit()) && end > from + 4;
        let Some(part) = part(&rest[gap..], comma || newlines > 0 || after_code) else { break };
        end += gap + part;
    }
    end
}

/// Length of one part of the rest: a unit, a number, a town after a comma or line break, a state and postcode.
fn part(rest: &str, separated: bool) -> Option<usize> {
    const UNITS: [&str; 14] =
        ["apt", "suite", "ste", "unit", "floor", "piso", "puerta", "flat", "#", "bus", "lok", "room", "bldg", "box"];
    let word = |text: &str| {
        text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '\'' | '/' | '.'))).unwrap_or(text.len())
    };
    let first = &rest[..word(rest)];
    let lower = first.to_lowercase();
    if UNITS.iter().any(|unit| lower.trim_end_matches('.') == *unit) || rest.starts_with('#') {
        let head = if rest.starts_with('#') { 1 } else { first.len() };
        let gap = rest[head..].len() - rest[head..].trim_start_matches([' ', '.']).len();
        let number = word(&rest[head + gap..]);
        let value = rest[head + gap..head + gap + number].trim_end_matches('.');
        return (!value.is_empty() && value.len() <= 6).then_some(head + gap + value.len());
    }
    let trimmed = first.trim_end_matches('.');
    let digits = trimmed.bytes().filter(u8::is_ascii_digit).count();
    if digits >= 2 && trimmed.len() <= 10
        || (digits == 1
            && trimmed.len() <= 4
            && trimmed.bytes().all(|b| b.is_ascii_alphanumeric() && !b.is_ascii_lowercase()))
    {
        return Some(trimmed.len());
    }
    let state = trimmed.len() == 2 && trimmed.bytes().all(|b| b.is_ascii_uppercase());
    if state {
        return Some(2);
    }
    let capital = trimmed.chars().next().is_some_and(char::is_uppercase);
    if !capital || !separated || trimmed.len() < 3 {
        return None;
    }
    // A town of up to three capitalized words, but not the next sentence.
    let mut length = trimmed.len();
    for _ in 0..2 {
        let Some(next) = rest[length..].strip_prefix(' ') else { break };
        let next = next[..word(next)].trim_end_matches('.');
        if !next.chars().next().is_some_and(char::is_uppercase) || next.bytes().any(|b| b.is_ascii_digit()) {
            break;
        }
        length += 1 + next.len();
    }
    Some(length)
}

fn post_box(text: &str, mention: Mention) -> Option<(Range<usize>, u8)> {
    let word = text[mention.start..mention.end].to_ascii_lowercase();
    let upper = text[mention.start..mention.end].bytes().all(|b| !b.is_ascii_lowercase());
    let rest = &text[mention.end..];
    let digits = rest.trim_start_matches([' ', ':', '#']).bytes().take_while(u8::is_ascii_digit).count();
    match word.as_str() {
        "fpo" | "apo" | "dpo" if upper => {
            let code = rest.get(..4).is_some_and(|code| [" AA ", " AE ", " AP "].contains(&code));
            let line = text[..mention.start].rfind(['\n', ':', '"', '⟧']).map_or(0, |i| i + 1);
            let start = text[..mention.start].rfind(" to ").map_or(line, |i| (i + 4).max(line));
            let start = if mention.start - start > 60 { mention.start } else { start };
            code.then(|| (start..tail(text, mention.end), SHAPED + 5))
        }
        "unit" | "psc" if digits > 0 => {
            let after = rest.trim_start_matches([' ', ':', '#'])[digits..].trim_start_matches([' ', ',']);
            let end = text.len() - after.len();
            let boxed = after.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("box "));
            let number = after.get(4..).map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
            (boxed && number > 0).then(|| (mention.start..tail(text, end + 4 + number), SHAPED + 5))
        }
        "unit" | "psc" | "fpo" | "apo" | "dpo" => None,
        _ if digits > 0 => {
            let gap = rest.len() - rest.trim_start_matches([' ', ':', '#']).len();
            Some((mention.start..tail(text, mention.end + gap + digits), SHAPED))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn addresses() {
        check(
            Location,
            &[
                ("I live at 377 Pine Lane, Suite 694, Denver.", &["377 Pine Lane, Suite 694, Denver"]),
                (
                    "address to Flat 77r, 12 Stone Knoll, Curtisside, DN83 2RY and",
                    &["Flat 77r, 12 Stone Knoll, Curtisside, DN83 2RY"],
                ),
                ("to Gudestr. 5/3, 68824 Melsungen and", &["Gudestr. 5/3, 68824 Melsungen"]),
                ("ul. Lubartowska 42", &["ul. Lubartowska 42"]),
                ("Unit 4502 Box 4881\nDPO AA 19766", &["Unit 4502 Box 4881\nDPO AA 19766"]),
                (r#"{"city": "Denver", "zip": "80212"}"#, &["Denver", "80212"]),
                ("From SW1A 1AA to EC1A 1BB", &["SW1A 1AA", "EC1A 1BB"]),
                ("take the first place in line", &[]),
                ("4 Main points", &[]),
                (
                    "The office is at 9554 Gafsa Apt. 981, Toronto, ON 82269",
                    &["9554 Gafsa Apt. 981, Toronto, ON 82269"],
                ),
                ("City: Bjelovar\nnext", &["Bjelovar"]),
                ("it is Elizedreef 39, 3999 BX Rijnsater.", &["Elizedreef 39, 3999 BX Rijnsater"]),
                ("came from Mártonberényi utca 2., 8978 Budapest.", &["Mártonberényi utca 2., 8978 Budapest"]),
                ("holder address: Avenida Bryan, 30, 5406-685 Porto\n", &["Avenida Bryan, 30, 5406-685 Porto"]),
                ("keys to Olof Persson, Skolgränd 9, 746 90 Karlstad.", &["Skolgränd 9, 746 90 Karlstad"]),
                ("since 2019, 1250 Members joined", &[]),
                ("Core(TM) i7 @ 3.00GHz, 16384 MB RAM", &[]),
            ],
        );
    }
}
