//! Italy.

use super::{id, weak};
use crate::checksum::luhn;
use crate::context::Class;
use crate::formats::{Candidate, Format};

pub(crate) static FORMATS: &[Format] = &[
    id(
        "it-fiscal-code",
        r"(?i)[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]",
        fiscal_code,
    ),
    id("it-vat", r"(?:IT ?)?[0-9]{11}", |c| weak(c, luhn(&c.digits()))),
    id("it-passport", r"(?i)[A-Z]{2}[0-9]{7}", |c| c.if_named_or_alone(Class::IDENTITY)),
    id("it-identity-card", r"(?i)(?:[A-Z]{2}[0-9]{5}[A-Z]{2}|[A-Z]{2} ?[0-9]{7}|[0-9]{7}[A-Z]{2})", |c| {
        if c.value().contains(' ') { c.if_named(Class::IDENTITY) } else { c.if_named_or_alone(Class::IDENTITY) }
    }),
    id("it-driving-licence", r"(?i)(?:[A-Z]{2}[0-9]{7}[A-Z]|U1[BCDFGHLMNPRSTUWXYZ0-9]{7}[A-Z])", |c| {
        c.if_named_or_alone(Class::IDENTITY)
    }),
];

/// The check letter of a fiscal code (ministerial decree of 23 December 1976).
fn fiscal_code(c: &Candidate<'_>) -> Option<u8> {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let v = c.compact();
    let b = v.as_bytes();
    let index = |x: u8| usize::from(if x.is_ascii_digit() { x - b'0' } else { x - b'A' });
    let sum: u32 =
        b[..15].iter().enumerate().map(|(i, &x)| if i % 2 == 0 { ODD[index(x)] } else { index(x) as u32 }).sum();
    c.if_checked(sum % 26 == u32::from(b[15] - b'A'))
}

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::NationalId;
    use crate::recognizers::testing::check;

    #[test]
    fn italian_numbers() {
        check(
            NationalId,
            &[
                ("codice fiscale RSSMRA85T10A562S", &["RSSMRA85T10A562S"]),
                ("RSSMRA85T10A562T", &[]),
                ("partita IVA 12345670017", &["12345670017"]),
                ("carta d'identità CA12345AA", &["CA12345AA"]),
            ],
        );
    }
}
