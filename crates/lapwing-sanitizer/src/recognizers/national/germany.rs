//! Germany, Austria, Switzerland.

use super::{id, is_date, weak};
use crate::checksum::{mod11_10, weighted};
use crate::context::Class;
use crate::formats::{ALONE, Candidate, Format, SHAPED};

pub(crate) static FORMATS: &[Format] = &[
    id("de-tax-id", r"[1-9][0-9]{10}|[1-9][0-9] [0-9]{3} [0-9]{3} [0-9]{3}", |c| {
        let d = c.digits();
        weak(c, mod11_10(&d))
    }),
    id("de-tax-number", r"[0-9]{2,3}/[0-9]{3,4}/[0-9]{4,5}", |c| c.if_named_or_alone(Class::IDENTITY)),
    id("de-tax-number-plain", r"[0-9]{10,13}", |c| {
        c.if_named(Class::IDENTITY)
            .map(|_| ALONE - 5)
            .or((c.alone && c.value().len() == 13 && c.digits()[4] == 0).then_some(ALONE))
    }),
    id("de-id-card", r"(?i)[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{7}[0-9]{1,2}", document),
    id("de-social-security", r"(?i)[0-9]{2} ?[0-9]{6} ?[A-Z] ?[0-9]{3}", social_security),
    id("de-health-insurance", r"(?i)[A-Z][0-9]{9}", |c| {
        let v = c.compact();
        let letter = v.as_bytes()[0] - b'A' + 1;
        let mut d = vec![letter / 10, letter % 10];
        d.extend_from_slice(&c.digits());
        let (body, check) = d.split_at(10);
        let sum: u32 =
            body.iter().enumerate().map(|(i, &x)| u32::from(x) * (1 + i as u32 % 2)).map(|p| p / 10 + p % 10).sum();
        weak(c, sum % 10 == u32::from(check[0]))
    }),
    id("de-lanr", r"[0-9]{9}", |c| {
        let d = c.digits();
        let sum = weighted(&d[..6], &[4, 9, 4, 9, 4, 9]);
        weak(c, (10 - sum % 10) % 10 == u32::from(d[6]))
    }),
    id("de-bsnr", r"[0-9]{9}", |c| {
        const REGIONS: [u8; 19] = [1, 2, 3, 17, 20, 35, 38, 46, 51, 52, 71, 72, 73, 78, 83, 88, 93, 98, 99];
        let d = c.digits();
        let known = REGIONS.contains(&(d[0] * 10 + d[1])) || d[0] == 0;
        known.then(|| c.if_named_or_alone(Class::IDENTITY)).flatten()
    }),
    id("de-vat", r"(?i)DE ?[0-9]{9}", |c| c.if_checked(mod11_10(&c.digits()))),
    id("de-register", r"(?i)HR[AB] ?[0-9]{1,6}", |_| Some(SHAPED)),
    id("de-plate", r"(?i)[A-Z]{1,3}[- ][A-Z]{1,2}[- ]?[0-9]{1,4}[EH]?", |c| c.if_named_or_alone(Class::VEHICLE)),
    id("de-driving-licence", r"(?i)[A-Z][A-Z0-9][0-9]{8}[A-Z0-9]", |c| {
        let letters = c.value().bytes().filter(u8::is_ascii_alphabetic).count();
        (letters >= 2).then(|| c.if_named_or_alone(Class::IDENTITY)).flatten()
    }),
    id("at-svnr", r"[1-9][0-9]{3} ?[0-9]{6}", |c| {
        let d = c.digits();
        let sum = weighted(&d[..3], &[3, 7, 9]) + weighted(&d[4..10], &[5, 8, 4, 2, 1, 6]);
        weak(c, sum % 11 == u32::from(d[3]) && is_date(&d[4..], "dmy"))
    }),
    id("ch-ahv", r"756[. ]?[0-9]{4}[. ]?[0-9]{4}[. ]?[0-9]{2}", |c| {
        let d = c.digits();
        let sum: u32 = d[..12].iter().enumerate().map(|(i, &x)| u32::from(x) * if i % 2 == 0 { 1 } else { 3 }).sum();
        c.if_checked((10 - sum % 10) % 10 == u32::from(d[12]))
    }),
];

/// The serial number of an identity card or passport, check digit last (weights 7, 3, 1).
fn document(c: &Candidate<'_>) -> Option<u8> {
    let v = c.compact();
    let b = v.as_bytes();
    if !b.iter().any(u8::is_ascii_digit) {
        return None;
    }
    let value = |x: u8| if x.is_ascii_digit() { u32::from(x - b'0') } else { u32::from(x - b'A') + 10 };
    let sum = |n: usize| -> u32 { b[..n].iter().zip([7, 3, 1].into_iter().cycle()).map(|(&x, w)| value(x) * w).sum() };
    let holds = match b.len() {
        10 => sum(9) % 10 == value(b[9]),
        // Nine characters: the serial itself, or the older form whose last character is the check digit.
        _ => return weak(c, sum(8) % 10 == value(b[8])).or_else(|| c.if_named_or_alone(Class::IDENTITY)),
    };
    weak(c, holds)
}

fn social_security(c: &Candidate<'_>) -> Option<u8> {
    let v = c.compact();
    let b = v.as_bytes();
    let day = (b[2] - b'0') * 10 + (b[3] - b'0');
    let month = (b[4] - b'0') * 10 + (b[5] - b'0');
    if !(1..=12).contains(&month) || !matches!(day, 1..=31 | 51..=81) {
        return None;
    }
    let letter = b[8] - b'A' + 1;
    let mut d: Vec<u8> = b[..8].iter().map(|x| x - b'0').collect();
    d.extend([letter / 10, letter % 10, b[9] - b'0', b[10] - b'0']);
    let sum: u32 = d
        .iter()
        .zip([2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1])
        .map(|(&x, w)| u32::from(x) * w)
        .map(|p| p / 10 + p % 10)
        .sum();
    c.if_checked(sum % 10 == u32::from(b[11] - b'0'))
}

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::NationalId;
    use crate::recognizers::testing::check;

    #[test]
    fn german_numbers() {
        check(
            NationalId,
            &[
                ("Meine Steuer-ID: 86095742719.", &["86095742719"]),
                ("rows 86095742718", &[]),
                ("Ausweis Nr. T22000129", &["T22000129"]),
                ("Rentenversicherungsnummer 65070803A019", &["65070803A019"]),
                ("Wert 65070803A012", &[]),
                ("USt-IdNr. DE136695976", &["DE136695976"]),
                ("Amtsgericht Bonn HRB 6794", &["HRB 6794"]),
                ("Kennzeichen: B-MW 1234", &["B-MW 1234"]),
                ("AHV 756.9217.0769.85", &["756.9217.0769.85"]),
            ],
        );
    }
}
