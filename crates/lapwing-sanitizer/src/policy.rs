//! From a finding to what stands in its place.

use std::collections::{BTreeMap, HashSet};

use lapwing_event::TenantId;

use crate::SanitizerError;
use crate::config::{Action, SanitizerConfig};
use crate::entity::{EntityType, Finding};
use crate::keyring::{KeyRing, MAX_KEY_ID, hex};

/// Bytes of the digest in a pseudonym: 64 bits.
const PSEUDONYM_BYTES: usize = 8;

/// The policies of all tenants.
pub(crate) struct Policies {
    general: Policy,
    tenants: BTreeMap<String, Policy>,
    labels: HashSet<String>,
    ring: KeyRing,
}

struct Policy {
    actions: BTreeMap<EntityType, Action>,
    allow: HashSet<String>,
}

impl Policies {
    pub(crate) fn new(config: &SanitizerConfig, ring: KeyRing) -> Result<Self, SanitizerError> {
        let general = Policy { actions: config.actions.clone(), allow: allowed(&config.allow) };
        let mut tenants = BTreeMap::new();
        for (tenant, policy) in &config.tenants {
            let mut actions = config.actions.clone();
            actions.extend(policy.actions.iter().map(|(entity, action)| (entity.clone(), *action)));
            let mut allow = general.allow.clone();
            allow.extend(allowed(&policy.allow));
            tenants.insert(tenant.clone(), Policy { actions, allow });
        }
        let labels = EntityType::BUILT_IN.iter().map(|entity| entity.label().to_owned());
        let labels: HashSet<String> = labels
            .chain(config.custom.iter().map(|custom| custom.entity.label().to_owned()))
            .chain(["USER".to_owned(), "SESSION".to_owned()])
            .collect();
        for actions in std::iter::once(&general.actions).chain(tenants.values().map(|policy| &policy.actions)) {
            check(actions, &labels)?;
        }
        Ok(Self { general, tenants, labels, ring })
    }

    fn of(&self, tenant: &TenantId) -> &Policy {
        self.tenants.get(tenant.as_str()).unwrap_or(&self.general)
    }

    /// Whether the policy lets the finding stand.
    pub(crate) fn keeps(&self, tenant: &TenantId, finding: &Finding) -> bool {
        let policy = self.of(tenant);
        policy.action(&finding.entity) == Action::Keep || policy.allow.contains(&finding.normalized.to_lowercase())
    }

    /// What stands in place of the finding whose text is `value`.
    pub(crate) fn replacement(&self, tenant: &TenantId, finding: &Finding, value: &str) -> String {
        let label = finding.entity.label();
        match self.of(tenant).action(&finding.entity) {
            Action::Keep => value.to_owned(),
            Action::Drop => String::new(),
            Action::Mask => format!("[{label}]"),
            Action::Pseudonym => self.pseudonym(tenant, label, &finding.normalized),
            Action::Hash => self.keyed(tenant, label, &finding.normalized, 32),
            Action::Partial => match finding.normalized.chars().count() {
                8.. => {
                    let tail: Vec<char> =
                        finding.normalized.chars().rev().filter(|c| c.is_alphanumeric()).take(4).collect();
                    format!("[{label}:*{}]", tail.into_iter().rev().collect::<String>())
                }
                _ => format!("[{label}]"),
            },
        }
    }

    pub(crate) fn pseudonym(&self, tenant: &TenantId, label: &str, value: &str) -> String {
        self.keyed(tenant, label, value, PSEUDONYM_BYTES)
    }

    fn keyed(&self, tenant: &TenantId, label: &str, value: &str, bytes: usize) -> String {
        let digest = self.ring.digest(tenant, label, value);
        format!("[{label}:{}:{}]", self.ring.active_id(), hex(&digest[..bytes]))
    }

    /// Length of the mask that `text` begins with, if it begins with one of ours.
    pub(crate) fn mask_length(&self, text: &str) -> Option<usize> {
        const MAX_MASK: usize = 40 + MAX_KEY_ID + 64 + 4;
        let end = memchr::memchr(b']', &text.as_bytes()[..text.len().min(MAX_MASK)])?;
        let mut parts = text[1..end].split(':');
        let label = parts.next()?;
        let whole = match (parts.next(), parts.next(), parts.next()) {
            (None, _, _) => true,
            (Some(tail), None, _) => tail
                .strip_prefix('*')
                .is_some_and(|tail| tail.chars().count() <= 4 && tail.chars().all(char::is_alphanumeric)),
            (Some(id), Some(digest), None) => {
                let lower_hex = digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                let named = (1..=MAX_KEY_ID).contains(&id.len())
                    && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
                named && lower_hex && matches!(digest.len(), 16 | 64)
            }
            _ => false,
        };
        (whole && self.labels.contains(label)).then_some(end + 1)
    }
}

impl Policy {
    fn action(&self, entity: &EntityType) -> Action {
        self.actions.get(entity).copied().unwrap_or(match entity {
            EntityType::Secret | EntityType::Custom(_) => Action::Mask,
            EntityType::Url | EntityType::DateTime => Action::Keep,
            _ => Action::Pseudonym,
        })
    }
}

fn allowed(values: &[String]) -> HashSet<String> {
    values.iter().map(|value| value.to_lowercase()).collect()
}

/// Secrets are masked or dropped, and every named type exists.
fn check(actions: &BTreeMap<EntityType, Action>, labels: &HashSet<String>) -> Result<(), SanitizerError> {
    match actions.get(&EntityType::Secret) {
        None | Some(Action::Mask | Action::Drop) => {}
        Some(_) => return Err(SanitizerError::SecretPolicy),
    }
    match actions.keys().find(|entity| !labels.contains(entity.label())) {
        Some(entity) => Err(SanitizerError::UnknownType { entity: entity.label().to_owned() }),
        None => Ok(()),
    }
}
