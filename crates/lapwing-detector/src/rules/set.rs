//! A set of rules that is ready to run: one engine for each kind of event, so that a rule never sees another kind.

use std::collections::BTreeSet;
use std::fmt;

use lapwing_event::{EventId, Kind, SanitizedEvent, Severity};
use rsigma_eval::result::FieldMatch;
use rsigma_eval::{Engine, MatchDetailLevel};
use rsigma_parser::{CorrelationRule, Detection, Level, SigmaRule};

use super::RuleState;
use super::correlation::{Bounds, Correlation};
use super::examples::{self, Extension};
use super::source::{Document, RuleFault, RuleText};
use super::view::{View, is_field};

/// The kinds of event that rules can be about, by `logsource: service`.
const SERVICES: [&str; 6] = ["llm", "tool", "guardrail", "retrieval", "error", "evaluation"];

/// What is fixed about a rule.
#[derive(Debug, Clone)]
pub(crate) struct RuleHead {
    /// Its id, else its name, else its title; a later rule with the same key takes its place.
    pub(crate) key: String,
    name: Option<String>,
    /// The id under which it alerts.
    pub(crate) detection: String,
    pub(crate) title: String,
    /// What it finds, in words.
    pub(crate) description: Option<String>,
    pub(crate) severity: Severity,
    pub(crate) tags: Vec<String>,
    /// The kind of event it is about.
    service: &'static str,
    file: String,
    line: usize,
    positives: Vec<serde_json::Value>,
    negatives: Vec<serde_json::Value>,
    /// A correlation speaks for it.
    silent: bool,
}

/// A rule, for a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSummary {
    /// The id under which it alerts.
    pub detection: String,
    /// Its name, else its id.
    pub name: String,
    /// One line.
    pub title: String,
    /// How urgent.
    pub severity: Severity,
    /// The kind of event it is about; for a correlation, its type.
    pub about: String,
    /// OWASP and ATLAS tags.
    pub tags: Vec<String>,
    /// How many examples must fire it, and how many must not.
    pub examples: (usize, usize),
    /// Whether it alerts only through a correlation.
    pub silent: bool,
}

/// Rules that are ready to run.
pub struct RuleSet {
    rules: Vec<RuleHead>,
    engines: Vec<Engine>,
    correlations: Vec<(RuleHead, Correlation, &'static str)>,
}

impl fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RuleSet of {} rules and {} correlations", self.rules.len(), self.correlations.len())
    }
}

/// A rule that fired.
pub(crate) struct Hit<'a> {
    pub(crate) rule: &'a RuleHead,
    pub(crate) events: Vec<EventId>,
    /// The fields that matched.
    pub(crate) matched: String,
    /// The group, of a correlation.
    pub(crate) group: Option<String>,
    pub(crate) needed: usize,
}

