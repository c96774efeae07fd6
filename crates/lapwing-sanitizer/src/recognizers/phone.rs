//! Telephone numbers: international ones by the numbering plan of their country, national ones by their grouping or a
//! word nearby. Lengths are those of the national numbers that ITU-T E.164 plans assign.

use crate::context::Class;
use crate::entity::EntityType::Phone;
use crate::field::Field;
use crate::formats::{ALONE, CHECKED, Candidate, Digits, Format, NAMED, SHAPED};

/// Country code, shortest and longest national number, by code.
const PLANS: &[(u16, u8, u8)] = &[
    (1, 10, 10),
    (7, 10, 10),
    (20, 8, 10),
    (27, 9, 9),
    (30, 10, 10),
    (31, 9, 10),
    (32, 8, 9),
    (33, 9, 9),
    (34, 9, 9),
    (36, 8, 9),
    (39, 6, 11),
    (40, 9, 9),
    (41, 9, 10),
    (43, 6, 13),
    (44, 9, 11),
    (45, 8, 8),
    (46, 7, 11),
    (47, 5, 8),
    (48, 9, 9),
    (49, 5, 13),
    (51, 8, 9),
    (52, 10, 11),
    (53, 6, 8),
    (54, 10, 11),
    (55, 10, 11),
    (56, 9, 9),
    (57, 8, 10),
    (58, 10, 10),
    (60, 8, 10),
    (61, 9, 9),
    (62, 8, 12),
    (63, 8, 10),
    (64, 8, 10),
    (65, 8, 8),
    (66, 8, 9),
    (81, 9, 11),
    (82, 8, 10),
    (84, 9, 10),
    (86, 8, 11),
    (90, 10, 10),
    (91, 10, 10),
    (92, 9, 10),
    (93, 9, 9),
    (94, 9, 9),
    (95, 7, 10),
    (98, 10, 10),
    (211, 9, 9),
    (212, 9, 9),
    (213, 8, 9),
    (216, 8, 8),
    (218, 8, 9),
    (220, 7, 7),
    (221, 9, 9),
    (222, 8, 8),
    (223, 8, 8),
    (224, 8, 9),
    (225, 8, 10),
    (226, 8, 8),
    (227, 8, 8),
    (228, 8, 8),
    (229, 8, 10),
    (230, 7, 8),
    (231, 7, 9),
    (232, 8, 8),
    (233, 9, 9),
    (234, 8, 10),
    (235, 8, 8),
    (236, 8, 8),
    (237, 9, 9),
    (238, 7, 7),
    (239, 7, 7),
    (240, 9, 9),
    (241, 7, 8),
    (242, 9, 9),
    (243, 9, 9),
    (244, 9, 9),
    (245, 7, 9),
    (248, 7, 7),
    (249, 9, 9),
    (250, 9, 9),
    (251, 9, 9),
    (252, 7, 9),
    (253, 8, 8),
    (254, 9, 10),
    (255, 9, 9),
    (256, 9, 9),
    (257, 8, 8),
    (258, 8, 9),
    (260, 9, 9),
    (261, 9, 9),
    (262, 9, 9),
    (263, 8, 10),
    (264, 8, 9),
    (265, 7, 9),
    (266, 8, 8),
    (267, 7, 8),
    (268, 8, 8),
    (269, 7, 7),
    (290, 4, 5),
    (291, 7, 7),
    (297, 7, 7),
    (298, 6, 6),
    (299, 6, 6),
    (350, 8, 8),
    (351, 9, 9),
    (352, 4, 11),
    (353, 7, 10),
    (354, 7, 9),
    (355, 8, 9),
    (356, 8, 8),
    (357, 8, 8),
    (358, 5, 12),
    (359, 7, 9),
    (370, 8, 8),
    (371, 8, 8),
    (372, 7, 8),
    (373, 8, 8),
    (374, 8, 8),
    (375, 9, 9),
    (376, 6, 9),
    (377, 8, 9),
    (378, 6, 10),
    (380, 9, 9),
    (381, 8, 9),
    (382, 8, 8),
    (383, 8, 9),
    (385, 8, 9),
    (386, 8, 8),
    (387, 8, 8),
    (389, 8, 8),
    (420, 9, 9),
    (421, 9, 9),
    (423, 7, 9),
    (500, 5, 5),
    (501, 7, 7),
    (502, 8, 8),
    (503, 8, 8),
    (504, 8, 8),
    (505, 8, 8),
    (506, 8, 8),
    (507, 7, 8),
    (509, 8, 8),
    (590, 9, 9),
    (591, 8, 8),
    (592, 7, 7),
    (593, 8, 9),
    (594, 9, 9),
    (595, 9, 9),
    (596, 9, 9),
    (597, 6, 7),
    (598, 8, 8),
    (599, 7, 8),
    (670, 7, 8),
    (673, 7, 7),
    (675, 7, 8),
    (676, 5, 7),
    (677, 5, 7),
    (678, 5, 7),
    (679, 7, 7),
    (682, 5, 5),
    (685, 5, 7),
    (687, 6, 6),
    (689, 6, 8),
    (850, 8, 10),
    (852, 8, 8),
    (853, 8, 8),
    (855, 8, 9),
    (856, 8, 10),
    (880, 8, 10),
    (886, 8, 9),
    (960, 7, 7),
    (961, 7, 8),
    (962, 8, 9),
    (963, 8, 9),
    (964, 8, 10),
    (965, 8, 8),
    (966, 9, 9),
    (967, 7, 9),
    (968, 8, 8),
    (970, 8, 9),
    (971, 8, 9),
    (972, 8, 9),
    (973, 8, 8),
    (974, 8, 8),
    (975, 7, 8),
    (976, 8, 8),
    (977, 8, 10),
    (992, 9, 9),
    (993, 8, 8),
    (994, 9, 9),
    (995, 9, 9),
    (996, 9, 9),
    (998, 9, 9),
];

