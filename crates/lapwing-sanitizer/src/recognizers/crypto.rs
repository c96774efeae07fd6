//! Addresses of cryptocurrency wallets, by their checksums where they have one.

use crate::checksum::{base58, base58check, bech32};
use crate::context::Class;
use crate::entity::EntityType::Crypto;
use crate::formats::{CHECKED, Candidate, Format, NAMED};
use crate::scan::Scan;

pub(crate) static FORMATS: &[Format] = &[Format {
    name: "ethereum",
    entity: Crypto,
    pattern: r"0x[0-9a-fA-F]{40}",
    judge: |c: &Candidate<'_>| (c.digits().iter().any(|d| *d != 0)).then_some(CHECKED),
}];

/// Version bytes of the chains that use Base58Check: Bitcoin, Litecoin, Dogecoin, Dash, Zcash, Tron, and their script addresses.
const VERSIONS: [u8; 10] = [0x00, 0x05, 0x1e, 0x16, 0x30, 0x32, 0x4c, 0x10, 0x41, 0x6f];

/// Human-readable parts of the chains that use Bech32.
const PREFIXES: [&str; 14] =
    ["bc", "tb", "ltc", "addr", "stake", "cosmos", "osmo", "terra", "juno", "akash", "inj", "celestia", "zs", "bnb"];

/// Looks at the token `start..end` of letters and digits.
pub(crate) fn token(scan: &mut Scan<'_>, start: usize, end: usize) {
    let value = &scan.text[start..end];
    let bytes = value.as_bytes();
    let named = || scan.mentions.near(Class::WALLET, &(start..end));
    let score = match bytes.len() {
        25..=36 if base58check(bytes).is_some_and(|payload| payload.len() == 21 && VERSIONS.contains(&payload[0])) => {
            Some(CHECKED)
        }
        // The XRP ledger orders the alphabet differently, so its checksum can't be read as Bitcoin's.
        25..=35 if bytes[0] == b'r' && base58(bytes).is_some() && named() => Some(NAMED),
        43..=44 if named() && base58(bytes).is_some_and(|key| key.len() == 32) => Some(NAMED),
        95 | 106 if matches!(bytes[0], b'4' | b'8') && named() && base58(&bytes[..11]).is_some() => Some(NAMED),
        56 if bytes[0] == b'G'
            && named()
            && bytes.iter().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(b)) =>
        {
            Some(NAMED)
        }
        14..=110 => {
            let lower = value.to_ascii_lowercase();
            let prefix = lower.split('1').next().unwrap_or_default();
            (PREFIXES.contains(&prefix) && bech32(bytes)).then_some(CHECKED)
        }
        _ => None,
    };
    if let Some(score) = score {
        scan.push(start..end, Crypto, "wallet", score);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognizers::testing::check;

    #[test]
    fn wallets() {
        check(
            Crypto,
            &[
                ("Send to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa please", &["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"]),
                ("Send to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb please", &[]),
                ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", &["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"]),
                ("eth 0x52908400098527886E0F7030069857D2E4169EE7.", &["0x52908400098527886E0F7030069857D2E4169EE7"]),
                ("0xdeadbeef", &[]),
            ],
        );
    }
}
