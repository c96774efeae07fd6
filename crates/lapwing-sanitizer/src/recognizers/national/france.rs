//! France and Belgium.

use super::{id, is_date, weak};
use crate::checksum::{luhn, modulo};
use crate::context::Class;
use crate::formats::{Format, SHAPED};

pub(crate) static FORMATS: &[Format] = &[
    id(
        "fr-nir",
        r"(?i)[12378] ?[0-9]{2} ?(?:0[1-9]|1[0-2]|[2-9][0-9]) ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
        |c| {
            let v = c.compact();
            let (body, key) = v.split_at(13);
            let corsica = match &body[5..7] {
                "2A" => 1_000_000,
                "2B" => 2_000_000,
                _ => 0,
            };
            let number: u64 = body.replace(['A', 'B'], "0").parse().ok()?;
            c.if_checked(97 - (number - corsica) % 97 == key.parse::<u64>().ok()?)
        },
    ),
    id("fr-siren", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", |c| weak(c, luhn(&c.digits()))),
    id("fr-siret", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3} ?[0-9]{5}", |c| weak(c, luhn(&c.digits()))),
    id("fr-vat", r"(?i)FR ?[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", |c| {
        let d = c.digits();
        let expect = (12 + 3 * modulo(&d[2..], 97)) % 97;
        c.if_checked(expect == u64::from(d[0] * 10 + d[1]))
    }),
    id("fr-passport", r"(?i)[0-9]{2}[A-Z]{2}[0-9]{5}", |c| c.if_named_or_alone(Class::IDENTITY)),
    id("fr-identity-card", r"(?i)(?:[0-9]{12}|[A-Z0-9]{9})", |c| {
        let v = c.value();
        let mixed = v.bytes().filter(u8::is_ascii_digit).count() >= 4;
        (mixed && (v.len() != 9 || v.bytes().any(|b| b.is_ascii_alphabetic())))
            .then(|| c.if_named(Class::IDENTITY))
            .flatten()
            .map(|_| SHAPED)
    }),
    id("be-national-number", r"[0-9]{2}\.?[0-9]{2}\.?[0-9]{2}-?[0-9]{3}\.?[0-9]{2}", |c| {
        let d = c.digits();
        let check = u64::from(d[9]) * 10 + u64::from(d[10]);
        let born_1900s = 97 - modulo(&d[..9], 97) == check;
        let millennial: Vec<u8> = std::iter::once(2).chain(d[..9].iter().copied()).collect();
        let holds = (born_1900s || 97 - modulo(&millennial, 97) == check) && is_date(&d, "ymd");
        if c.value().contains('-') { c.if_checked(holds) } else { weak(c, holds) }
    }),
    id("be-vat", r"(?i)BE ?0?[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}", |c| {
        let d = c.digits();
        let d = &d[d.len() - 9..];
        c.if_checked(97 - modulo(&d[..7], 97) == u64::from(d[7]) * 10 + u64::from(d[8]))
    }),
];

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::NationalId;
    use crate::recognizers::testing::check;

    #[test]
    fn french_and_belgian_numbers() {
        check(
            NationalId,
            &[
                ("NIR 2 55 08 14 168 025 38", &["2 55 08 14 168 025 38"]),
                ("255081416802539", &[]),
                ("SIREN 732 829 320", &["732 829 320"]),
                ("TVA FR83404833048", &["FR83404833048"]),
                ("rijksregisternummer 85.07.30-033.28", &["85.07.30-033.28"]),
                ("passeport 12AB34567", &["12AB34567"]),
            ],
        );
    }
}
