//! Colombia, Ecuador, Peru, Uruguay, Venezuela, and the plain numbers of identity cards that dots part.

use super::{id, weak};
use crate::checksum::{luhn, weighted};
use crate::context::Class;
use crate::formats::Format;

pub(crate) static FORMATS: &[Format] = &[
    id("identity-card-dotted", r"[1-9][0-9]?\.[0-9]{3}\.[0-9]{3}", |c| c.if_named(Class::IDENTITY)),
    id("co-nit", r"[1-9][0-9]{7,9}-[0-9]|[1-9][0-9]{2}\.[0-9]{3}\.[0-9]{3}-[0-9]", |c| {
        const WEIGHTS: [u32; 10] = [3, 7, 13, 17, 19, 23, 29, 37, 41, 43];
        let d = c.digits();
        let (&check, body) = d.split_last()?;
        let sum: u32 = body.iter().rev().zip(WEIGHTS).map(|(&x, w)| u32::from(x) * w).sum();
        let expect = match sum % 11 {
            rest @ 0..=1 => rest,
            rest => 11 - rest,
        };
        weak(c, expect == u32::from(check))
    }),
    id("ec-identity", r"(?:[01][0-9]|2[0-4])[0-5][0-9]{7}", |c| weak(c, luhn(&c.digits()))),
    id("pe-ruc", r"(?:10|15|16|17|20)[0-9]{9}", |c| {
        let d = c.digits();
        let check = (11 - weighted(&d[..10], &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 10;
        weak(c, check == u32::from(d[10]))
    }),
    id("ve-rif", r"(?i)[VEJPG]-?[0-9]{8}-?[0-9]", |c| {
        let v = c.compact();
        let kind = match v.as_bytes()[0] {
            b'V' => 4,
            b'E' => 8,
            b'J' => 12,
            b'P' => 16,
            _ => 20,
        };
        let d = c.digits();
        let rest = 11 - (kind + weighted(&d[..8], &[3, 2, 7, 6, 5, 4, 3, 2])) % 11;
        weak(c, (if rest > 9 { 0 } else { rest }) == u32::from(d[8]))
    }),
];

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::NationalId;
    use crate::recognizers::testing::check;

    #[test]
    fn latin_american_numbers() {
        check(
            NationalId,
            &[
                ("DNI 31.456.789", &["31.456.789"]),
                ("price 31.456.789", &[]),
                ("NIT 213123432-1", &["213123432-1"]),
                ("RUC 20512333797", &["20512333797"]),
                ("rows 20512333797", &[]),
                ("cédula 1714307103", &["1714307103"]),
            ],
        );
    }
}
