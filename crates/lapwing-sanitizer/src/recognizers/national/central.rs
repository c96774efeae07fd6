//! The Netherlands, Poland, Czechia, Romania, Bulgaria, Croatia.

use super::{id, is_date, weak};
use crate::checksum::{mod11_10, modulo, weighted};
use crate::context::Class;
use crate::formats::{Candidate, Format};

pub(crate) static FORMATS: &[Format] = &[
    id("nl-bsn", r"[0-9]{9}|[0-9]{4}[. ][0-9]{2}[. ][0-9]{3}", |c| {
        let d = c.digits();
        let sum = weighted(&d[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) + 10 * u32::from(d[8]);
        weak(c, sum.is_multiple_of(11) && sum > 0)
    }),
    id("nl-vat", r"(?i)NL ?[0-9]{9}B[0-9]{2}", |c| c.if_checked(true)),
    id("nl-passport", r"(?i)[A-NP-Z]{2}[A-NP-Z0-9]{6}[0-9]", |c| {
        (c.digits().len() >= 2).then(|| c.if_named(Class::IDENTITY)).flatten()
    }),
    id("pl-pesel", r"[0-9]{11}", |c| {
        let d = c.digits();
        let check = (10 - weighted(&d[..10], &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10;
        let month = (d[2] * 10 + d[3]) % 20;
        let day = d[4] * 10 + d[5];
        weak(c, check == u32::from(d[10]) && (1..=12).contains(&month) && (1..=31).contains(&day))
    }),
    id("pl-nip", r"[0-9]{3}-?[0-9]{3}-?[0-9]{2}-?[0-9]{2}|[0-9]{3}-[0-9]{2}-[0-9]{2}-[0-9]{3}", |c| {
        let d = c.digits();
        let holds = weighted(&d[..9], &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == u32::from(d[9]);
        if c.value().contains('-') { c.if_checked(holds) } else { weak(c, holds) }
    }),
    id("pl-regon", r"[0-9]{9}", |c| {
        let d = c.digits();
        weak(c, weighted(&d[..8], &[8, 9, 2, 3, 4, 5, 6, 7]) % 11 % 10 == u32::from(d[8]))
    }),
    id("pl-id-card", r"[A-Z]{3} [0-9]{6}|(?i:[A-Z]{3}[0-9]{6})", polish_card),
    id("cz-birth-number", r"[0-9]{6}/[0-9]{3,4}", |c| {
        let d = c.digits();
        let month = (d[2] * 10 + d[3]) % 50 % 20;
        let dated = (1..=12).contains(&month) && (1..=31).contains(&(d[4] * 10 + d[5]));
        c.if_checked(dated && (d.len() == 9 || modulo(&d, 11) == 0)).map(|score| score - 10)
    }),
    id("ro-cnp", r"[1-9][0-9]{12}", |c| {
        let d = c.digits();
        let check = match weighted(&d[..12], &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11 {
            10 => 1,
            rest => rest,
        };
        weak(c, check == u32::from(d[12]) && is_date(&d[1..], "ymd"))
    }),
    id("bg-egn", r"[0-9]{10}", |c| {
        let d = c.digits();
        let month = (d[2] * 10 + d[3]) % 20;
        let dated = (1..=12).contains(&month) && (1..=31).contains(&(d[4] * 10 + d[5]));
        weak(c, dated && weighted(&d[..9], &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == u32::from(d[9]))
    }),
    id("hr-oib", r"[0-9]{11}", |c| weak(c, mod11_10(&c.digits()))),
];

fn polish_card(c: &Candidate<'_>) -> Option<u8> {
    let v = c.compact();
    let b = v.as_bytes();
    let letters: u32 = b[..3].iter().zip([7, 3, 1]).map(|(x, w)| (u32::from(x - b'A') + 10) * w).sum();
    let digits: u32 = b[4..].iter().zip([7, 3, 1, 7, 3]).map(|(x, w)| u32::from(x - b'0') * w).sum();
    weak(c, (letters + digits) % 10 == u32::from(b[3] - b'0'))
}

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::NationalId;
    use crate::recognizers::testing::check;

    #[test]
    fn central_european_numbers() {
        check(
            NationalId,
            &[
                ("BSN 111222333", &["111222333"]),
                ("rows 111222334", &[]),
                ("PESEL 44051401359", &["44051401359"]),
                ("rows 44051401358", &[]),
                ("NIP 526-000-12-46", &["526-000-12-46"]),
                ("dowód osobisty ABA300000", &["ABA300000"]),
                ("rodné číslo 736028/5163", &["736028/5163"]),
                ("rows 1960529460013", &[]),
                ("OIB 33392005961", &["33392005961"]),
            ],
        );
    }
}
