//! Check digits and address checksums. Pure arithmetic over digit values and ASCII bytes; knows nothing of formats.

use sha2::{Digest, Sha256};

/// The Luhn checksum (ISO/IEC 7812-1) over digit values, check digit last.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, &d)| match (i % 2, u32::from(d) * 2) {
            (0, _) => u32::from(d),
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// Sum of `digits[i] * weights[i]`.
pub(crate) fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(&d, w)| u32::from(d) * w).sum()
}

/// ISO 7064 MOD 97-10 of an IBAN: country and check digits moved to the end, letters as 10 to 35.
pub(crate) fn iban_mod97(compact: &[u8]) -> bool {
    if compact.len() < 5 {
        return false;
    }
    let rotated = compact[4..].iter().chain(&compact[..4]);
    let remainder = rotated.fold(0u32, |r, &b| match b {
        b'0'..=b'9' => (r * 10 + u32::from(b - b'0')) % 97,
        _ => (r * 100 + u32::from(b.to_ascii_uppercase().wrapping_sub(b'A')) + 10) % 97,
    });
    remainder == 1
}

/// The value of a run of digits modulo `m`.
pub(crate) fn modulo(digits: &[u8], m: u64) -> u64 {
    digits.iter().fold(0, |r, &d| (r * 10 + u64::from(d)) % m)
}

/// ISO 7064 MOD 11,10 (German tax and VAT numbers), check digit last.
pub(crate) fn mod11_10(digits: &[u8]) -> bool {
    let Some((&check, body)) = digits.split_last() else { return false };
    let product = body.iter().fold(10u32, |product, &d| {
        let sum = (u32::from(d) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(check)
}

/// The Verhoeff checksum (Indian Aadhaar), check digit last.
pub(crate) fn verhoeff(digits: &[u8]) -> bool {
    const D: [[u8; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const P: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let check = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0u8, |c, (i, &d)| D[usize::from(c)][usize::from(P[i % 8][usize::from(d)])]);
    !digits.is_empty() && check == 0
}

/// Base58Check (Bitcoin alphabet): the decoded bytes without their four checksum bytes.
pub(crate) fn base58check(text: &[u8]) -> Option<Vec<u8>> {
    let decoded = base58(text)?;
    let split = decoded.len().checked_sub(4)?;
    let (payload, check) = decoded.split_at(split);
    let digest = Sha256::digest(Sha256::digest(payload));
    (digest[..4] == *check).then(|| payload.to_vec())
}

/// Base58 (Bitcoin alphabet) of at most 128 characters, since the conversion is quadratic.
pub(crate) fn base58(text: &[u8]) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    if text.is_empty() || text.len() > 128 {
        return None;
    }
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    for &c in text {
        let mut carry = ALPHABET.iter().position(|&a| a == c)?;
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.insert(0, (carry & 0xff) as u8);
            carry >>= 8;
        }
    }
    let zeros = text.iter().take_while(|&&c| c == b'1').count();
    let mut decoded = vec![0; zeros];
    decoded.append(&mut bytes);
    Some(decoded)
}

/// Bech32 and Bech32m (BIP 173, BIP 350): whether the checksum holds.
pub(crate) fn bech32(text: &[u8]) -> bool {
    const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let upper = text.iter().any(u8::is_ascii_uppercase);
    if text.len() > 128 || (upper && text.iter().any(u8::is_ascii_lowercase)) {
        return false;
    }
    let Some(split) = text.iter().rposition(|&b| b == b'1') else { return false };
    let (prefix, data) = (&text[..split], &text[split + 1..]);
    if prefix.is_empty() || data.len() < 6 {
        return false;
    }
    let step = |state: u32, value: u32| {
        let top = state >> 25;
        let base = ((state & 0x01ff_ffff) << 5) ^ value;
        GENERATOR.iter().enumerate().fold(base, |s, (i, g)| if top >> i & 1 == 1 { s ^ g } else { s })
    };
    let lower = prefix.iter().map(|b| u32::from(b.to_ascii_lowercase()));
    let mut state = lower.clone().fold(1, |s, b| step(s, b >> 5));
    state = step(state, 0);
    state = lower.fold(state, |s, b| step(s, b & 31));
    for b in data {
        match ALPHABET.iter().position(|a| *a == b.to_ascii_lowercase()) {
            Some(value) => state = step(state, value as u32),
            None => return false,
        }
    }
    state == 1 || state == 0x2bc8_30a3
}

/// Shannon entropy in bits a byte.
pub(crate) fn entropy(bytes: &[u8]) -> f32 {
    let mut counts = [0u32; 256];
    let mut seen = [0u64; 4];
    for &b in bytes {
        counts[usize::from(b)] += 1;
        seen[usize::from(b >> 6)] |= 1 << (b & 63);
    }
    let total = bytes.len() as f32;
    let mut bits = 0.0;
    for (high, mut left) in seen.into_iter().enumerate() {
        while left != 0 {
            let p = counts[high << 6 | left.trailing_zeros() as usize] as f32 / total;
            bits -= p * p.log2();
            left &= left - 1;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|b| b - b'0').collect()
    }

    #[test]
    fn check_digits_accept_the_published_examples_and_reject_a_changed_digit() {
        assert!(luhn(&digits("79927398713")) && !luhn(&digits("79927398714")));
        assert!(verhoeff(&digits("2363")) && !verhoeff(&digits("2364")));
        assert!(mod11_10(&digits("12345678903")) && !mod11_10(&digits("12345678904")));
        assert!(iban_mod97(b"GB82WEST12345698765432") && !iban_mod97(b"GB82WEST12345698765433"));
        assert_eq!(modulo(&digits("1234567890"), 97), 1_234_567_890 % 97);
    }

    #[test]
    fn address_checksums_hold_for_the_examples_of_their_specifications() {
        assert!(base58check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa").is_some());
        assert!(base58check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb").is_none());
        assert!(bech32(b"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"));
        assert!(bech32(b"BC1SW50QGDZ25J"));
        assert!(!bech32(b"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"));
    }

    #[test]
    fn entropy_grows_with_variety() {
        assert!(entropy(b"aaaa") < 0.01);
        assert!(entropy(b"abcdefgh") > 2.9);
    }
}
