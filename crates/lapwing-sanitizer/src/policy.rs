//! From a finding to what stands in its place.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use lapwing_event::TenantId;

use crate::SanitizerError;
use crate::config::{Action, SanitizerConfig};
use crate::entity::{EntityType, Finding};
use crate::keyring::{KeyRing, MAX_KEY_ID, TenantKey, hex};

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

    /// What holds for one tenant.
    pub(crate) fn of<'p>(&'p self, tenant: &'p TenantId) -> TenantPolicies<'p> {
        let policy = self.tenants.get(tenant.as_str()).unwrap_or(&self.general);
        TenantPolicies { policy, ring: &self.ring, tenant, key: OnceCell::new() }
    }

    /// The masks in `text`, in order.
    pub(crate) fn masks(&self, text: &str) -> Vec<Range<usize>> {
        let opens = memchr::memchr_iter(b'[', text.as_bytes());
        opens.filter_map(|at| self.mask_length(&text[at..]).map(|length| at..at + length)).collect()
    }

    /// Length of the mask that `text` begins with, if it begins with one of ours.
    pub(crate) fn mask_length(&self, text: &str) -> Option<usize> {
        const MAX_MASK: usize = 40 + MAX_KEY_ID + 64 + 4;
        if !text.as_bytes().get(1).is_some_and(u8::is_ascii_uppercase) {
            return None;
        }
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

/// The policy and the key of one tenant, for as long as one text or event is masked.
pub(crate) struct TenantPolicies<'p> {
    policy: &'p Policy,
    ring: &'p KeyRing,
    tenant: &'p TenantId,
    key: OnceCell<TenantKey>,
}

impl TenantPolicies<'_> {
    /// Whether the policy lets every finding of the type stand.
    pub(crate) fn keeps_all(&self, entity: &EntityType) -> bool {
        self.policy.action(entity) == Action::Keep
    }

    /// Whether the policy lets the finding stand.
    pub(crate) fn keeps(&self, finding: &Finding) -> bool {
        let allow = &self.policy.allow;
        self.keeps_all(&finding.entity) || !allow.is_empty() && allow.contains(&finding.normalized.to_lowercase())
    }

    /// Whether the policy leaves no trace of the finding.
    pub(crate) fn drops(&self, finding: &Finding) -> bool {
        self.policy.action(&finding.entity) == Action::Drop
    }

    /// Writes to `out` what stands in place of the finding whose text is `value`.
    pub(crate) fn replace(&self, finding: &Finding, value: &str, out: &mut String) {
        let label = finding.entity.label();
        let normalized = &finding.normalized;
        match self.policy.action(&finding.entity) {
            Action::Keep => out.push_str(value),
            Action::Drop => {}
            Action::Mask => put(out, &["[", label, "]"]),
            Action::Pseudonym => self.keyed(label, normalized, PSEUDONYM_BYTES, out),
            Action::Hash => self.keyed(label, normalized, 32, out),
            Action::Partial => match normalized.chars().count() {
                8.. => {
                    let tail: Vec<char> = normalized.chars().rev().filter(|c| c.is_alphanumeric()).take(4).collect();
                    put(out, &["[", label, ":*", &tail.into_iter().rev().collect::<String>(), "]"]);
                }
                _ => put(out, &["[", label, "]"]),
            },
        }
    }

    pub(crate) fn pseudonym(&self, label: &str, value: &str) -> String {
        let mut pseudonym = String::new();
        self.keyed(label, value, PSEUDONYM_BYTES, &mut pseudonym);
        pseudonym
    }

    fn keyed(&self, label: &str, value: &str, bytes: usize, out: &mut String) {
        let key = self.key.get_or_init(|| self.ring.tenant_key(self.tenant));
        put(out, &["[", label, ":", self.ring.active_id(), ":", &hex(&key.digest(label, value)[..bytes]), "]"]);
    }
}

fn put(out: &mut String, parts: &[&str]) {
    out.extend(parts.iter().copied());
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