impl RuleSet {
    /// Reads rules; all faults are reported together. A later rule replaces an earlier one with the same key.
    pub fn compile<'t>(
        texts: impl IntoIterator<Item = &'t RuleText>,
        disabled: &[String],
    ) -> Result<Self, Vec<RuleFault>> {
        let documents: Vec<Document<'t>> = texts.into_iter().flat_map(Document::split).collect();
        let mut reader = Reader::default();
        for document in &documents {
            reader.read(document);
        }
        reader.finish(disabled)
    }

    /// Every rule and correlation.
    pub fn summaries(&self) -> Vec<RuleSummary> {
        let summary = |head: &RuleHead, about: &str| RuleSummary {
            detection: head.detection.clone(),
            name: head.name.clone().unwrap_or_else(|| head.key.clone()),
            title: head.title.clone(),
            severity: head.severity.clone(),
            about: about.to_owned(),
            tags: head.tags.clone(),
            examples: (head.positives.len(), head.negatives.len()),
            silent: head.silent,
        };
        let rules = self.rules.iter().map(|rule| summary(rule, rule.service));
        rules.chain(self.correlations.iter().map(|(head, _, kind)| summary(head, kind))).collect()
    }

    /// Runs every rule's examples: a fault for each that fires and should not, or should and does not.
    pub fn test(&self) -> Vec<RuleFault> {
        let correlations = self.correlations.iter().map(|(head, ..)| head);
        let of = |head: &RuleHead| {
            let positives = head.positives.iter().map(|example| (example, true));
            let examples: Vec<_> = positives.chain(head.negatives.iter().map(|example| (example, false))).collect();
            examples
                .into_iter()
                .filter_map(|(example, expected)| self.test_example(head, example, expected))
                .collect::<Vec<_>>()
        };
        self.rules.iter().chain(correlations).flat_map(of).collect()
    }

    fn test_example(&self, head: &RuleHead, example: &serde_json::Value, expected: bool) -> Option<RuleFault> {
        let problem = match examples::events(example, head.service) {
            Err(problem) => problem,
            Ok(events) if self.fires(&head.key, &events) == expected => return None,
            Ok(_) if expected => format!("{} does not fire, and should: {example}", head.title),
            Ok(_) => format!("{} fires, and should not: {example}", head.title),
        };
        Some(RuleFault { file: head.file.clone(), line: head.line, problem })
    }

    /// Whether these events fire the rule, be it silent or not.
    fn fires(&self, key: &str, events: &[SanitizedEvent]) -> bool {
        let (mut state, bounds) = (RuleState::new(), Bounds { lateness: 0, groups: 1_000 });
        events.iter().any(|event| {
            let view = View::new(event);
            let matches = self.matches(event, &view);
            let direct = matches.iter().any(|(at, _)| self.rules[*at].key == key);
            let places: Vec<usize> = matches.iter().map(|(at, _)| *at).collect();
            let correlated = self.correlate(event, &view, &places, &mut state, bounds);
            direct || correlated.iter().any(|hit| hit.rule.key == key)
        })
    }

    pub(crate) fn has_correlation(&self, key: &str) -> bool {
        self.correlations.iter().any(|(head, ..)| head.key == key)
    }

    /// What an event fires.
    pub(crate) fn observe(&self, event: &SanitizedEvent, state: &mut RuleState, bounds: Bounds) -> Vec<Hit<'_>> {
        let view = View::new(event);
        let matches = self.matches(event, &view);
        if matches.is_empty() {
            return Vec::new();
        }
        let places: Vec<usize> = matches.iter().map(|(at, _)| *at).collect();
        let mut hits: Vec<Hit<'_>> = Vec::new();
        for (at, fields) in matches {
            let rule = &self.rules[at];
            if !rule.silent {
                hits.push(Hit { rule, events: vec![event.id], matched: explain(&fields), group: None, needed: 1 });
            }
        }
        hits.extend(self.correlate(event, &view, &places, state, bounds));
        hits
    }

    fn matches(&self, event: &SanitizedEvent, view: &View<'_>) -> Vec<(usize, Vec<FieldMatch>)> {
        let Some(service) = service_of(&event.kind) else { return Vec::new() };
        let found = self.engines[service].evaluate(view).into_iter();
        // The engine was given each rule's place as its id.
        found
            .filter_map(|result| {
                let place = result.header.rule_id.as_deref()?.parse().ok()?;
                Some((place, result.as_detection().map(|body| body.matched_fields.clone()).unwrap_or_default()))
            })
            .collect()
    }

    fn correlate(
        &self,
        event: &SanitizedEvent,
        view: &View<'_>,
        places: &[usize],
        state: &mut RuleState,
        bounds: Bounds,
    ) -> Vec<Hit<'_>> {
        let mut hits = Vec::new();
        for (head, correlation, _) in &self.correlations {
            for place in places.iter().filter(|place| correlation.rules.contains(place)) {
                let groups = state.entry(head.key.clone()).or_default();
                if let Some(window) = correlation.take(*place, event, view, bounds, groups) {
                    let needed = correlation.needed();
                    hits.push(Hit {
                        rule: head,
                        events: window.events,
                        matched: String::new(),
                        group: Some(window.group),
                        needed,
                    });
                }
            }
        }
        hits
    }
}

fn service_of(kind: &Kind) -> Option<usize> {
    SERVICES.iter().position(|service| *service == kind.as_str())
}

