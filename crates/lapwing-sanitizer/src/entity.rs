//! The kinds of personal data and secrets, and one finding of one of them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a finding is. The label is what stands in the mask: `[EMAIL]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum EntityType {
    /// An email address, also encoded or spelled out.
    Email,
    /// A telephone number.
    Phone,
    /// A payment card number or its verification code.
    CreditCard,
    /// An international bank account number.
    Iban,
    /// A United States social security number.
    UsSsn,
    /// Any other number or code that a state or a public body gave to a person, a vehicle or a business.
    NationalId,
    /// An IPv4 or IPv6 address.
    IpAddress,
    /// A hardware address.
    MacAddress,
    /// The address of a cryptocurrency wallet.
    Crypto,
    /// A domestic bank account or routing number.
    BankAccount,
    /// A password, key, token, cookie or private key.
    Secret,
    /// The name of an account.
    Username,
    /// The name of a person.
    Person,
    /// A postal address or a part of one.
    Location,
    /// A web address. Kept unless the policy says otherwise.
    Url,
    /// A date or a time. Kept unless the policy says otherwise.
    DateTime,
    /// A kind that the configuration defines.
    Custom(Arc<str>),
}

impl EntityType {
    /// Every kind but the custom ones.
    pub const BUILT_IN: [EntityType; 16] = [
        EntityType::Email,
        EntityType::Phone,
        EntityType::CreditCard,
        EntityType::Iban,
        EntityType::UsSsn,
        EntityType::NationalId,
        EntityType::IpAddress,
        EntityType::MacAddress,
        EntityType::Crypto,
        EntityType::BankAccount,
        EntityType::Secret,
        EntityType::Username,
        EntityType::Person,
        EntityType::Location,
        EntityType::Url,
        EntityType::DateTime,
    ];

    /// The upper-case label, as in masks, policies and counts.
    pub fn label(&self) -> &str {
        match self {
            EntityType::Email => "EMAIL",
            EntityType::Phone => "PHONE",
            EntityType::CreditCard => "CREDIT_CARD",
            EntityType::Iban => "IBAN",
            EntityType::UsSsn => "US_SSN",
            EntityType::NationalId => "NATIONAL_ID",
            EntityType::IpAddress => "IP_ADDRESS",
            EntityType::MacAddress => "MAC_ADDRESS",
            EntityType::Crypto => "CRYPTO",
            EntityType::BankAccount => "BANK_ACCOUNT",
            EntityType::Secret => "SECRET",
            EntityType::Username => "USERNAME",
            EntityType::Person => "PERSON",
            EntityType::Location => "LOCATION",
            EntityType::Url => "URL",
            EntityType::DateTime => "DATE_TIME",
            EntityType::Custom(label) => label,
        }
    }
}

impl fmt::Display for EntityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl From<&str> for EntityType {
    fn from(label: &str) -> Self {
        Self::BUILT_IN
            .into_iter()
            .find(|entity| entity.label() == label)
            .unwrap_or_else(|| EntityType::Custom(label.into()))
    }
}

impl From<String> for EntityType {
    fn from(label: String) -> Self {
        label.as_str().into()
    }
}

impl From<EntityType> for String {
    fn from(entity: EntityType) -> Self {
        entity.label().to_owned()
    }
}

/// One stretch of a text that holds personal data or a secret.
///
/// `Debug` leaves the value out, so that a finding can be logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Finding {
    /// Bytes of the original text, half-open, on character boundaries.
    pub range: Range<usize>,
    /// What it is.
    pub entity: EntityType,
    /// The recognizer that decided.
    pub recognizer: Cow<'static, str>,
    /// 0 to 100: from a mere shape (50) to a checked sum or an unmistakable prefix (90 and more).
    pub confidence: u8,
    /// The value in the form in which equal values are equal: decoded, without separators, in lower case.
    pub normalized: String,
}

impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finding")
            .field("range", &self.range)
            .field("entity", &self.entity)
            .field("recognizer", &self.recognizer)
            .field("confidence", &self.confidence)
            .finish_non_exhaustive()
    }
}