pub(crate) static FORMATS: &[Format] = &[
    Format {
        name: "phone-international",
        entity: Phone,
        pattern: r"\(?(?:\+|00) ?[1-9][0-9]*(?:[ ().\-/]{1,3}[0-9]+)*(?: ?(?:x|ext\.?|extension|#) ?[0-9]{1,6})?",
        judge: international,
    },
    Format {
        name: "phone-american",
        entity: Phone,
        pattern: r"(?:1[ .-]?)?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-]?[0-9]{4}(?: ?(?:x|ext\.?|extension|#) ?[0-9]{1,6})?",
        judge: american,
    },
    Format {
        name: "phone-trunk",
        entity: Phone,
        pattern: r"\(?0[1-9][0-9]{0,4}\)?(?:[ ./-]{1,2}[0-9]{2,8}){1,5}(?: ?(?:x|ext\.?|extension|#) ?[0-9]{1,6})?",
        judge: trunk,
    },
    Format {
        name: "phone-trunk-apart",
        entity: Phone,
        pattern: r"0(?:[ -]\(?|\()[2-9][0-9]{1,3}\)?[ -]?[0-9]{2,4}(?:[ -]?[0-9]{2,4}){1,3}",
        judge: |c| if main_digits(c).len() < 9 { None } else { unless_reference(c, SHAPED - 2) },
    },
    Format {
        name: "phone-trunk-plain",
        entity: Phone,
        pattern: r"0[1-9][0-9]{7,10}",
        judge: |c| c.if_named_or_alone(Class::PHONE),
    },
    Format {
        name: "phone-pairs",
        entity: Phone,
        pattern: r"[2-9][0-9]{2}(?: [0-9]{2}){3}|0[1-9](?:[ .-][0-9]{2}){4}|[2-9][0-9]{2} [0-9]{3} [0-9]{2} [0-9]{2}",
        judge: |c| unless_reference(c, SHAPED),
    },
    Format {
        name: "phone-named",
        entity: Phone,
        pattern: r"\(?[0-9]+(?:[ ().\-/]{1,3}[0-9]+)*(?: ?(?:x|ext\.?|extension|#) ?[0-9]{1,6})?",
        judge: named,
    },
];

/// `200 5567757` is a number like any other; two separators or brackets make it a telephone number.
fn american(c: &Candidate<'_>) -> Option<u8> {
    let separators = c.value().bytes().filter(|b| !b.is_ascii_digit()).count();
    match separators {
        0 | 1 => c.if_named(Class::PHONE).map(|_| CHECKED - 5),
        _ => unless_reference(c, SHAPED + 5),
    }
}

fn unless_reference(c: &Candidate<'_>, score: u8) -> Option<u8> {
    let named = c.if_named(Class::PHONE);
    named.map(|_| CHECKED - 5).or((!c.is_reference() && balanced(c.value())).then_some(score))
}

fn balanced(value: &str) -> bool {
    value.matches('(').count() == value.matches(')').count()
}

/// Digits of the number itself, an extension left out.
fn main_digits(c: &Candidate<'_>) -> Digits {
    let value = c.value();
    let extension = value.bytes().position(|b| matches!(b, b'x' | b'e' | b'#'));
    Digits::of(&value[..extension.unwrap_or(value.len())])
}

fn international(c: &Candidate<'_>) -> Option<u8> {
    if !(7..=24).contains(&c.digits) {
        return None;
    }
    let d = main_digits(c);
    if !(7..=18).contains(&d.len()) {
        return None;
    }
    let plus = c.value().contains('+');
    let d = if plus { &d[..] } else { &d[2..] };
    let planned = (1..=3.min(d.len())).any(|n| {
        let code = d[..n].iter().fold(0u16, |v, x| v * 10 + u16::from(*x));
        PLANS.binary_search_by_key(&code, |plan| plan.0).is_ok_and(|found| {
            let (known, low, high) = PLANS[found];
            let mut national = d.len() - n;
            // The trunk zero that some write in brackets is not part of the number.
            if d.get(n) == Some(&0) && known != 39 {
                national -= 1;
            }
            (usize::from(low)..=usize::from(high)).contains(&national)
        })
    });
    match (plus, planned, c.if_named(Class::PHONE).is_some()) {
        (true, true, _) if c.field == Some(Field::Reference) => None,
        (true, true, _) => Some(CHECKED),
        (_, true, true) => Some(CHECKED - 2),
        (_, _, true) if d.len() >= 7 => Some(NAMED),
        (false, true, _) => {
            (d.len() >= 9 && c.value().contains([' ', '-', '.']) && !c.is_reference()).then_some(SHAPED)
        }
        _ => None,
    }
}

