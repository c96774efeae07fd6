//! Russia, Ukraine, Greece, Hungary, Slovenia and its neighbours, Latvia, Denmark's businesses.

use super::{id, is_date, weak};
use crate::checksum::{luhn, weighted};
use crate::context::Class;
use crate::formats::Format;

pub(crate) static FORMATS: &[Format] = &[
    id("ru-inn", r"[0-9]{12}", |c| {
        let d = c.digits();
        let check = |weights: &[u32]| weighted(&d[..weights.len()], weights) % 11 % 10;
        let holds = check(&[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) == u32::from(d[10])
            && check(&[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) == u32::from(d[11]);
        weak(c, holds)
    }),
    id("ru-snils", r"[0-9]{3}-[0-9]{3}-[0-9]{3}[ -][0-9]{2}", |c| {
        let d = c.digits();
        let check = weighted(&d[..9], &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100;
        c.if_checked(check == u32::from(d[9]) * 10 + u32::from(d[10]))
    }),
    id("ua-tax", r"[0-9]{10}", |c| {
        let d = c.digits();
        let sum: i32 = d[..9].iter().zip([-1, 5, 7, 9, 4, 6, 10, 5, 7]).map(|(&x, w)| i32::from(x) * w).sum();
        weak(c, sum.rem_euclid(11) % 10 == i32::from(d[9]))
    }),
    id("gr-tax", r"(?:EL ?)?[01][0-9]{8}", |c| {
        let d = c.digits();
        let sum = weighted(&d[..8], &[256, 128, 64, 32, 16, 8, 4, 2]);
        weak(c, sum > 0 && sum % 11 % 10 == u32::from(d[8]))
    }),
    id("gr-amka", r"[0-3][0-9][01][0-9]{3}[0-9]{5}", |c| {
        let d = c.digits();
        weak(c, luhn(&d) && is_date(&d, "dmy"))
    }),
    id("hu-taj", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}", |c| {
        let d = c.digits();
        weak(c, weighted(&d[..8], &[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == u32::from(d[8]))
    }),
    id("hu-tax", r"[0-9]{8}-[1-5]-[0-9]{2}", |c| {
        let d = c.digits();
        let check = (10 - weighted(&d[..7], &[9, 7, 3, 1, 9, 7, 3]) % 10) % 10;
        c.if_checked(check == u32::from(d[7]))
    }),
    // The personal number of what was Yugoslavia.
    id("jmbg", r"[0-3][0-9][01][0-9][09][0-9]{8}", |c| {
        let d = c.digits();
        let check = (11 - weighted(&d[..12], &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        weak(c, is_date(&d, "dmy") && check == u32::from(d[12]))
    }),
    id("lv-personal-code", r"[0-3][0-9][01][0-9]{3}-[0-2][0-9]{4}|32[0-9]{4}-[0-9]{5}", |c| {
        c.if_named_or_alone(Class::IDENTITY)
    }),
    id("dk-business", r"(?:DK ?)?[1-9][0-9]{7}", |c| {
        let d = c.digits();
        weak(c, weighted(&d, &[2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)).filter(|_| !c.alone)
    }),
    id("cz-business", r"CZ ?[0-9]{8,10}", |c| c.if_named_or_alone(Class::IDENTITY)),
    id("sk-business", r"SK ?[0-9]{10}", |c| c.if_named_or_alone(Class::IDENTITY)),
];

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::NationalId;
    use crate::recognizers::testing::check;

    #[test]
    fn eastern_european_numbers() {
        check(
            NationalId,
            &[
                ("ИНН 500100732259", &["500100732259"]),
                ("rows 500100732259", &[]),
                ("СНИЛС 112-233-445 95", &["112-233-445 95"]),
                ("part 112-233-445 96", &[]),
                ("AMKA 01013099997", &["01013099997"]),
                ("EMŠO 0101006500006", &["0101006500006"]),
                ("TAJ szám 123 456 788", &["123 456 788"]),
            ],
        );
    }
}
