//! International bank account numbers (ISO 13616): length by country, letters where they may stand, remainder one.

use std::sync::LazyLock;

use crate::checksum::iban_mod97;
use crate::entity::EntityType::Iban;
use crate::formats::{CHECKED, Candidate, Format};
use crate::words::WordTable;

/// Length of the whole number by country, from the registry that SWIFT keeps.
const LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 \
                       FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 \
                       MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 \
                       SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30 AO25 BF28 BJ28 CF27 CG27 CI28 CM27 CV25 DZ26 GA27 GQ27 GW25 IR26 KM27 MA28 \
                       MG27 ML28 MZ25 NE28 SN28 TD27 TG28";

static LENGTH_BY_COUNTRY: LazyLock<WordTable> = LazyLock::new(|| {
    let entries = LENGTHS.split_whitespace().map(|entry| entry.split_at(2));
    let parsed = entries.map(|(country, length)| (country, length.parse().expect("the lengths are numbers")));
    WordTable::new(parsed, |_, new| new)
});

pub(crate) static FORMATS: &[Format] =
    &[Format { name: "iban", entity: Iban, pattern: r"(?i)[A-Z]{2}[0-9]{2}[A-Z0-9]*(?:[ -][A-Z0-9]+)*", judge }];

fn judge(c: &Candidate<'_>) -> Option<u8> {
    if c.value().len() < 15 || c.digits < 8 {
        return None;
    }
    let country = [c.value().as_bytes()[0].to_ascii_uppercase(), c.value().as_bytes()[1].to_ascii_uppercase()];
    let length = usize::from(LENGTH_BY_COUNTRY.get(&country));
    if length == 0 || !(length..=length * 2).contains(&c.value().len()) {
        return None;
    }
    let compact = c.compact();
    let letters = c.value().chars().filter(|x| x.is_ascii_alphabetic()).count();
    let uppers = c.value().chars().filter(|x| x.is_ascii_uppercase()).count();
    let one_case = uppers == letters || uppers == 0;
    (length == compact.len() && one_case && evenly_grouped(c.value()) && iban_mod97(compact.as_bytes()))
        .then_some(CHECKED + 5)
}

/// Whether the number is written without separators or in groups that begin with four.
fn evenly_grouped(value: &str) -> bool {
    let first = value.find([' ', '-']).unwrap_or(value.len());
    first == value.len() || first == 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn ibans_by_country_and_sum() {
        check(
            Iban,
            &[
                ("IBAN GB82 WEST 1234 5698 7654 32, thanks", &["GB82 WEST 1234 5698 7654 32"]),
                ("DE89370400440532013000", &["DE89370400440532013000"]),
                ("de89370400440532013000", &["de89370400440532013000"]),
                ("DE89370400440532013001", &[]),
                ("NO9386011117947 and NL91ABNA0417164300", &["NO9386011117947", "NL91ABNA0417164300"]),
                ("<iban>FR1420041010050500013M02606</iban>", &["FR1420041010050500013M02606"]),
                ("ZZ82WEST12345698765432", &[]),
            ],
        );
    }
}
