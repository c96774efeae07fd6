//! The sanitizer's configuration: what becomes of each type, for whom, and the recognizers that a deployment adds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::entity::EntityType;

/// What becomes of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// `[EMAIL]`
    Mask,
    /// `[EMAIL:k1:9f3a5c0d1e2b4a68]`: equal values stay joinable within the tenant, under a secret key.
    Pseudonym,
    /// As a pseudonym, with all 256 bits of the keyed digest.
    Hash,
    /// `[CREDIT_CARD:*1881]`: the last four characters stay.
    Partial,
    /// Nothing is left.
    Drop,
    /// The value stays as it is.
    Keep,
}

/// How the sanitizer treats what it finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SanitizerConfig {
    /// Stands in the record of every event; change it with the policy.
    pub policy_version: String,
    /// What becomes of each type; types not named keep their default.
    pub actions: BTreeMap<EntityType, Action>,
    /// Values that are never masked, such as a support address.
    pub allow: Vec<String>,
    /// What single tenants do otherwise.
    pub tenants: BTreeMap<String, TenantPolicy>,
    /// Recognizers of the deployment's own.
    pub custom: Vec<CustomRecognizer>,
}

impl Default for SanitizerConfig {
    fn default() -> Self {
        Self {
            policy_version: "1".to_owned(),
            actions: BTreeMap::new(),
            allow: Vec::new(),
            tenants: BTreeMap::new(),
            custom: Vec::new(),
        }
    }
}

/// What one tenant does otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantPolicy {
    /// What becomes of each type, before the general `actions`.
    pub actions: BTreeMap<EntityType, Action>,
    /// Values that are never masked for this tenant, besides the general ones.
    pub allow: Vec<String>,
}

/// A recognizer that the configuration defines. Its examples are checked when the sanitizer is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomRecognizer {
    /// Names it in findings.
    pub name: String,
    /// The type of what it finds, a new one or one of the built-in ones; upper case.
    pub entity: EntityType,
    /// A regular expression; the first group, if there is one, is the value.
    pub pattern: String,
    /// Words of which one must stand within 80 bytes; none means always.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// A checksum over the digits or the characters of the value.
    #[serde(default)]
    pub validator: Validator,
    /// Texts in which it must find something.
    #[serde(default)]
    pub examples: Vec<String>,
    /// Texts in which it must find nothing.
    #[serde(default)]
    pub counter_examples: Vec<String>,
}

/// A checksum that a custom recognizer asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Validator {
    /// None.
    #[default]
    None,
    /// Luhn over the digits.
    Luhn,
    /// ISO 7064 MOD 97-10 as in an IBAN.
    Mod97,
    /// Verhoeff over the digits.
    Verhoeff,
}
