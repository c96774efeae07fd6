//! Hardware addresses: six pairs with one kind of separator, or three groups of four.

use crate::context::Class;
use crate::entity::EntityType::MacAddress;
use crate::formats::{CHECKED, Candidate, Format};

pub(crate) static FORMATS: &[Format] = &[
    Format { name: "mac-colon", entity: MacAddress, pattern: r"(?i)[0-9A-F]{2}(?::[0-9A-F]{2}){5}", judge },
    Format { name: "mac-dash", entity: MacAddress, pattern: r"(?i)[0-9A-F]{2}(?:-[0-9A-F]{2}){5}", judge },
    Format {
        name: "mac-dot",
        entity: MacAddress,
        pattern: r"(?i)[0-9A-F]{4}\.[0-9A-F]{4}\.[0-9A-F]{4}",
        judge: |c| if c.value().bytes().all(|b| b.is_ascii_digit() || b == b'.') { None } else { judge(c) },
    },
];

fn judge(c: &Candidate<'_>) -> Option<u8> {
    let void = ["000000000000", "FFFFFFFFFFFF"].contains(&c.compact().as_str());
    let bytes = c.text.as_bytes();
    let goes_on = |at: Option<&u8>, then: Option<&u8>| {
        at.is_some_and(|b| b":-".contains(b)) && then.is_some_and(u8::is_ascii_hexdigit)
    };
    let after = goes_on(bytes.get(c.range.end), bytes.get(c.range.end + 1));
    let before = c.range.start >= 2 && goes_on(bytes.get(c.range.start - 1), bytes.get(c.range.start - 2));
    // A date and a time in pairs of digits look the same.
    let numeric =
        c.value().bytes().all(|b| !b.is_ascii_alphabetic()) && c.value().contains('-') && c.near(Class::REFERENCE);
    (!void && !after && !before && !numeric).then_some(CHECKED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn hardware_addresses() {
        check(
            MacAddress,
            &[
                ("MACs: 00:11:22:33:44:55 and AA-BB-CC-DD-EE-0F", &["00:11:22:33:44:55", "AA-BB-CC-DD-EE-0F"]),
                ("0a1b.2c3d.4e5f", &["0a1b.2c3d.4e5f"]),
                ("10:2F:33-AC-29-C3", &[]),
                ("00:1A:2B:3C:4D", &[]),
                ("00:00:00:00:00:00", &[]),
                ("fingerprint 00:11:22:33:44:55:66:77", &[]),
            ],
        );
    }
}
