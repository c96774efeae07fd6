//! Dates and times. A policy type: kept unless a policy asks for it, so nothing is looked for by default.

use crate::entity::EntityType::DateTime;
use crate::field::Field;
use crate::formats::{ALONE, Format, SHAPED};

pub(crate) static FORMATS: &[Format] = &[
    Format {
        name: "date-iso",
        entity: DateTime,
        pattern: r"(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9](?:[T ][0-2][0-9]:[0-5][0-9](?::[0-6][0-9](?:[.,][0-9]{1,9})?)?(?:Z|[+-][0-2][0-9]:?[0-5][0-9])?)?",
        judge: |_| Some(SHAPED),
    },
    Format {
        name: "date-numeric",
        entity: DateTime,
        pattern: r"[0-3]?[0-9][/.-][0-3]?[0-9][/.-](?:(?:19|20)[0-9]{2}|[0-9]{2})",
        judge: |c| Some(if c.field == Some(Field::Birth) { SHAPED } else { ALONE - 10 }),
    },
    Format {
        name: "date-named",
        entity: DateTime,
        pattern: r"(?i)[0-3]?[0-9][ -](?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}[ -](?:19|20)?[0-9]{2}",
        judge: |_| Some(ALONE),
    },
];
