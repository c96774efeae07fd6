//! India, Singapore, Thailand, Malaysia.

use super::{id, is_date, weak};
use crate::checksum::{verhoeff, weighted};
use crate::context::Class;
use crate::formats::{Candidate, Format, SHAPED};

pub(crate) static FORMATS: &[Format] = &[
    id("in-aadhaar", r"[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}", |c| weak(c, verhoeff(&c.digits()))),
    id("in-pan", r"(?i)[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]", |c| {
        if c.value().bytes().all(|b| !b.is_ascii_lowercase()) {
            Some(SHAPED)
        } else {
            c.if_named_or_alone(Class::IDENTITY)
        }
    }),
    id("in-pan-loose", r"(?i)[A-Z]{5}[0-9]{4}[A-Z]", |c| c.if_named_or_alone(Class::IDENTITY)),
    id("in-gstin", r"(?i)(?:0[1-9]|[12][0-9]|3[0-8]|9[79])[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]", |_| {
        Some(SHAPED + 10)
    }),
    id("in-voter", r"(?i)[A-Z]{3}[0-9]{7}", |c| c.if_named_or_alone(Class::IDENTITY)),
    id("in-passport", r"(?i)[A-PR-WY][1-9][0-9] ?[0-9]{4}[1-9]", |c| {
        if c.value().contains(' ') { c.if_named(Class::IDENTITY) } else { c.if_named_or_alone(Class::IDENTITY) }
    }),
    id(
        "in-plate",
        r"(?i)(?:AN|AP|AR|AS|BR|CG|CH|DD|DL|DN|GA|GJ|HP|HR|JH|JK|KA|KL|LA|LD|MH|ML|MN|MP|MZ|NL|OD|OR|PB|PY|RJ|SK|TN|TR|TS|UK|UP|WB)[ -]?[0-9]{1,2}[ -]?[A-Z]{1,3}[ -]?[0-9]{4}",
        |c| c.if_named_or_alone(Class::VEHICLE),
    ),
    id("in-plate-diplomatic", r"(?i)I[0-9]{5}|[0-9]{2}BH[0-9]{4}[A-Z]{1,2}", |c| c.if_named_or_alone(Class::VEHICLE)),
    id("sg-nric", r"(?i)[STFGM][0-9]{7}[A-Z]", nric),
    id("sg-uen", r"(?i)(?:[0-9]{8,9}[A-Z]|[TSR][0-9]{2}[A-Z]{2}[0-9]{4}[A-Z])", |c| {
        c.if_named_or_alone(Class::IDENTITY)
    }),
    id("th-tnin", r"[1-8][ -]?[0-9]{4}[ -]?[0-9]{5}[ -]?[0-9]{2}[ -]?[0-9]", |c| {
        let d = c.digits();
        let check = (11 - weighted(&d[..12], &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 10;
        // The second and third digits are a province or a registration kind, from 10 up.
        let province = d[1] * 10 + d[2];
        weak(
            c,
            check == u32::from(d[12])
                && (10..=96).contains(&province)
                && !matches!(province, 28 | 29 | 59 | 68 | 69 | 78 | 79 | 87..=89),
        )
    }),
    id("my-nric", r"[0-9]{6}-[0-9]{2}-[0-9]{4}", |c| is_date(&c.digits(), "ymd").then_some(SHAPED)),
];

fn nric(c: &Candidate<'_>) -> Option<u8> {
    let v = c.compact();
    let b = v.as_bytes();
    let offset = match b[0] {
        b'T' | b'G' => 4,
        b'M' => 3,
        _ => 0,
    };
    let rest = ((weighted(&c.digits(), &[2, 7, 6, 5, 4, 3, 2]) + offset) % 11) as usize;
    let expect = match b[0] {
        b'S' | b'T' => b"JZIHGFEDCBA"[rest],
        b'F' | b'G' => b"XWUTRQPNMLK"[rest],
        _ => b"KLJNPQRTUWX"[10 - rest],
    };
    c.if_checked(expect == b[8]).or_else(|| c.if_named_or_alone(Class::IDENTITY))
}

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::NationalId;
    use crate::recognizers::testing::check;

    #[test]
    fn south_asian_numbers() {
        check(
            NationalId,
            &[
                ("Aadhaar 2341 2341 2346", &["2341 2341 2346"]),
                ("PAN ABCPE1234F", &["ABCPE1234F"]),
                ("NRIC S2740116C was processed", &["S2740116C"]),
                ("part S2740116D was processed", &[]),
                ("Thai ID 1234567890121", &["1234567890121"]),
                ("number plate MH12AB1234", &["MH12AB1234"]),
            ],
        );
    }
}
