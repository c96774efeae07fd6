//! The sanitizer: recognizers, policies and keys put together, over texts and over events.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lapwing_event::{Event, FieldVisitor, Pii, Sanitization, SanitizationStatus, SanitizedEvent, TenantId};
use serde_json::{Map, Value};

use crate::config::SanitizerConfig;
use crate::custom::Custom;
use crate::entity::EntityType::{Location, Person, Username};
use crate::entity::{EntityType, Finding};
use crate::field::{self, Field};
use crate::formats::ALONE;
use crate::keyring::KeyRing;
use crate::policy::{Policies, TenantPolicies};
use crate::recognizers::name_again;
use crate::scan::{self, Stretch, Whole};

/// Passes over one text until nothing more is found: masking one value can lay another bare.
const MAX_PASSES: usize = 4;
/// Deepest JSON that is walked; the decoder of raw events refuses deeper.
const MAX_JSON_DEPTH: usize = 128;
/// Longest text that is scanned. No event is as long; a longer text is masked as a whole.
const MAX_TEXT: usize = 64 * 1024 * 1024;
/// Stands for what could not be looked at.
const UNREADABLE: &str = "[SECRET]";

/// Why a configuration makes no sanitizer.
#[derive(Debug, thiserror::Error)]
pub enum SanitizerError {
    /// A custom recognizer's type is no label.
    #[error("custom recognizer {name:?} needs an upper-case type such as EMPLOYEE_ID")]
    Label {
        /// The recognizer.
        name: String,
    },
    /// A custom recognizer's pattern is invalid or too large.
    #[error("custom recognizer {name:?} has no valid pattern")]
    Pattern {
        /// The recognizer.
        name: String,
        /// What is wrong with the pattern.
        #[source]
        source: Box<regex_automata::meta::BuildError>,
    },
    /// A custom recognizer misses one of its examples.
    #[error("custom recognizer {name:?} finds nothing in its example {index}")]
    Example {
        /// The recognizer.
        name: String,
        /// The example, from zero.
        index: usize,
    },
    /// A custom recognizer finds something in one of its counter-examples.
    #[error("custom recognizer {name:?} finds something in its counter-example {index}")]
    CounterExample {
        /// The recognizer.
        name: String,
        /// The counter-example, from zero.
        index: usize,
    },
    /// Secrets may not be kept or joined.
    #[error("secrets can only be masked or dropped; remove SECRET from the actions or set it to mask or drop")]
    SecretPolicy,
    /// A policy names a type that nothing finds.
    #[error("the policy names the type {entity:?}, which no recognizer finds")]
    UnknownType {
        /// The type.
        entity: String,
    },
}

/// An event could not be sanitized and must not be stored. Says why without any content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SanitizeFailure {
    /// A recognizer failed on the event.
    #[error("a recognizer failed on this event")]
    Recognizer,
    /// JSON in the event is nested too deep.
    #[error("a JSON field of the event is nested deeper than {MAX_JSON_DEPTH} levels")]
    TooDeep,
}

/// Finds and masks. Cheap to share between threads, costly to make.
pub struct Sanitizer {
    custom: Vec<Custom>,
    policies: Policies,
    policy_version: String,
}

impl std::fmt::Debug for Sanitizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sanitizer").field("policy_version", &self.policy_version).finish_non_exhaustive()
    }
}

impl Sanitizer {
    /// Compiles the configuration and checks the examples of its recognizers.
    pub fn new(config: &SanitizerConfig, ring: KeyRing) -> Result<Self, SanitizerError> {
        // The automata are built now and not with the first event.
        scan::prepare();
        let custom = config.custom.iter().map(Custom::new).collect::<Result<_, _>>()?;
        Ok(Self { custom, policies: Policies::new(config, ring)?, policy_version: config.policy_version.clone() })
    }

    /// What stands in `text`, in order, without overlap, whatever the policy. Masks of an earlier pass are no findings.
    pub fn find(&self, text: &str) -> Vec<Finding> {
        self.find_wanted(text, Place::default(), Stretch::Whole, |_| true)
    }

