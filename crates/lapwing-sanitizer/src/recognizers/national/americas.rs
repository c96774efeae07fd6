//! The United States (besides the social security number), Canada, Mexico, Brazil, Argentina, Chile.

use super::{id, is_date, named_closely, weak};
use crate::checksum::{luhn, weighted};
use crate::context::Class;
use crate::formats::{Format, SHAPED};

pub(crate) static FORMATS: &[Format] = &[
    id("us-itin", r"9[0-9]{2}[- ](?:5[0-9]|6[0-5]|7[0-9]|8[0-8]|9[0-24-9])[- ][0-9]{4}", |_| Some(SHAPED)),
    id("us-itin-plain", r"9[0-9]{2}(?:5[0-9]|6[0-5]|7[0-9]|8[0-8]|9[0-24-9])[0-9]{4}", |c| c.if_named(Class::SSN)),
    id(
        "us-mbi",
        r"(?i)[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-?[AC-HJKMNP-RT-Y]{2}[0-9]{2}",
        |c| if c.value().contains('-') { Some(SHAPED) } else { c.if_named_or_alone(Class::IDENTITY) },
    ),
    id("us-npi", r"[12][0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}", |c| {
        let prefixed: Vec<u8> = [8, 0, 8, 4, 0].into_iter().chain(c.digits().iter().copied()).collect();
        weak(c, luhn(&prefixed))
    }),
    id("us-dea", r"(?i)[ABCDEFGHJKLMPRSTUX][A-Z9][0-9]{7}", |c| {
        let d = c.digits();
        let d = &d[d.len() - 7..];
        let sum = u32::from(d[0] + d[2] + d[4]) + 2 * u32::from(d[1] + d[3] + d[5]);
        weak(c, sum % 10 == u32::from(d[6]))
    }),
    id("us-passport", r"(?i)(?:[0-9]{9}|[A-Z][0-9]{8})", |c| {
        if c.value().as_bytes()[0].is_ascii_digit() {
            c.if_named(Class::IDENTITY)
        } else {
            c.if_named_or_alone(Class::IDENTITY)
        }
    }),
    id("us-driver-license", r"(?:[A-Z]{1,2}[- ]|(?i:[A-Z]{1,2}))?[0-9]+(?:[- ][0-9]+)*(?i:[A-Z])?", |c| {
        ((5..=16).contains(&c.digits) && named_closely(c)).then_some(SHAPED - 10)
    }),
    id("us-ein", r"[0-9]{2}-[0-9]{7}", |c| c.if_named(Class::IDENTITY.or(Class::SSN))),
    id("ca-sin", r"[1-79][0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{3}", |c| {
        let d = c.digits();
        weak(c, luhn(&d) && d.iter().any(|x| *x != d[0]))
    }),
    id("mx-curp", r"(?i)[A-Z][AEIOUX][A-Z]{2}[0-9]{6}[HMX][A-Z]{5}[0-9A-Z][0-9]", |c| {
        is_date(&c.digits(), "ymd").then_some(SHAPED + 10)
    }),
    id("mx-rfc", r"(?i)[A-Z&]{3,4}[0-9]{6}[A-Z0-9]{3}", |c| {
        is_date(&c.digits(), "ymd").then(|| c.if_named_or_alone(Class::IDENTITY)).flatten()
    }),
    id("br-cpf", r"[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]{2}", |c| {
        let d = c.digits();
        let holds = cpf(&d);
        if c.value().contains('-') { c.if_checked(holds) } else { weak(c, holds) }
    }),
    id("br-cnpj", r"[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}/?[0-9]{4}-?[0-9]{2}", |c| {
        let d = c.digits();
        let holds = cnpj(&d);
        if c.value().contains('/') { c.if_checked(holds) } else { weak(c, holds) }
    }),
    id("ar-cuit", r"(?:20|23|24|27|30|33|34)-?[0-9]{8}-?[0-9]", |c| {
        let d = c.digits();
        let check = match 11 - weighted(&d[..10], &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11 {
            11 => 0,
            10 => 9,
            rest => rest,
        };
        let holds = check == u32::from(d[10]);
        if c.value().contains('-') { c.if_checked(holds) } else { weak(c, holds) }
    }),
    id("cl-rut", r"(?i)[0-9]{1,2}\.?[0-9]{3}\.?[0-9]{3}-[0-9K]", |c| {
        let compact = c.compact();
        let (body, check) = compact.split_at(compact.len() - 1);
        let sum: u32 =
            body.bytes().rev().zip([2, 3, 4, 5, 6, 7].into_iter().cycle()).map(|(b, w)| u32::from(b - b'0') * w).sum();
        let expect = match 11 - sum % 11 {
            11 => "0".to_owned(),
            10 => "K".to_owned(),
            rest => rest.to_string(),
        };
        let holds = expect == check;
        if c.value().contains('.') { c.if_checked(holds) } else { weak(c, holds) }
    }),
];

fn cpf(d: &[u8]) -> bool {
    let digit = |n: usize| {
        let sum: u32 = d[..n].iter().zip((2..=n as u32 + 1).rev()).map(|(&d, w)| u32::from(d) * w).sum();
        (sum * 10 % 11 % 10) as u8
    };
    d.iter().any(|x| *x != d[0]) && digit(9) == d[9] && digit(10) == d[10]
}

fn cnpj(d: &[u8]) -> bool {
    const WEIGHTS: [u32; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    let digit = |n: usize| match weighted(&d[..n], &WEIGHTS[13 - n..]) % 11 {
        0 | 1 => 0,
        rest => 11 - rest as u8,
    };
    d.iter().any(|x| *x != d[0]) && digit(12) == d[12] && digit(13) == d[13]
}

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::NationalId;
    use crate::recognizers::testing::check;

    #[test]
    fn american_numbers() {
        check(
            NationalId,
            &[
                ("ITIN 912-71-4321 on file", &["912-71-4321"]),
                ("Medicare 2AC3-CD4-EF56", &["2AC3-CD4-EF56"]),
                ("NPI 1245319599", &["1245319599"]),
                ("took 1245319598 ns", &[]),
                ("CPF 529.982.247-25", &["529.982.247-25"]),
                ("cpf 529.982.247-26.", &[]),
                ("CNPJ: 11.222.333/0001-81", &["11.222.333/0001-81"]),
                ("CUIT 20-12345678-6", &["20-12345678-6"]),
                ("RUT 12.345.678-5", &["12.345.678-5"]),
                ("CURP GOMC800101HDFRRL09", &["GOMC800101HDFRRL09"]),
                ("my SIN is 130-692-544", &["130-692-544"]),
                ("passport number A12345678", &["A12345678"]),
                ("order 123456789 shipped", &[]),
            ],
        );
    }
}
