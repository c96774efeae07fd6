//! The keys of pseudonyms: parsed from text, made from given randomness, derived for each tenant. Never shown.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use lapwing_event::TenantId;
use sha2::Sha256;

/// Most keys of a ring.
const MAX_KEYS: usize = 64;
/// Longest key id, in bytes.
pub(crate) const MAX_KEY_ID: usize = 16;

/// Keys for pseudonyms, oldest first. The newest, which stands last, is used; the others say what was used before.
///
/// As text, each line is a key id and 64 hexadecimal digits; `#` begins a comment.
///
/// ```
/// use lapwing_sanitizer::KeyRing;
///
/// let ring = KeyRing::generate([7; 32]);
/// let rotated = ring.rotated([8; 32]);
/// assert_eq!(rotated.active_id(), "k2");
/// assert_eq!(KeyRing::parse(&rotated.to_text()).unwrap().active_id(), "k2");
/// assert!(!format!("{ring:?}").contains("0707"));
/// ```
#[derive(Clone)]
pub struct KeyRing(Vec<Key>);

#[derive(Clone)]
struct Key {
    id: String,
    secret: [u8; 32],
}

/// Why a text is no key ring. Holds line numbers, never a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// A line has not the form.
    #[error("line {0} of the key ring is no key id followed by 64 hexadecimal digits")]
    Malformed(usize),
    /// Two keys have one id.
    #[error("line {0} of the key ring repeats a key id; give each key its own")]
    Repeated(usize),
    /// There is no key, or there are too many.
    #[error("a key ring holds 1 to {MAX_KEYS} keys, not {0}")]
    Count(usize),
}

impl KeyRing {
    /// A ring of one key, `k1`, made from 32 random bytes.
    pub fn generate(entropy: [u8; 32]) -> Self {
        Self(vec![Key { id: "k1".to_owned(), secret: entropy }])
    }

    /// This ring with a new active key made from 32 random bytes.
    pub fn rotated(&self, entropy: [u8; 32]) -> Self {
        let mut keys = self.0.clone();
        let number = (keys.len() + 1..).find(|n| keys.iter().all(|key| key.id != format!("k{n}")));
        keys.push(Key { id: format!("k{}", number.expect("numbers do not run out")), secret: entropy });
        if keys.len() > MAX_KEYS {
            keys.remove(0);
        }
        Self(keys)
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let mut keys: Vec<Key> = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let key = parse_key(line).ok_or(KeyRingError::Malformed(i + 1))?;
            if keys.iter().any(|known| known.id == key.id) {
                return Err(KeyRingError::Repeated(i + 1));
            }
            keys.push(key);
        }
        if !(1..=MAX_KEYS).contains(&keys.len()) {
            return Err(KeyRingError::Count(keys.len()));
        }
        Ok(Self(keys))
    }

    /// The text form. It holds the keys: write it only where nobody else can read it.
    pub fn to_text(&self) -> String {
        self.0.iter().map(|key| format!("{} {}\n", key.id, hex(&key.secret))).collect()
    }

    /// The id of the key in use.
    pub fn active_id(&self) -> &str {
        &self.active().id
    }

    fn active(&self) -> &Key {
        self.0.last().expect("a ring holds at least one key")
    }

    /// The key of `tenant` under the active key.
    pub(crate) fn tenant_key(&self, tenant: &TenantId) -> TenantKey {
        let key = digest(&keyed(&self.active().secret), &["lapwing tenant", tenant.as_str()]);
        TenantKey(keyed(&key))
    }
}

/// The key of a tenant.
pub(crate) struct TenantKey(Hmac<Sha256>);

impl TenantKey {
    /// HMAC-SHA256 of the label and the value.
    pub(crate) fn digest(&self, label: &str, value: &str) -> [u8; 32] {
        digest(&self.0, &[label, value])
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

fn parse_key(line: &str) -> Option<Key> {
    let (id, digits) = line.split_once(char::is_whitespace)?;
    let digits = digits.trim();
    let named =
        (1..=MAX_KEY_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !named || digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut secret = [0; 32];
    for (byte, pair) in secret.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(Key { id: id.to_owned(), secret })
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// The parts are separated by a zero byte, which no label and no tenant holds.
fn digest(key: &Hmac<Sha256>, parts: &[&str]) -> [u8; 32] {
    let mut mac = key.clone();
    for part in parts {
        mac.update(part.as_bytes());
        mac.update(&[0]);
    }
    mac.finalize().into_bytes().into()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|b| [b >> 4, b & 15]);
    nibbles.map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn faults_name_the_line_and_hold_no_key() {
        let key = "ab".repeat(32);
        assert_eq!(KeyRing::parse("").unwrap_err(), KeyRingError::Count(0));
        assert_eq!(KeyRing::parse("# none\nk1 zz").unwrap_err(), KeyRingError::Malformed(2));
        assert_eq!(KeyRing::parse(&format!("k1 {key}\nk1 {key}")).unwrap_err(), KeyRingError::Repeated(2));
        assert_eq!(KeyRing::parse(&format!("a {key} # old\n\nb {key}")).unwrap().active_id(), "b");
    }

    #[test]
    fn digests_differ_by_tenant_label_value_and_key() {
        let (one, two) = (TenantId::new("one").unwrap(), TenantId::new("two").unwrap());
        let ring = KeyRing::generate([1; 32]);
        let base = ring.tenant_key(&one).digest("EMAIL", "a");
        assert_eq!(base, ring.tenant_key(&one).digest("EMAIL", "a"));
        for other in [
            ring.tenant_key(&two).digest("EMAIL", "a"),
            ring.tenant_key(&one).digest("PHONE", "a"),
            ring.tenant_key(&one).digest("EMAIL", "b"),
            ring.rotated([2; 32]).tenant_key(&one).digest("EMAIL", "a"),
        ] {
            assert_ne!(base, other);
        }
    }
}
