//! Turkey, South Africa, Nigeria, Israel, and the general forms that only a word or a field can name.

use super::{id, is_date, named_closely, weak};
use crate::checksum::luhn;
use crate::context::Class;
use crate::formats::{ALONE, Format, SHAPED};

pub(crate) static FORMATS: &[Format] = &[
    id("tr-tckn", r"[1-9][0-9]{10}", |c| {
        let d = c.digits();
        let sum = |from: usize| -> i32 { d[from..9].iter().step_by(2).map(|x| i32::from(*x)).sum() };
        let tenth = (sum(0) * 7 - sum(1)).rem_euclid(10);
        let eleventh = d[..10].iter().map(|x| i32::from(*x)).sum::<i32>() % 10;
        weak(c, tenth == i32::from(d[9]) && eleventh == i32::from(d[10]))
    }),
    id("tr-plate", r"(?i)(?:0[1-9]|[1-7][0-9]|8[01]) ?[A-Z]{1,3} ?[0-9]{2,5}", |c| c.if_named_or_alone(Class::VEHICLE)),
    id("za-identity", r"[0-9]{6} ?[0-9]{4} ?[0-2][0-9]{2}", |c| {
        let d = c.digits();
        // A refugee's number begins with zeros in place of the year.
        weak(c, luhn(&d) && is_date(&d, "ymd"))
    }),
    id("ng-nin", r"[0-9]{11}", |c| c.if_named(Class::IDENTITY).map(|_| ALONE - 8)),
    id("ng-plate", r"(?i)[A-Z]{3}-?[0-9]{3}[A-Z]{2}", |c| {
        if c.value().contains('-') { Some(SHAPED) } else { c.if_named_or_alone(Class::VEHICLE) }
    }),
    id("il-identity", r"[0-9]{9}", |c| weak(c, luhn(&c.digits()))),
    id("named-document", r"(?i)[A-Z]{1,3}[- ]?[0-9]{5,9}[A-Z]?", |c| named_closely(c).then_some(ALONE - 8)),
    id("named-number", r"[0-9]{6,14}", |c| named_closely(c).then_some(ALONE - 10)),
    id("named-mixed", r"(?i)[A-Z0-9]+", |c| {
        let letters = c.value().len() - c.digits;
        if letters == 0 || c.digits < 2 || !(6..=18).contains(&c.value().len()) {
            return None;
        }
        let vehicle = c.value().len() == 17 && c.digits >= 5;
        let vehicle = vehicle.then(|| c.if_named(Class::VEHICLE)).flatten();
        vehicle.or(named_closely(c).then_some(SHAPED - 9))
    }),
    id("named-grouped", r"(?i)[0-9]+(?:[-/ ][0-9]+)+(?:-[A-Z])?", |c| {
        ((7..=15).contains(&c.digits) && named_closely(c)).then_some(SHAPED - 9)
    }),
    id("pk-cnic", r"[1-7][0-9]{4}-[0-9]{7}-[0-9]", |c| c.if_checked(true).map(|_| SHAPED)),
    id("ae-identity", r"784-?(?:19|20)[0-9]{2}-?[0-9]{7}-?[0-9]", |c| {
        if c.value().contains('-') { Some(SHAPED + 5) } else { c.if_named_or_alone(Class::IDENTITY) }
    }),
    id("lk-nic", r"(?i)[0-9]{9}[VX]", |c| c.if_named_or_alone(Class::IDENTITY)),
];

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::NationalId;
    use crate::recognizers::testing::check;

    #[test]
    fn other_numbers() {
        check(
            NationalId,
            &[
                ("TC kimlik 10000000146", &["10000000146"]),
                ("kimlik 10000000145 x", &["10000000145"]),
                ("ID number 8001015009087", &["8001015009087"]),
                ("Plaka numarası 06 A 123", &["06 A 123"]),
                ("10000000146 requests", &[]),
                ("passport number: TR5167383", &["TR5167383"]),
                ("Ausweisnummer M6GW6P2VZ", &["M6GW6P2VZ"]),
                ("prawo jazdy 47542/00/8364", &["47542/00/8364"]),
                ("VIN WVWZZZ1JZXW559388", &["WVWZZZ1JZXW559388"]),
                ("CNIC 37649-4748344-1", &["37649-4748344-1"]),
                ("build TR5167383a4f", &[]),
                ("sha WVWZZZ1JZXW559388", &[]),
            ],
        );
    }
}