    /// What the policy would mask.
    fn find_in(&self, policies: &TenantPolicies<'_>, text: &str, place: Place, stretch: Stretch) -> Vec<Finding> {
        let mut findings = self.find_wanted(text, place, stretch, |entity| !policies.keeps_all(entity));
        findings.retain(|finding| !policies.keeps(finding));
        findings
    }

    fn find_wanted(
        &self,
        text: &str,
        place: Place,
        stretch: Stretch,
        wanted: impl Fn(&EntityType) -> bool,
    ) -> Vec<Finding> {
        let wanted =
            |entity: &EntityType| !(place.plain && matches!(entity, Person | Location | Username)) && wanted(entity);
        let masks = |text: &str| self.policies.masks(text);
        let mut findings = scan::find_in(text, place.whole, &self.custom, masks, stretch, wanted);
        if place.plain {
            // A form that only standing alone speaks for, such as a number plate's, is a version there: "gpt-x-2026".
            findings.retain(|finding| finding.confidence != ALONE);
        }
        self.leave_masks(text, &mut findings);
        findings
    }

    /// Removes findings that touch a mask of an earlier pass.
    fn leave_masks(&self, text: &str, findings: &mut Vec<Finding>) {
        if findings.is_empty() {
            return;
        }
        let masks = self.policies.masks(text);
        let mut next = 0;
        findings.retain(|finding| {
            while masks.get(next).is_some_and(|mask| mask.end <= finding.range.start) {
                next += 1;
            }
            masks.get(next).is_none_or(|mask| mask.start >= finding.range.end)
        });
    }

    /// Masks `text` by the tenant's policy and tells what was masked, in bytes of the original.
    pub fn sanitize_text(&self, tenant: &TenantId, text: &str) -> (String, Vec<Finding>) {
        let policies = self.policies.of(tenant);
        let findings = self.find_in(&policies, text, Place::default(), Stretch::Whole);
        let masked = match findings.as_slice() {
            [] => text.to_owned(),
            findings => self.mask(&policies, text, Place::default(), findings, |_| {}),
        };
        (masked, findings)
    }

    /// The pseudonym of a whole value. `label` is a type's label, or the path of a field that holds pseudonyms, as
    /// `user.id`. A value that is a pseudonym already stays as it is.
    pub fn pseudonym(&self, tenant: &TenantId, label: &str, value: &str) -> String {
        let label = match lapwing_event::field(label).map(|field| field.pii) {
            Some(Pii::Pseudonym(label)) => label,
            _ => label,
        };
        self.whole_pseudonym(&self.policies.of(tenant), label, value)
    }

    fn whole_pseudonym(&self, policies: &TenantPolicies<'_>, label: &str, value: &str) -> String {
        let masked = value.starts_with('[') && self.policies.mask_length(value) == Some(value.len());
        if masked { value.to_owned() } else { policies.pseudonym(label, value) }
    }

    /// Masks every string of the event and seals it, or fails: then nothing of the event may be kept.
    pub fn sanitize(&self, event: Event) -> Result<SanitizedEvent, SanitizeFailure> {
        catch_unwind(AssertUnwindSafe(|| self.sanitize_event(event))).unwrap_or(Err(SanitizeFailure::Recognizer))
    }

    fn sanitize_event(&self, mut event: Event) -> Result<SanitizedEvent, SanitizeFailure> {
        let tenant = event.tenant.id.clone();
        let policies = self.policies.of(&tenant);
        let mut look =
            Look { sanitizer: self, policies: &policies, found: Vec::new(), names: Vec::new(), too_deep: false };
        event.visit_mut(&mut look);
        if look.too_deep {
            return Err(SanitizeFailure::TooDeep);
        }
        let names = name_again::spread(look.names.iter().map(String::as_str));
        let mut mask = Mask {
            sanitizer: self,
            policies: &policies,
            found: look.found.into_iter(),
            names,
            counts: BTreeMap::new(),
            fields: Vec::new(),
        };
        event.visit_mut(&mut mask);
        let Mask { counts, fields, .. } = mask;
        let record = Sanitization {
            policy_version: self.policy_version.clone(),
            status: SanitizationStatus::Ok,
            total: counts.values().sum(),
            counts: counts.into_iter().map(|(entity, count)| (entity.label().to_owned(), count)).collect(),
            fields,
        };
        event.truncate_to_limits();
        Ok(SanitizedEvent::seal(event, record))
    }