fn trunk(c: &Candidate<'_>) -> Option<u8> {
    if c.digits < 8 {
        return None;
    }
    let d = main_digits(c);
    if !(8..=12).contains(&d.len()) || is_date(c.value()) || !balanced(c.value()) {
        return None;
    }
    if let Some(score) = c.if_named(Class::PHONE) {
        return Some(score + 5);
    }
    let groups = c.value().split([' ', '.', '/', '-']).filter(|group| !group.is_empty()).count();
    let first = c.value().bytes().take_while(|b| b.is_ascii_digit() || *b == b'(').count();
    (first >= 3
        && (2..=5).contains(&groups)
        && d.len() >= 9
        && !c.is_reference()
        && !c.near(Class::IDENTITY.or(Class::BANK)))
    .then_some(SHAPED - 2)
}

/// Any grouping, where a word or a field says that it is a telephone number.
fn named(c: &Candidate<'_>) -> Option<u8> {
    if !(7..=21).contains(&c.digits) {
        return None;
    }
    let rest = &c.text[c.range.end..];
    let after = rest.strip_prefix([' ', ',']).unwrap_or(rest).trim_start_matches('(');
    let labelled_after = after.starts_with(|c: char| "ofmchwOFMCHW".contains(c))
        && ["office", "fax", "mobile", "cell", "home", "work"]
            .iter()
            .any(|label| after.get(..label.len()).is_some_and(|head| head.eq_ignore_ascii_case(label)));
    let sought = labelled_after || c.alone || c.field == Some(Field::Phone) || c.mentions.any(Class::PHONE);
    if !sought {
        return None;
    }
    let d = main_digits(c);
    if !(7..=15).contains(&d.len()) {
        return None;
    }
    let octets = c.value().split('.').count() == 4 && c.value().split('.').all(|part| part.len() <= 3);
    if is_date(c.value()) || octets || !balanced(c.value()) || c.field == Some(Field::Reference) {
        return None;
    }
    if c.field == Some(Field::Phone) {
        return Some(NAMED + 5);
    }
    if c.alone && d.len() == 10 && (2..=9).contains(&d[0]) {
        return Some(ALONE - 25);
    }
    let word = c.mentions.before(Class::PHONE, c.range.start, 32);
    let other = c.mentions.before(
        Class::REFERENCE.or(Class::IDENTITY).or(Class::CARD).or(Class::SSN).or(Class::BANK),
        c.range.start,
        32,
    );
    let closest = word.is_some_and(|word| other.is_none_or(|other| other.start <= word.start));
    (closest || labelled_after).then_some(SHAPED)
}

/// Whether the digits read as a calendar date.
pub(crate) fn is_date(value: &str) -> bool {
    let mut parts = value.split(['-', '/', '.']);
    let [a, b, c] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let more = parts.next().is_some();
    let plain = value.len() == 8
        && value.bytes().all(|b| b.is_ascii_digit())
        && (value.starts_with("19") || value.starts_with("20"));
    let year = |part: &str| part.len() == 4 && (part.starts_with("19") || part.starts_with("20"));
    let short = |part: &str| (1..=2).contains(&part.len());
    let dated = (year(a) && short(b) && short(c)) || (short(a) && short(b) && (year(c) || c.len() == 2));
    plain || if more { year(a) && short(b) } else { dated }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn telephone_numbers() {
        check(
            Phone,
            &[
                ("at +1 201-559-3834.", &["+1 201-559-3834"]),
                ("or 030 551547.", &["030 551547"]),
                ("+49.30.166337", &["+49.30.166337"]),
                ("+44 (20) 7123 4567", &["+44 (20) 7123 4567"]),
                ("+46 (0)179 459 33 mobile", &["+46 (0)179 459 33"]),
                ("(201) 524-5752 |", &["(201) 524-5752"]),
                ("Contact: 1-212-671-8200.", &["1-212-671-8200"]),
                ("001-846-853-9089x92556 fax", &["001-846-853-9089x92556"]),
                ("455 6186 office", &["455 6186"]),
                ("call 2813882583", &["2813882583"]),
                (r#"{"phone": "612 34 89 20"}"#, &["612 34 89 20"]),
                ("took 2813882583 ns", &[]),
                ("ref 5731 2372 8422 5974", &[]),
                ("ORD-2019-694628", &[]),
                ("call me on 2024-05-18", &[]),
                ("+0000", &[]),
            ],
        );
    }
}