/// The names of the fields that matched, each once.
fn explain(fields: &[FieldMatch]) -> String {
    let names: BTreeSet<&str> =
        fields.iter().filter(|field| !field.negated).map(|field| field.field.as_str()).collect();
    names.into_iter().take(3).collect::<Vec<_>>().join(", ")
}

/// Reads documents, remembering what is wrong.
#[derive(Default)]
struct Reader<'d> {
    rules: Vec<(RuleHead, SigmaRule, &'d Document<'d>)>,
    correlations: Vec<(RuleHead, CorrelationRule, &'d Document<'d>)>,
    faults: Vec<RuleFault>,
}

impl<'d> Reader<'d> {
    fn read(&mut self, document: &'d Document<'d>) {
        let collection = match document.parse() {
            Ok(collection) => collection,
            Err(faults) => return self.faults.extend(faults),
        };
        if !collection.filters.is_empty() {
            self.faults
                .push(document.fault("filter:", "filter rules are not supported; put the exception into the rule"));
        }
        for rule in collection.rules {
            self.rule(rule, document);
        }
        for rule in collection.correlations {
            let extension = self.extension(&rule.custom_attributes, document);
            let head = RuleHead::of(Named::from(&rule), extension, document);
            self.correlations.retain(|(other, ..)| other.key != head.key);
            self.correlations.push((head, rule, document));
        }
    }

    fn rule(&mut self, rule: SigmaRule, document: &'d Document<'d>) {
        let extension = self.extension(&rule.custom_attributes, document);
        let mut head = RuleHead::of(Named::from(&rule), extension, document);
        let source = &rule.logsource;
        let service = source.service.as_deref().and_then(|name| SERVICES.iter().find(|service| **service == name));
        match service {
            Some(service) if source.product.as_deref() == Some("ai") && source.category.is_none() => {
                head.service = service
            }
            _ => self.faults.push(document.fault(
                "logsource",
                format!("the logsource must be `product: ai` and `service:` one of {}", SERVICES.join(", ")),
            )),
        }
        for detection in rule.detection.named.values() {
            self.check_fields(detection, document);
        }
        self.rules.retain(|(other, ..)| other.key != head.key);
        self.rules.push((head, rule, document));
    }

    fn extension(
        &mut self,
        attributes: &std::collections::HashMap<String, impl serde::Serialize>,
        document: &Document<'_>,
    ) -> Extension {
        let Some(value) = attributes.get("lapwing") else { return Extension::default() };
        let read = serde_json::to_value(value).and_then(serde_json::from_value);
        read.unwrap_or_else(|error| {
            let keys = "its keys are `detection`, `positives` and `negatives`";
            self.faults.push(document.fault("lapwing:", format!("the key `lapwing` cannot be read: {error}; {keys}")));
            Extension::default()
        })
    }

    fn check_fields(&mut self, detection: &Detection, document: &Document<'_>) {
        match detection {
            Detection::AllOf(items) => {
                for name in items.iter().filter_map(|item| item.field.name.as_ref()) {
                    self.check_field(name, document);
                }
            }
            Detection::AnyOf(parts) | Detection::And(parts) => {
                parts.iter().for_each(|part| self.check_fields(part, document));
            }
            Detection::ArrayMatch { field, .. } => self.check_field(field, document),
            Detection::Conditional { named, .. } => named.values().for_each(|part| self.check_fields(part, document)),
            Detection::Keywords(_) => {}
        }
    }

    fn check_field(&mut self, name: &str, document: &Document<'_>) {
        if !is_field(name) {
            let problem = format!(
                "`{name}` is no field of the event schema; `lapwing schema` prints all, own fields are under `attrs.`"
            );
            self.faults.push(document.fault(name, problem));
        }
    }

