//! The United Kingdom and Ireland.

use super::{id, named_closely, weak};
use crate::checksum::weighted;
use crate::context::Class;
use crate::formats::{Candidate, Format, SHAPED};

pub(crate) static FORMATS: &[Format] = &[
    id("uk-nhs", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}", |c| {
        let d = c.digits();
        let check = (11 - weighted(&d[..9], &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        weak(c, check == u32::from(d[9]))
    }),
    id("uk-nino", r"(?i)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]", nino),
    id("uk-passport", r"(?i)[A-Z]{2}[0-9]{7}", |c| c.if_named_or_alone(Class::IDENTITY)),
    id("uk-driving-licence", r"(?i)[A-Z9]{5}[0-9]{6}[A-Z9]{2}[A-Z0-9]{3}", driving_licence),
    id("uk-utr", r"[0-9]{5} ?[0-9]{5}", |c| named_closely(c).then_some(SHAPED)),
    id("uk-plate", r"(?i)[A-Z]{2}[0-9]{2}[ -]?[A-Z]{3}", |c| {
        let v = c.compact();
        let b = v.as_bytes();
        let age = (b[2] - b'0') * 10 + (b[3] - b'0');
        let valid = !b"IQZ".contains(&b[0])
            && !b"IQZ".contains(&b[1])
            && (matches!(age, 2..=29) || matches!(age, 51..=79))
            && !b[4..].iter().any(|x| b"IQ".contains(x));
        valid.then(|| c.if_named_or_alone(Class::VEHICLE)).flatten()
    }),
    id("uk-plate-prefix", r"(?i)[A-HJ-NPR-TV-Y][0-9]{1,3} ?[A-HJ-PR-Y]{3}", |c| c.if_named_or_alone(Class::VEHICLE)),
    id("uk-plate-suffix", r"(?i)[A-HJ-PR-Y]{3} ?[0-9]{1,3}[A-HJ-NPR-TV-Y]", |c| c.if_named_or_alone(Class::VEHICLE)),
    id("ie-pps", r"(?i)[0-9]{7}[A-W][A-IW]?", |c| {
        let v = c.compact();
        let b = v.as_bytes();
        let extra = b.get(8).map_or(0, |x| if *x == b'W' { 0 } else { u32::from(x - b'A') + 1 });
        let sum = weighted(&c.digits(), &[8, 7, 6, 5, 4, 3, 2]) + extra * 9;
        weak(c, b"WABCDEFGHIJKLMNOPQRSTUV"[(sum % 23) as usize] == b[7])
    }),
];

fn nino(c: &Candidate<'_>) -> Option<u8> {
    let compact = c.compact();
    let barred = ["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"].contains(&&compact[..2]);
    (!barred && !c.is_reference()).then_some(SHAPED + 10)
}

/// Surname, decade, month (plus 50 for women), day, year, initials.
fn driving_licence(c: &Candidate<'_>) -> Option<u8> {
    let v = c.compact();
    let surname = v[..5].trim_end_matches('9');
    let d = &v.as_bytes()[5..11];
    let pair = |i: usize| (d[i] - b'0') * 10 + (d[i + 1] - b'0');
    let month = pair(1) % 50;
    let valid = !surname.is_empty()
        && !surname.contains('9')
        && (1..=12).contains(&month)
        && pair(1) <= 62
        && (1..=31).contains(&pair(3));
    valid.then_some(SHAPED + 10)
}

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::NationalId;
    use crate::recognizers::testing::check;

    #[test]
    fn british_numbers() {
        check(
            NationalId,
            &[
                ("NHS number 943 476 5919", &["943 476 5919"]),
                ("NHS number 943 476 5918", &[]),
                ("her nino is AB 12 34 56 C", &["AB 12 34 56 C"]),
                ("code BG123456A", &[]),
                ("licence JONES710238HA9XY please", &["JONES710238HA9XY"]),
                ("plate AB12 CDE", &["AB12 CDE"]),
                ("gate AB12 CDE", &[]),
                ("PPS 1234567FA personal id", &["1234567FA"]),
            ],
        );
    }
}
