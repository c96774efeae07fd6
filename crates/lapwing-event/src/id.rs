//! Identifiers: UUIDv7 event ids, derived ids that make a retry the same event, and the tenant's name.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Timestamp;

/// The id of one event, a UUIDv7 (RFC 9562), so that ids sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Uuid);

impl EventId {
    /// A UUIDv7 of the time in whole milliseconds; the 74 random bits come from `entropy`.
    pub fn new(at: Timestamp, entropy: [u8; 10]) -> Self {
        let millis = u64::try_from(at.millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid())
    }

    /// The id that follows from what the event is: the same `parts` at the same time give the same id, so a
    /// retried export or a replayed alert is the same event. The random bits are those of SHA-256 over the
    /// parts, each preceded by its length so that no two lists of parts collide.
    pub fn derived(at: Timestamp, parts: &[&[u8]]) -> Self {
        let digest = digest(parts);
        let mut entropy = [0; 10];
        entropy.copy_from_slice(&digest[..10]);
        Self::new(at, entropy)
    }

    /// The id as a UUID.
    pub fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl From<Uuid> for EventId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl std::str::FromStr for EventId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Groups the events of one interaction: a prompt, its answer, and the tools and guardrails between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InteractionId(Uuid);

impl InteractionId {
    /// The application's own name for an interaction: a UUID as it is, other text as the UUIDv8 that SHA-256
    /// of tenant and text gives, so that the same text always names the same interaction.
    pub fn from_text(tenant: &TenantId, text: &str) -> Self {
        Self(Uuid::parse_str(text).unwrap_or_else(|_| {
            let digest = digest(&[b"interaction", tenant.as_str().as_bytes(), text.as_bytes()]);
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&digest[..16]);
            uuid::Builder::from_custom_bytes(bytes).into_uuid()
        }))
    }

    /// The id as a UUID.
    pub fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl From<EventId> for InteractionId {
    fn from(id: EventId) -> Self {
        Self(id.0)
    }
}

impl From<Uuid> for InteractionId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for InteractionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a tenant: 1 to 64 characters of `a-z A-Z 0-9 - _ .`; it comes from the credential, never from
/// what a client sends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TenantId(String);

/// The text cannot be the name of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tenant's name is 1 to 64 characters of a-z, A-Z, 0-9, '-', '_' and '.'")]
pub struct TenantIdError;

impl TenantId {
    /// Checks the text.
    pub fn new(text: &str) -> Result<Self, TenantIdError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        match text.len() {
            1..=64 if text.bytes().all(allowed) => Ok(Self(text.to_owned())),
            _ => Err(TenantIdError),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The tenant of an installation that has only one.
impl Default for TenantId {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TenantId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(feature = "json-schema")]
mod schema {
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    macro_rules! string_schema {
        ($($name:ident: $schema:tt;)+) => {$(
            impl JsonSchema for super::$name {
                fn schema_name() -> std::borrow::Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!($schema)
                }
            }
        )+};
    }

    string_schema! {
        EventId: {"type": "string", "format": "uuid"};
        InteractionId: {"type": "string", "format": "uuid"};
        TenantId: {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"};
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ids_are_version_7_and_sort_by_time() {
        let early = EventId::new(Timestamp::from_millis(1_000), [0xff; 10]);
        let late = EventId::new(Timestamp::from_millis(1_001), [0; 10]);
        assert_eq!(early.as_uuid().get_version_num(), 7);
        assert!(early < late);
    }

    #[test]
    fn derived_ids_follow_from_their_parts_alone() {
        let at = Timestamp::from_millis(1_795_501_800_000);
        let id = EventId::derived(at, &[b"ab", b"c"]);
        assert_eq!(id, EventId::derived(at, &[b"ab", b"c"]));
        assert_ne!(id, EventId::derived(at, &[b"a", b"bc"]));
        assert_eq!(id.as_uuid().get_version_num(), 7);
    }

    #[test]
    fn an_interaction_named_by_text_is_stable_within_its_tenant() {
        let (a, b) = (TenantId::new("a").unwrap(), TenantId::new("b").unwrap());
        assert_eq!(InteractionId::from_text(&a, "42"), InteractionId::from_text(&a, "42"));
        assert_ne!(InteractionId::from_text(&a, "42"), InteractionId::from_text(&b, "42"));
        let uuid = "0198a1b2-0000-7000-8000-000000000000";
        assert_eq!(InteractionId::from_text(&a, uuid).to_string(), uuid);
    }

    #[test]
    fn a_tenant_name_is_bounded_and_plain() {
        assert!(TenantId::new("acme-1.eu_x").is_ok());
        for text in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert_eq!(TenantId::new(text), Err(TenantIdError), "{text}");
        }
    }
}
