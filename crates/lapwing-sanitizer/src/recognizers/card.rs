//! Payment cards: twelve to nineteen digits of a known issuer whose Luhn sum holds.

use crate::checksum::luhn;
use crate::context::Class;
use crate::entity::EntityType::CreditCard;
use crate::field::Field;
use crate::formats::{CHECKED, Candidate, Format, NAMED};
use crate::scan::Scan;

pub(crate) static FORMATS: &[Format] = &[
    Format { name: "card", entity: CreditCard, pattern: r"[0-9]+(?:[ .-][0-9]+)*", judge: number },
    // The code of the network stands before the number in the records of airlines.
    Format {
        name: "card-with-network",
        entity: CreditCard,
        pattern: r"(?:VI|CA|MC|AX|DC|DS|JC|TP)[0-9]{13,16}",
        judge: |c| (issued(&c.digits()) && luhn(&c.digits())).then_some(CHECKED),
    },
    Format {
        name: "card-code",
        entity: CreditCard,
        pattern: r"[0-9]{3,4}",
        judge: |c| (c.field == Some(Field::CardCode) || follows_code_word(c)).then_some(NAMED),
    },
];

fn number(c: &Candidate<'_>) -> Option<u8> {
    if !(12..=19).contains(&c.digits) {
        return None;
    }
    if !grouped_like_a_card(c.value()) {
        return None;
    }
    let d = c.digits();
    if d.iter().all(|x| *x == d[0]) {
        return None;
    }
    if c.field == Some(Field::Card) && d.len() >= 13 {
        return Some(if luhn(&d) { CHECKED } else { NAMED });
    }
    if !luhn(&d) {
        return None;
    }
    let named = c.near(Class::CARD);
    // A business number of France and an identity number of South Africa have the same sum.
    let identity = c.field == Some(Field::Identity) || c.mentions.before(Class::IDENTITY, c.range.start, 16).is_some();
    if identity && !named {
        return Some(NAMED);
    }
    let bare = issued(&d) && !c.is_reference() && d.len() >= 13;
    match (named, bare || (c.alone && d.len() >= 13)) {
        (true, _) => Some(CHECKED + 2),
        (_, true) => Some(CHECKED),
        _ => None,
    }
}

/// A number whose digits stand apart, one by one: `4 0 1 2 8 8 …`. `digit` is the first of them.
pub(crate) fn spaced(scan: &mut Scan<'_>, digit: usize) {
    const MAX_DIGITS: usize = 19;
    let (head, bytes) = scan.text.as_bytes().split_at(digit);
    if matches!(head, [.., b'0'..=b'9', b' ' | b'-' | b'.']) {
        return;
    }
    let Some(sign @ (b' ' | b'-' | b'.')) = bytes.get(1).copied() else { return };
    let digit_at = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let more = (1..MAX_DIGITS).take_while(|n| bytes.get(2 * n - 1) == Some(&sign) && digit_at(2 * n)).count();
    let d: Vec<u8> = bytes.iter().step_by(2).take(more + 1).map(|b| b.wrapping_sub(b'0')).collect();
    let ends = !bytes.get(2 * more + 1).is_some_and(u8::is_ascii_alphanumeric);
    if ends && d.len() >= 13 && issued(&d) && luhn(&d) {
        scan.push(digit..digit + 2 * more + 1, CreditCard, "card-spaced", CHECKED);
    }
}

/// Whether the groups are of four (or of four, six and the rest): other groupings are other numbers.
fn grouped_like_a_card(value: &str) -> bool {
    let Some(first) = value.find(|c: char| !c.is_ascii_digit()) else { return true };
    let (sign, rest) = (value.as_bytes()[first], &value[first + 1..]);
    if first != 4 || rest.bytes().any(|b| !b.is_ascii_digit() && b != sign) {
        return false;
    }
    let (middle, last) = rest.rsplit_once(char::from(sign)).map_or((None, rest), |(head, last)| (Some(head), last));
    let mut middle = middle.into_iter().flat_map(|head| head.split(char::from(sign)));
    (1..=5).contains(&last.len()) && middle.all(|group| matches!(group.len(), 4 | 6))
}

/// Whether the leading digits are those of a card network (ISO/IEC 7812 ranges in use) and the length is one of its lengths.
fn issued(d: &[u8]) -> bool {
    let prefix = |n: usize| d[..n].iter().fold(0u32, |v, x| v * 10 + u32::from(*x));
    match d[0] {
        4 => matches!(d.len(), 13 | 16 | 19),
        5 => matches!(prefix(2), 50..=59) && (12..=19).contains(&d.len()),
        2 => {
            (2221..=2720).contains(&prefix(4)) && d.len() == 16
                || (2200..=2204).contains(&prefix(4)) && (16..=19).contains(&d.len())
        }
        3 => match prefix(2) {
            34 | 37 => d.len() == 15,
            35 => (16..=19).contains(&d.len()),
            30 | 36 | 38 | 39 => (14..=19).contains(&d.len()),
            _ => false,
        },
        6 => matches!(prefix(2), 60 | 62 | 63 | 64 | 65 | 67 | 69) && (13..=19).contains(&d.len()),
        8 => prefix(2) == 81 && (16..=19).contains(&d.len()),
        _ => false,
    }
}

/// Whether `cvv`, `cvc` or the like stands right before the digits.
fn follows_code_word(c: &Candidate<'_>) -> bool {
    let before = c.text[..c.range.start].trim_end_matches([' ', ':', '=', '#']);
    let before = before.strip_suffix(" is").unwrap_or(before);
    let tail = before.len().saturating_sub(13);
    let tail = before.get(tail..).unwrap_or_default().to_ascii_lowercase();
    ["cvv", "cvc", "cvv2", "cvc2", "csc", "security code"].iter().any(|word| tail.ends_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn cards_by_their_sum_and_issuer() {
        check(
            CreditCard,
            &[
                ("pay with 4012888888881881.", &["4012888888881881"]),
                ("pay with 4012-8888-8888-1881.", &["4012-8888-8888-1881"]),
                ("pay with 4012 8888 8888 1881 now", &["4012 8888 8888 1881"]),
                ("pay with 4012-8888-8888-1882", &[]),
                ("amex 3782 822463 10005", &["3782 822463 10005"]),
                ("order 4012888888881881", &[]),
                (r#"{"ref": "4012 8888 8888 1881"}"#, &[]),
                (r#"{"card_number": 4012888888881881}"#, &["4012888888881881"]),
                ("at 1698898427000", &[]),
                ("pay with 4 0 1 2 8 8 8 8 8 8 8 8 1 8 8 1 now", &["4 0 1 2 8 8 8 8 8 8 8 8 1 8 8 1"]),
                ("row 4 0 1 2 8 8 8 8 8 8 8 8 1 8 8 2 now", &[]),
                ("cvv 123", &["123"]),
                ("room 123", &[]),
            ],
        );
    }
}
