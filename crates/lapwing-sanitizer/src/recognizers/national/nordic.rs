//! Sweden, Finland, Norway, Denmark, Iceland, Estonia.

use super::{id, is_date, weak};
use crate::checksum::{luhn, modulo, weighted};
use crate::context::Class;
use crate::formats::{Candidate, Format, SHAPED};

pub(crate) static FORMATS: &[Format] = &[
    id("se-personnummer", r"(?:18|19|20)?[0-9]{6}[-+]?[0-9]{4}", swedish),
    id("se-organisation", r"[125-9][0-9][2-9][0-9]{3}-?[0-9]{4}", |c| weak(c, luhn(&c.digits()))),
    id("fi-hetu", r"(?i)[0-3][0-9][01][0-9]{3}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]", hetu),
    id("fi-business", r"[0-9]{7}-[0-9]", |c| {
        let d = c.digits();
        let check = (11 - weighted(&d[..7], &[7, 9, 10, 5, 8, 4, 2]) % 11) % 11;
        weak(c, check == u32::from(d[7]))
    }),
    id("no-birth-number", r"[0-7][0-9][0-9]{4} ?[0-9]{5}", |c| {
        let d = c.digits();
        let first = (11 - weighted(&d[..9], &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11;
        let second = (11 - weighted(&d[..10], &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        let day = (d[0] * 10 + d[1]) % 40;
        let month = (d[2] * 10 + d[3]) % 40;
        let dated = (1..=31).contains(&day) && (1..=12).contains(&month);
        c.if_checked(dated && first == u32::from(d[9]) && second == u32::from(d[10]))
    }),
    id("dk-cpr", r"[0-3][0-9][01][0-9]{3}-?[0-9]{4}", |c| {
        is_date(&c.digits(), "dmy").then(|| c.if_named(Class::IDENTITY)).flatten()
    }),
    id("is-kennitala", r"[0-7][0-9][01][0-9]{3}-?[0-9]{4}", |c| {
        let d = c.digits();
        let check = (11 - weighted(&d[..8], &[3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        weak(c, is_date(&d, "dmy") && check == u32::from(d[8]))
    }),
    id("ee-personal-code", r"[1-8][0-9]{10}", |c| {
        let d = c.digits();
        let check = match weighted(&d[..10], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11 {
            10 => weighted(&d[..10], &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10,
            rest => rest,
        };
        weak(c, is_date(&d[1..], "ymd") && check == u32::from(d[10]))
    }),
];

fn swedish(c: &Candidate<'_>) -> Option<u8> {
    let d = c.digits();
    let short = &d[d.len() - 10..];
    // A coordination number has sixty added to its day.
    let day = (short[4] * 10 + short[5]) % 60;
    let month = short[2] * 10 + short[3];
    let holds = luhn(short) && (1..=12).contains(&month) && (1..=31).contains(&day);
    match c.value().contains(['-', '+']) {
        true => c.if_checked(holds).map(|score| score.min(SHAPED + 10)),
        false => weak(c, holds),
    }
}

/// Day, month, year, century sign, individual number, check character modulo 31.
fn hetu(c: &Candidate<'_>) -> Option<u8> {
    const CHECK: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let upper = c.value().to_ascii_uppercase();
    let b = upper.as_bytes();
    let digits: Vec<u8> = b[..6].iter().chain(&b[7..10]).map(|x| x.wrapping_sub(b'0')).collect();
    let individual = modulo(&digits[6..], 1000);
    let holds = digits.iter().all(|x| *x < 10)
        && is_date(&digits, "dmy")
        && individual >= 2
        && CHECK[modulo(&digits, 31) as usize] == b[10];
    c.if_checked(holds)
}

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::NationalId;
    use crate::recognizers::testing::check;

    #[test]
    fn nordic_numbers() {
        check(
            NationalId,
            &[
                ("personnummer 811228-9874", &["811228-9874"]),
                ("rows 811228-9875", &[]),
                ("hetu 131052-308T", &["131052-308T"]),
                ("rows 131052-308U", &[]),
                ("fødselsnummer 01010750160", &["01010750160"]),
                ("CPR 070761-4285", &["070761-4285"]),
            ],
        );
    }
}