    /// `text` with the replacements in place of `findings`, and of what is found then, until nothing is left. Calls
    /// `masked` with the type of each.
    fn mask(
        &self,
        policies: &TenantPolicies<'_>,
        text: &str,
        place: Place,
        findings: &[Finding],
        mut masked: impl FnMut(&EntityType),
    ) -> String {
        let mut result = replace(policies, text, findings, &mut masked);
        // Where something was dropped, no mask tells.
        let marked = !findings.iter().any(|finding| policies.drops(finding));
        for pass in 1..MAX_PASSES {
            let stretch = if marked && pass == 1 { Stretch::AroundMasks } else { Stretch::Whole };
            let left = self.find_in(policies, &result, place, stretch);
            if left.is_empty() {
                return result;
            }
            result = replace(policies, &result, &left, &mut masked);
        }
        if self.find_in(policies, &result, place, Stretch::Whole).is_empty() { result } else { UNREADABLE.to_owned() }
    }
}

fn replace(
    policies: &TenantPolicies<'_>,
    text: &str,
    findings: &[Finding],
    masked: &mut impl FnMut(&EntityType),
) -> String {
    let mut result = String::with_capacity(text.len() + text.len() / 4);
    let mut at = 0;
    for finding in findings {
        result.push_str(&text[at..finding.range.start]);
        policies.replace(finding, &text[finding.range.clone()], &mut result);
        at = finding.range.end;
        masked(&finding.entity);
    }
    result.push_str(&text[at..]);
    result
}

/// Where a string stands.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    whole: Whole,
    /// Whether it is a name of the application's own making: a service, a model, a tool. People, places and accounts
    /// are not looked for in one: "Claude" and "Jenkins" are nobody there.
    plain: bool,
}

impl Place {
    /// A value of an object, or a key.
    fn under(field: Option<Field>) -> Self {
        Self { whole: field.map_or(Whole::Leaf, Whole::Of), plain: false }
    }

    fn of(field: &lapwing_event::Field) -> Self {
        Self { whole: Whole::Text, plain: field.pii == Pii::Plain }
    }
}

/// The first walk: looks at every string and remembers what it found, in order.
struct Look<'s> {
    sanitizer: &'s Sanitizer,
    policies: &'s TenantPolicies<'s>,
    found: Vec<Vec<Finding>>,
    names: Vec<String>,
    too_deep: bool,
}

