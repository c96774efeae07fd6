//! Spain and Portugal.

use super::{id, weak};
use crate::checksum::{modulo, weighted};
use crate::context::Class;
use crate::formats::{Candidate, Format};

const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

pub(crate) static FORMATS: &[Format] = &[
    id("es-nif", r"(?i)[0-9]{7,8}[- ]?[A-HJ-NP-TV-Z]", |c| control_letter(c, "")),
    id("es-nif-dotted", r"(?i)[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}[- ]?[A-HJ-NP-TV-Z]", |c| control_letter(c, "")),
    id("es-nie", r"(?i)X[- ]?[0-9]{7}[- ]?[A-HJ-NP-TV-Z]", |c| control_letter(c, "0")),
    id("es-nie-y", r"(?i)Y[- ]?[0-9]{7}[- ]?[A-HJ-NP-TV-Z]", |c| control_letter(c, "1")),
    id("es-nie-z", r"(?i)Z[- ]?[0-9]{7}[- ]?[A-HJ-NP-TV-Z]", |c| control_letter(c, "2")),
    id("es-cif", r"(?i)[ABCDEFGHJNPQRSUVW]-?[0-9]{7}-?[0-9A-J]", |c| {
        let v = c.compact();
        let b = v.as_bytes();
        let sum: u32 = b[1..8]
            .iter()
            .enumerate()
            .map(|(i, x)| (i, u32::from(x - b'0')))
            .map(|(i, x)| if i % 2 == 0 { x * 2 / 10 + x * 2 % 10 } else { x })
            .sum();
        let check = (10 - sum % 10) % 10;
        weak(c, u32::from(b[8]) == check + u32::from(b'0') || b[8] == b"JABCDEFGHI"[check as usize])
    }),
    id("es-passport", r"(?i)[A-Z]{3}[0-9]{6}[A-Z]?", |c| c.if_named_or_alone(Class::IDENTITY)),
    id("es-social-security", r"[0-9]{2}[/ ]?[0-9]{8}[/ ]?[0-9]{2}", |c| {
        let d = c.digits();
        weak(c, modulo(&d[..10], 97) == u64::from(d[10]) * 10 + u64::from(d[11]))
    }),
    id("pt-nif", r"[1235689][0-9]{2} ?[0-9]{3} ?[0-9]{3}", |c| {
        let d = c.digits();
        let check = match 11 - weighted(&d[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 {
            10 | 11 => 0,
            rest => rest,
        };
        weak(c, check == u32::from(d[8]))
    }),
];

/// The letter of the number modulo 23, the leading letter of a foreigner's number read as a digit.
fn control_letter(c: &Candidate<'_>, leading: &str) -> Option<u8> {
    let digits = c.digits();
    let lead = leading.bytes().map(|b| b - b'0');
    let number: Vec<u8> = lead.chain(digits.iter().copied()).collect();
    let letter = c.value().bytes().last()?.to_ascii_uppercase();
    c.if_checked(LETTERS[modulo(&number, 23) as usize] == letter)
}

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::NationalId;
    use crate::recognizers::testing::check;

    #[test]
    fn iberian_numbers() {
        check(
            NationalId,
            &[
                ("DNI 12345678Z", &["12345678Z"]),
                ("code 12345678A", &[]),
                ("NIE X1234567L", &["X1234567L"]),
                ("CIF A58818501", &["A58818501"]),
                ("NIF 123456789", &["123456789"]),
                ("pasaporte PAA123456", &["PAA123456"]),
            ],
        );
    }
}
