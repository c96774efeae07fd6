//! One file a recognizer or a family of them. A structured type is a table of formats with their judges; what has no
//! fixed form (names, addresses, secrets, spelled-out addresses) reads the scan by itself.

pub(crate) mod address;
pub(crate) mod bank;
pub(crate) mod card;
pub(crate) mod command;
pub(crate) mod crypto;
pub(crate) mod date_time;
pub(crate) mod email;
pub(crate) mod foreign_street;
pub(crate) mod iban;
pub(crate) mod ip;
pub(crate) mod log_line;
pub(crate) mod mac;
pub(crate) mod name_again;
pub(crate) mod name_field;
pub(crate) mod national;
pub(crate) mod person;
pub(crate) mod phone;
pub(crate) mod place;
pub(crate) mod secret;
pub(crate) mod spelled_email;
pub(crate) mod ssn;
pub(crate) mod url;
pub(crate) mod username;

use crate::formats::Format;

/// Every format, by family.
pub(crate) static FORMATS: &[&[Format]] = &[
    card::FORMATS,
    ssn::FORMATS,
    iban::FORMATS,
    bank::FORMATS,
    ip::FORMATS,
    mac::FORMATS,
    crypto::FORMATS,
    phone::FORMATS,
    secret::FORMATS,
    address::FORMATS,
    date_time::FORMATS,
    national::americas::FORMATS,
    national::britain::FORMATS,
    national::germany::FORMATS,
    national::france::FORMATS,
    national::iberia::FORMATS,
    national::italy::FORMATS,
    national::central::FORMATS,
    national::nordic::FORMATS,
    national::oceania::FORMATS,
    national::india::FORMATS,
    national::east_asia::FORMATS,
    national::eastern::FORMATS,
    national::latin_america::FORMATS,
    national::others::FORMATS,
];

#[cfg(test)]
pub(crate) mod testing {
    use crate::entity::EntityType;
    use crate::scan::{Stretch, Whole, find_in};

    /// The values of `entity` in `text`, as written, in order.
    pub(crate) fn found(entity: EntityType, text: &str) -> Vec<String> {
        let findings =
            find_in(text, Whole::Text, &[], |_| Vec::new(), Stretch::Whole, |found| *found == entity).into_iter();
        findings.map(|finding| text[finding.range].to_owned()).collect()
    }

    /// Checks that each text holds exactly the value after `=>`, or none.
    pub(crate) fn check(entity: EntityType, table: &[(&str, &[&str])]) {
        for (text, expect) in table {
            assert_eq!(found(entity.clone(), text), *expect, "{entity} in {text:?}");
        }
    }
}