impl Look<'_> {
    fn look(&mut self, text: &str, place: Place) {
        let found = match text.len() {
            1..=MAX_TEXT => self.sanitizer.find_in(self.policies, text, place, Stretch::Whole),
            _ => Vec::new(),
        };
        let people = found.iter().filter(|finding| finding.entity == Person);
        self.names.extend(people.map(|finding| text[finding.range.clone()].to_owned()));
        self.found.push(found);
    }

    fn value(&mut self, value: &Value, field: Option<Field>, depth: usize) {
        if depth > MAX_JSON_DEPTH {
            self.too_deep = true;
            return;
        }
        match value {
            Value::String(text) => self.look(text, Place::under(field)),
            Value::Number(number) => self.look(&number.to_string(), Place::under(field)),
            Value::Array(items) => items.iter().for_each(|item| self.value(item, field, depth + 1)),
            Value::Object(map) => {
                for (key, value) in map {
                    self.look(key, Place::under(None));
                    self.value(value, field::of(key).or(field), depth + 1);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

impl FieldVisitor for Look<'_> {
    fn text(&mut self, field: &'static lapwing_event::Field, text: &mut String) {
        match field.pii {
            Pii::Pseudonym(_) => {}
            _ => self.look(text, Place::of(field)),
        }
    }

    fn json(&mut self, _: &'static lapwing_event::Field, value: &mut Value) {
        self.value(value, None, 0);
    }
}

/// The second walk, over the same strings in the same order: masks what was found, and the names found anywhere.
struct Mask<'s> {
    sanitizer: &'s Sanitizer,
    policies: &'s TenantPolicies<'s>,
    found: std::vec::IntoIter<Vec<Finding>>,
    names: Vec<&'s str>,
    counts: BTreeMap<EntityType, u32>,
    fields: Vec<String>,
}

impl Mask<'_> {
    /// Masks one string; whether anything changed.
    fn mask(&mut self, text: &mut String, place: Place) -> bool {
        let mut findings = self.found.next().expect("both walks see the same strings");
        if text.len() > MAX_TEXT {
            UNREADABLE.clone_into(text);
            return true;
        }
        if !place.plain && !self.names.is_empty() {
            scan::add_names(text, &self.names, &mut findings);
            self.sanitizer.leave_masks(text, &mut findings);
        }
        let Self { sanitizer, policies, counts, .. } = self;
        findings.retain(|finding| !policies.keeps(finding));
        if findings.is_empty() {
            return false;
        }
        *text = sanitizer.mask(policies, text, place, &findings, |entity| match counts.get_mut(entity) {
            Some(count) => *count += 1,
            None => _ = counts.insert(entity.clone(), 1),
        });
        true
    }

    fn value(&mut self, value: &mut Value, field: Option<Field>) -> bool {
        match value {
            Value::String(text) => self.mask(text, Place::under(field)),
            Value::Number(number) => {
                let mut text = number.to_string();
                let changed = self.mask(&mut text, Place::under(field));
                if changed {
                    *value = Value::String(text);
                }
                changed
            }
            Value::Array(items) => items.iter_mut().fold(false, |changed, item| self.value(item, field) | changed),
            Value::Object(map) => {
                let mut changed = false;
                let mut masked = Map::new();
                for (mut key, mut value) in std::mem::take(map) {
                    let inner = field::of(&key).or(field);
                    changed |= self.mask(&mut key, Place::under(None));
                    changed |= self.value(&mut value, inner);
                    masked.insert(unused(&masked, key), value);
                }
                *map = masked;
                changed
            }
            Value::Null | Value::Bool(_) => false,
        }
    }

    fn note(&mut self, field: &'static lapwing_event::Field) {
        if !self.fields.iter().any(|known| known == field.path) {
            self.fields.push(field.path.to_owned());
        }
    }
}

/// `key`, or with a number behind it where two keys have one mask.
fn unused(map: &Map<String, Value>, key: String) -> String {
    if !map.contains_key(&key) {
        return key;
    }
    let numbered = (2..).map(|n| format!("{key} {n}")).find(|candidate| !map.contains_key(candidate));
    numbered.expect("numbers do not run out")
}

impl FieldVisitor for Mask<'_> {
    fn text(&mut self, field: &'static lapwing_event::Field, text: &mut String) {
        match field.pii {
            Pii::Pseudonym(label) => *text = self.sanitizer.whole_pseudonym(self.policies, label, text),
            _ => {
                if self.mask(text, Place::of(field)) {
                    self.note(field);
                }
            }
        }
    }

    fn json(&mut self, field: &'static lapwing_event::Field, value: &mut Value) {
        if self.value(value, None) {
            self.note(field);
        }
    }
}

#[cfg(test)]
#[path = "../tests/pieces/mod.rs"]
mod pieces;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use std::sync::LazyLock;

    use super::*;

    static SANITIZER: LazyLock<Sanitizer> =
        LazyLock::new(|| Sanitizer::new(&SanitizerConfig::default(), KeyRing::generate([7; 32])).unwrap());

    fn check_stretches(text: &str) {
        let tenant = TenantId::default();
        let policies = SANITIZER.policies.of(&tenant);
        let findings = SANITIZER.find_in(&policies, text, Place::default(), Stretch::Whole);
        let masked = replace(&policies, text, &findings, &mut |_| {});
        let whole = SANITIZER.find_in(&policies, &masked, Place::default(), Stretch::Whole);
        let around = SANITIZER.find_in(&policies, &masked, Place::default(), Stretch::AroundMasks);
        if !findings.is_empty() {
            assert_eq!(around, whole, "left in {masked:?} of {text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_a_mask_lays_bare_stands_close_to_it(text in super::pieces::pieces()) {
            check_stretches(&text);
        }

        #[test]
        fn so_it_does_in_any_text(text in "[a-z0-9@.:=\"' \n,A-Z/-]{0,300}") {
            check_stretches(&text);
        }
    }
}
