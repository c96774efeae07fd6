//! Base64 and hexadecimal tokens that hold readable text: opened, scanned, and what is found mapped to the characters of
//! the token that encode it.

use std::ops::Range;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::scan::{self, Found, Scan, Whole};
use crate::triggers::Signs;

/// Longest token that is opened, in bytes.
const MAX_TOKEN: usize = 64 * 1024;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Opens the token at `range` and adds what is found inside.
pub(crate) fn open(scan: &mut Scan<'_>, range: Range<usize>, nesting: usize) {
    if range.len() > MAX_TOKEN {
        return;
    }
    let token = &scan.text.as_bytes()[range.clone()];
    let (decoded, characters, bytes) = match hexadecimal(token) {
        Some(decoded) => (decoded, 2, 1),
        None => match base64(token) {
            Some(decoded) => (decoded, 4, 3),
            None => return,
        },
    };
    for found in scan::scan(&decoded, Signs::of(&decoded, &[]), Whole::Text, nesting + 1) {
        let start = range.start + found.range.start / bytes * characters;
        let end = (range.start + found.range.end.div_ceil(bytes) * characters).min(range.end);
        let value = Some(found.value.unwrap_or_else(|| decoded[found.range.clone()].to_owned()));
        scan.found.push(Found { range: start..end, value, ..found });
    }
}

fn hexadecimal(token: &[u8]) -> Option<String> {
    if !token.len().is_multiple_of(2) || !token.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let nibble = |b: u8| char::from(b).to_digit(16).expect("every byte is a hexadecimal digit") as u8;
    readable(token.chunks_exact(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect())
}

fn base64(token: &[u8]) -> Option<String> {
    let safe = token.iter().any(|b| matches!(b, b'-' | b'_'));
    let engine = if safe { &URL_SAFE } else { &STANDARD };
    // A head of three dozen characters tells most binary tokens apart before all is decoded.
    let head = &token[..token.len().min(36) / 4 * 4];
    readable(engine.decode(head).ok()?)?;
    readable(engine.decode(token).ok()?)
}

/// The bytes as text, if all of it is printable.
fn readable(bytes: Vec<u8>) -> Option<String> {
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        // A head may end inside of a character.
        Err(error) if error.utf8_error().error_len().is_none() => {
            let valid = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            bytes.truncate(valid);
            String::from_utf8(bytes).ok()?
        }
        Err(_) => return None,
    };
    let printable = text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'));
    (printable && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use crate::entity::EntityType::Email;
    use crate::recognizers::testing::check;

    #[test]
    fn encoded_values_are_found_in_their_token() {
        check(
            Email,
            &[
                ("data: amFuZS5kb2VAZXhhbXBsZS5jb20= end", &["amFuZS5kb2VAZXhhbXBsZS5jb20="]),
                ("hex 6a616e652e646f65406578616d706c652e636f6d", &["6a616e652e646f65406578616d706c652e636f6d"]),
                ("sha 885a937300d37801f8634ea210bb16dc0b956d3c", &[]),
            ],
        );
    }
}