    /// Compiles what was read.
    fn finish(mut self, disabled: &[String]) -> Result<RuleSet, Vec<RuleFault>> {
        let off = |head: &RuleHead| {
            disabled.iter().any(|id| *id == head.detection || *id == head.key || Some(id) == head.name.as_ref())
        };
        let mut correlations = Vec::new();
        let mut spoken_for = BTreeSet::new();
        for (mut head, rule, document) in std::mem::take(&mut self.correlations) {
            let Some(rules) = self.referenced(&rule, document) else { continue };
            head.service = rules.first().map_or(SERVICES[0], |place| self.rules[*place].0.service);
            if !rule.generate {
                spoken_for.extend(rules.iter().copied());
            }
            match Correlation::compile(&rule, rules) {
                Ok(correlation) => {
                    correlation.fields().for_each(|field| self.check_field(field, document));
                    if !off(&head) {
                        correlations.push((head, correlation, rule.correlation_type.as_str()));
                    }
                }
                Err(problem) => self.faults.push(document.fault("correlation:", problem)),
            }
        }
        let mut engines: Vec<Engine> = SERVICES.iter().map(|_| engine()).collect();
        let mut rules = Vec::new();
        for (place, (mut head, mut rule, document)) in self.rules.into_iter().enumerate() {
            head.silent = spoken_for.contains(&place);
            rule.id = Some(place.to_string());
            (rule.tags, rule.custom_attributes) = Default::default();
            let service = SERVICES.iter().position(|service| *service == head.service).unwrap_or(0);
            if !off(&head) {
                let added = engines[service].add_rule(&rule);
                self.faults.extend(added.err().map(|error| document.fault("detection:", error.to_string())));
            }
            rules.push(head);
        }
        if self.faults.is_empty() { Ok(RuleSet { rules, engines, correlations }) } else { Err(self.faults) }
    }

    fn referenced(&mut self, rule: &CorrelationRule, document: &Document<'_>) -> Option<Vec<usize>> {
        let mut places = Vec::new();
        for name in &rule.rules {
            let found = self.rules.iter().position(|(head, ..)| head.key == *name || head.name.as_ref() == Some(name));
            match found {
                Some(place) => places.push(place),
                None => {
                    let problem =
                        format!("no rule has the id or name `{name}`; a correlation names rules, not correlations");
                    self.faults.push(document.fault(name, problem));
                }
            }
        }
        if rule.rules.is_empty() {
            self.faults.push(document.fault("correlation:", "a correlation names its rules under `rules`"));
        }
        (!places.is_empty() && places.len() == rule.rules.len()).then_some(places)
    }
}

fn engine() -> Engine {
    let mut engine = Engine::new();
    engine.set_match_detail(MatchDetailLevel::Full);
    engine
}

/// What rules and correlations are called by.
struct Named<'a> {
    id: &'a Option<String>,
    name: &'a Option<String>,
    title: &'a str,
    description: &'a Option<String>,
    level: Option<Level>,
    tags: &'a [String],
}

/// The parser has two types with the same fields, and no trait over them.
macro_rules! named {
    ($rule:ty) => {
        impl<'a> From<&'a $rule> for Named<'a> {
            fn from(rule: &'a $rule) -> Self {
                let (id, name, title, description) = (&rule.id, &rule.name, &rule.title, &rule.description);
                Self { id, name, title, description, level: rule.level, tags: &rule.tags }
            }
        }
    };
}

named!(SigmaRule);
named!(CorrelationRule);

impl RuleHead {
    fn of(named: Named<'_>, extension: Extension, document: &Document<'_>) -> Self {
        let key = named.id.as_ref().or(named.name.as_ref()).map_or(named.title, String::as_str).to_owned();
        let place = document.fault("title:", "");
        Self {
            detection: extension.detection.or_else(|| named.name.clone()).unwrap_or_else(|| key.clone()),
            key,
            name: named.name.clone(),
            title: named.title.to_owned(),
            description: named.description.as_ref().map(|text| text.trim().trim_end_matches('.').to_owned()),
            severity: match named.level {
                Some(Level::Informational) => Severity::Info,
                Some(Level::Low) => Severity::Low,
                Some(Level::Medium) | None => Severity::Medium,
                Some(Level::High) => Severity::High,
                Some(Level::Critical) => Severity::Critical,
            },
            tags: named.tags.to_vec(),
            service: SERVICES[0],
            file: place.file,
            line: place.line,
            positives: extension.positives,
            negatives: extension.negatives,
            silent: false,
        }
    }
}
