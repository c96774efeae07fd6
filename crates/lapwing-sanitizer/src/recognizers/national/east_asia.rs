//! Korea, China, Hong Kong, Taiwan, Japan.

use super::{id, is_date, weak};
use crate::checksum::weighted;
use crate::context::Class;
use crate::formats::{Format, SHAPED};

pub(crate) static FORMATS: &[Format] = &[
    id("kr-rrn", r"[0-9]{6}-?[1-8][0-9]{6}", |c| {
        let d = c.digits();
        let check = (11 - weighted(&d[..12], &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11) % 10;
        // Numbers of foreigners add two to the check digit; those given since October 2020 have none.
        let foreign = d[6] >= 5 && (check + 2) % 10 == u32::from(d[12]);
        let recent = d[6] % 4 == 3 || d[6] % 4 == 0;
        let holds = is_date(&d, "ymd") && (check == u32::from(d[12]) || foreign || (recent && c.near(Class::IDENTITY)));
        if c.value().contains('-') { c.if_checked(holds) } else { weak(c, holds) }
    }),
    id("kr-brn", r"[0-9]{3}-?[0-9]{2}-?[0-9]{5}", |c| {
        let d = c.digits();
        let sum = weighted(&d[..9], &[1, 3, 7, 1, 3, 7, 1, 3, 5]) + u32::from(d[8]) * 5 / 10;
        let holds = (10 - sum % 10) % 10 == u32::from(d[9]);
        if c.value().contains('-') { c.if_checked(holds).map(|_| SHAPED) } else { weak(c, holds) }
    }),
    id("kr-passport", r"(?i)[MSRODG][0-9]{3}(?:[A-Z][0-9]{4}|[0-9]{5})", |c| c.if_named_or_alone(Class::IDENTITY)),
    id("kr-driver-license", r"(?:1[1-9]|2[0-68])-?[0-9]{2}-?[0-9]{6}-?[0-9]{2}", |c| {
        if c.value().contains('-') { Some(SHAPED) } else { c.if_named_or_alone(Class::IDENTITY) }
    }),
    id(
        "cn-resident",
        r"(?i)[1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]",
        |c| {
            let v = c.compact();
            let b = v.as_bytes();
            let digits: Vec<u8> = b[..17].iter().map(|x| x - b'0').collect();
            let sum = weighted(&digits, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
            c.if_checked(b"10X98765432"[(sum % 11) as usize] == b[17])
        },
    ),
    id("hk-identity", r"(?i)[A-Z]{1,2}[0-9]{6}\([0-9A]\)", |_| Some(SHAPED)),
    id("tw-identity", r"(?i)[A-Z][1289][0-9]{8}", |c| {
        const AREA: [u8; 26] =
            [10, 11, 12, 13, 14, 15, 16, 17, 34, 18, 19, 20, 21, 22, 35, 23, 24, 25, 26, 27, 28, 29, 32, 30, 31, 33];
        let v = c.compact();
        let area = AREA[usize::from(v.as_bytes()[0] - b'A')];
        let sum = u32::from(area / 10) + u32::from(area % 10) * 9 + weighted(&c.digits(), &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
        weak(c, sum.is_multiple_of(10))
    }),
    id("jp-my-number", r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}", |c| {
        let d = c.digits();
        let rest = weighted(&d[..11], &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        let check = if rest <= 1 { 0 } else { 11 - rest };
        (check == u32::from(d[11])).then(|| c.if_named(Class::IDENTITY)).flatten()
    }),
];

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::NationalId;
    use crate::recognizers::testing::check;

    #[test]
    fn east_asian_numbers() {
        check(
            NationalId,
            &[
                ("RRN 960121-1021413", &["960121-1021413"]),
                ("rows 001332-1234567", &[]),
                ("BRN 104-82-13138", &["104-82-13138"]),
                ("여권번호는 M789C1234입니다", &["M789C1234"]),
                ("身份证 11010519491231002X", &["11010519491231002X"]),
                ("HKID A123456(3)", &["A123456(3)"]),
                ("ID card A123456789", &["A123456789"]),
            ],
        );
    }
}
