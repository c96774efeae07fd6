//! Domestic bank accounts and routing numbers: without a common checksum, so they need a word or a field.

use crate::checksum::weighted;
use crate::context::Class;
use crate::entity::EntityType::BankAccount;
use crate::field::Field;
use crate::formats::{ALONE, Candidate, Format, NAMED, SHAPED};
use crate::recognizers::phone;
use crate::scan::{FieldValue, Scan};

pub(crate) static FORMATS: &[Format] = &[
    Format {
        name: "aba-routing",
        entity: BankAccount,
        pattern: r"[0-9]{9}|[0-9]{4}-[0-9]{4}-[0-9]",
        judge: |c| {
            let d = c.digits();
            let region = d[0] * 10 + d[1];
            let holds = weighted(&d, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
                && matches!(region, 0..=12 | 21..=32 | 61..=72 | 80)
                && d[1..] != [0; 8];
            if !holds {
                return None;
            }
            c.if_named(Class::ROUTING.or(Class::BANK)).map(|score| score + 10).or(c.alone.then_some(ALONE))
        },
    },
    Format { name: "account-number", entity: BankAccount, pattern: r"[0-9]+(?:[ -][0-9]+)*", judge: account },
    Format {
        name: "sort-code",
        entity: BankAccount,
        pattern: r"[0-9]{2}[- ][0-9]{2}[- ][0-9]{2}",
        judge: |c| c.if_named(Class::ROUTING),
    },
    Format {
        name: "bsb",
        entity: BankAccount,
        pattern: r"[0-9]{3}[- ]?[0-9]{3}",
        judge: |c| c.if_named(Class::ROUTING),
    },
    Format {
        name: "ifsc",
        entity: BankAccount,
        pattern: r"(?i)[A-Z]{4}0[A-Z0-9]{6}",
        judge: |c| {
            (c.value().bytes().filter(u8::is_ascii_digit).count() >= 3)
                .then(|| c.if_named_or_alone(Class::ROUTING.or(Class::BANK)))
                .flatten()
        },
    },
    Format {
        name: "clabe",
        entity: BankAccount,
        pattern: r"[0-9]{18}",
        judge: |c| {
            let d = c.digits();
            let sum: u32 = d[..17].iter().zip([3, 7, 1].into_iter().cycle()).map(|(&x, w)| u32::from(x) * w % 10).sum();
            ((10 - sum % 10) % 10 == u32::from(d[17])).then(|| c.if_named(Class::BANK)).flatten().map(|score| score + 5)
        },
    },
];

/// The value of an account field, whatever its form.
pub(crate) fn field(scan: &mut Scan<'_>, value: &FieldValue) {
    let text = &scan.text[value.range.clone()];
    if value.field != Field::Bank || text.len() > 42 {
        return;
    }
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'/' | b'.'));
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if plain && digits >= 5 {
        scan.push(value.range.clone(), BankAccount, "account-field", SHAPED);
    }
}

fn account(c: &Candidate<'_>) -> Option<u8> {
    let sought = c.alone || c.field == Some(Field::Bank) || c.mentions.any(Class::BANK);
    // The accounts of clouds and of shops hold no money.
    if c.field == Some(Field::UserId) {
        return None;
    }
    if !(6..=18).contains(&c.digits) || !sought || phone::is_date(c.value()) {
        return None;
    }
    let d = c.digits();
    if c.field == Some(Field::Bank) {
        return (d.len() >= 6).then_some(NAMED);
    }
    let plain = c.value().len() == d.len();
    if c.alone && plain && (10..=17).contains(&d.len()) {
        return Some(ALONE - 20);
    }
    // The word must stand close: "account" is said of many things.
    let close = c.mentions.before(Class::BANK, c.range.start, 24);
    let card = c.mentions.before(Class::CARD.or(Class::PHONE).or(Class::REFERENCE), c.range.start, 24);
    let nearer = |other: usize| close.is_some_and(|word| word.end > other);
    let named = close.is_some() && card.is_none_or(|other| nearer(other.end));
    (named && (8..=18).contains(&d.len()) && c.field != Some(Field::Reference)).then_some(SHAPED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn accounts_need_a_word() {
        check(
            BankAccount,
            &[
                ("routing number 121000358", &["121000358"]),
                ("my bank account number is 945456787654", &["945456787654"]),
                ("sort code 20-00-00", &["20-00-00"]),
                ("BSB: 062-000", &["062-000"]),
                ("IFSC HDFC0001234", &["HDFC0001234"]),
                ("took 945456787654 ns", &[]),
                (r#"{"account_number": "1234567890"}"#, &["1234567890"]),
            ],
        );
    }
}
