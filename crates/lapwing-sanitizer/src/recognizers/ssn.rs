//! United States social security numbers.

use crate::context::Class;
use crate::entity::EntityType::UsSsn;
use crate::field::Field;
use crate::formats::{CHECKED, Candidate, Format, NAMED, SHAPED};

pub(crate) static FORMATS: &[Format] = &[
    Format {
        name: "us-ssn",
        entity: UsSsn,
        pattern: r"[0-9]{3}-[0-9]{2}-[0-9]{4}",
        judge: |c| match named(c) {
            true => valid(c).then_some(CHECKED),
            false => (valid(c) && !c.is_reference()).then_some(SHAPED + 5),
        },
    },
    Format {
        name: "us-ssn-spaced",
        entity: UsSsn,
        pattern: r"[0-9]{3}[ .][0-9]{2}[ .][0-9]{4}",
        judge: |c| match named(c) {
            true => valid(c).then_some(CHECKED),
            false => (valid(c) && !c.is_reference()).then_some(SHAPED),
        },
    },
    Format {
        name: "us-ssn-half",
        entity: UsSsn,
        pattern: r"[0-9]{3}-[0-9]{6}|[0-9]{5}-[0-9]{4}",
        judge: |c| {
            let zip_code = c.value().find('-') == Some(5);
            (valid(c) && (named(c) || c.text.trim().len() < 24 && !(zip_code && c.alone))).then_some(NAMED)
        },
    },
    Format {
        name: "us-ssn-plain",
        entity: UsSsn,
        pattern: r"[0-9]{9}",
        judge: |c| match c.field {
            Some(Field::Ssn) => valid(c).then_some(CHECKED + 2),
            _ => (valid(c) && (named(c) || c.alone)).then_some(NAMED + 5),
        },
    },
];

fn named(c: &Candidate<'_>) -> bool {
    c.field == Some(Field::Ssn) || c.near(Class::SSN)
}

/// No area 000, 666 or 9xx, no group 00, no serial 0000, and none of the numbers that advertisements made invalid.
fn valid(c: &Candidate<'_>) -> bool {
    let d = c.digits();
    let area = u32::from(d[0]) * 100 + u32::from(d[1]) * 10 + u32::from(d[2]);
    let all_same = d.iter().all(|x| *x == d[0]);
    let void = [[0, 7, 8, 0, 5, 1, 1, 2, 0], [2, 1, 9, 0, 9, 9, 9, 9, 9], [1, 2, 3, 4, 5, 6, 7, 8, 9]];
    !all_same
        && area != 0
        && area != 666
        && area < 900
        && d[3..5] != [0, 0]
        && d[5..] != [0; 4]
        && !void.iter().any(|v| *v == d[..9])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn social_security_numbers() {
        check(
            UsSsn,
            &[
                ("SSN 439-03-0384.", &["439-03-0384"]),
                ("abc 078 05 1123 abc", &["078 05 1123"]),
                ("439-00-0384", &[]),
                ("666-03-0384", &[]),
                ("912-03-0384", &[]),
                ("isbn 978-0-01-184651-4", &[]),
                ("ssn: 439030384", &["439030384"]),
                ("rows 439030384", &[]),
                (r#"{"ssn": 439030384}"#, &["439030384"]),
            ],
        );
    }
}
