//! Correlations: several matches within a span of event time, one after another or many of one kind.
//!
//! A group keeps the matches of the last span in order of event time, whatever order they came in, and each match
//! asks whether a window around it is full. So an alert does not depend on the order of arrival within the allowed
//! lateness; and no clock is read.

use lapwing_event::{Event, EventId};
use rsigma_parser::{ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType, WindowMode};
use rustc_hash::{FxHashMap, FxHasher};
use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};

use super::view::View;
use crate::recent::Recent;

/// What makes a window full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Full {
    /// So many different labels: events, values, or rules.
    Distinct(usize),
    /// Every rule, in the order in which the correlation names them.
    Ordered(usize),
}

/// What is told apart in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Label {
    Event,
    /// The value of this field.
    Value(String),
    Rule,
}

/// A correlation that is ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Correlation {
    /// Indices of the rules it is about, in its order.
    pub(crate) rules: Vec<usize>,
    /// For each of these rules, the fields that make a group.
    group_by: Vec<Vec<String>>,
    label: Label,
    full: Full,
    span: i64,
    /// Matches of one group that are kept.
    capacity: usize,
}

/// A window may ask for at most so many different labels.
const MAX_NEEDED: usize = 512;

impl Correlation {
    /// Checks what a correlation asks for; `rules` are the indices of those it names.
    pub(crate) fn compile(rule: &CorrelationRule, rules: Vec<usize>) -> Result<Self, String> {
        if rule.window != WindowMode::Sliding {
            return Err(format!("window {} is not supported; leave `window` out", rule.window.as_str()));
        }
        let ordered = rule.correlation_type == CorrelationType::TemporalOrdered;
        let (needed, label) = match rule.correlation_type {
            CorrelationType::EventCount => (at_least(&rule.condition)?.0, Label::Event),
            CorrelationType::ValueCount => {
                let (needed, fields) = at_least(&rule.condition)?;
                let [field] = fields.as_slice() else {
                    return Err("value_count needs one `field` under `condition`".to_owned());
                };
                (needed, Label::Value(field.clone()))
            }
            CorrelationType::Temporal | CorrelationType::TemporalOrdered => (rules.len(), Label::Rule),
            other => {
                let known = "event_count, value_count, temporal or temporal_ordered";
                return Err(format!("correlation type {} is not supported; use {known}", other.as_str()));
            }
        };
        if !(1..=MAX_NEEDED).contains(&needed) {
            return Err(format!("a correlation counts from 1 to {MAX_NEEDED}, not to {needed}"));
        }
        let span = i64::try_from(rule.timespan.seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
        let of_rule = |name: &String| -> Vec<String> {
            let resolve = |field: &String| {
                let alias = rule.aliases.iter().find(|alias| alias.alias == *field);
                alias.and_then(|alias| alias.mapping.get(name)).unwrap_or(field).clone()
            };
            rule.group_by.iter().map(resolve).collect()
        };
        Ok(Self {
            group_by: rule.rules.iter().map(of_rule).collect(),
            rules,
            label,
            full: if ordered { Full::Ordered(needed) } else { Full::Distinct(needed) },
            span,
            capacity: (8 * needed).clamp(64, 8 * MAX_NEEDED),
        })
    }

    /// How many it waits for.
    pub(crate) fn needed(&self) -> usize {
        match self.full {
            Full::Distinct(needed) | Full::Ordered(needed) => needed,
        }
    }

    /// The fields that it reads.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &String> {
        let counted = match &self.label {
            Label::Value(field) => Some(field),
            Label::Event | Label::Rule => None,
        };
        self.group_by.iter().flatten().chain(counted)
    }

    /// Takes in a match of one of its rules; the events of the window if that is now full.
    pub(crate) fn take(
        &self,
        rule: usize,
        event: &Event,
        view: &View<'_>,
        bounds: Bounds,
        groups: &mut Recent<String, Timeline>,
    ) -> Option<Window> {
        let place = self.rules.iter().position(|of| *of == rule)?;
        let mut group = event.tenant.id.to_string();
        for field in &self.group_by[place] {
            group.push('\u{1f}');
            push_value(&mut group, &view.text(field)?);
        }
        let label = match &self.label {
            Label::Event => hash(event.id.as_uuid()),
            Label::Value(field) => hash(&view.text(field)?),
            Label::Rule => place as u64,
        };
        let at = event.timestamp.nanos();
        let timeline = groups.touch(&group, at, Timeline::default);
        let entry = Entry { at, event: event.id, place: place as u16, label };
        let found = timeline.insert(entry, self.span.saturating_add(bounds.lateness), self.capacity);
        let window = found.and_then(|index| timeline.window(index, self.span, self.full));
        while groups.pop_over(bounds.groups).is_some() {}
        window.map(|events| Window { group, events })
    }
}

/// Long values stand in a key as their hash.
fn push_value(group: &mut String, value: &str) {
    match value.len() {
        0..=64 => group.push_str(value),
        _ => group.push_str(&format!("{:016x}", hash(&value))),
    }
}

/// How much may be remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// How late an event may come, in nanoseconds.
    pub(crate) lateness: i64,
    /// Groups of one correlation.
    pub(crate) groups: usize,
}

/// A full window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    /// Tenant and the values of `group-by`.
    pub(crate) group: String,
    /// Its events, the earliest first.
    pub(crate) events: Vec<EventId>,
}

fn at_least(condition: &CorrelationCondition) -> Result<(usize, Vec<String>), String> {
    let CorrelationCondition::Threshold { predicates, field, .. } = condition else {
        return Err("an extended condition is not supported; name the rules in `rules`".to_owned());
    };
    let needed = match predicates.as_slice() {
        [(ConditionOperator::Gte, n)] => *n,
        [(ConditionOperator::Gt, n)] => n.saturating_add(1),
        _ => return Err("only `gte` or `gt` can be told as events come; use one of them".to_owned()),
    };
    Ok((usize::try_from(needed).unwrap_or(usize::MAX), field.clone().unwrap_or_default()))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

/// One match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Entry {
    at: i64,
    event: EventId,
    /// Which rule of the correlation.
    place: u16,
    label: u64,
}

/// The matches of one group, in order of event time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Timeline {
    entries: Vec<Entry>,
}

/// Events named in an alert.
const MAX_EVIDENCE: usize = 20;

impl Timeline {
    /// Puts an event with a label in its place; the events of a window of length `span` around it that holds so many
    /// different labels, if there is one.
    pub(crate) fn take_distinct(
        &mut self,
        (at, event, label): (i64, EventId, u64),
        (span, lateness): (i64, i64),
        needed: usize,
    ) -> Option<Vec<EventId>> {
        let entry = Entry { at, event, place: 0, label };
        let index = self.insert(entry, span.saturating_add(lateness), 8 * needed)?;
        self.window(index, span, Full::Distinct(needed))
    }

    /// Puts a match in its place, and says which; none if it is known already or older than `keep` before the newest.
    fn insert(&mut self, entry: Entry, keep: i64, capacity: usize) -> Option<usize> {
        let newest = self.entries.last().map_or(entry.at, |last| last.at.max(entry.at));
        let oldest = newest.saturating_sub(keep);
        let Err(place) = self.entries.binary_search(&entry) else { return None };
        if entry.at < oldest {
            return None;
        }
        self.entries.insert(place, entry);
        let stale = self.entries.partition_point(|held| held.at < oldest);
        let over = self.entries.len().saturating_sub(capacity).max(stale);
        self.entries.drain(..over);
        place.checked_sub(over)
    }

    /// The events of a full window of length `span` that holds the match at `index`.
    fn window(&self, index: usize, span: i64, full: Full) -> Option<Vec<EventId>> {
        let (first, last) = match full {
            Full::Distinct(needed) => self.distinct(index, span, needed)?,
            Full::Ordered(places) => return self.ordered(index, span, places),
        };
        Some(evidence(self.entries[first..=last].iter()))
    }

    fn distinct(&self, index: usize, span: i64, needed: usize) -> Option<(usize, usize)> {
        let mut held: FxHashMap<u64, usize> = FxHashMap::default();
        let mut left = 0;
        for (right, entry) in self.entries.iter().enumerate() {
            *held.entry(entry.label).or_default() += 1;
            while entry.at.saturating_sub(self.entries[left].at) > span {
                let leaving = self.entries[left].label;
                if let Some(count) = held.get_mut(&leaving) {
                    *count -= 1;
                    if *count == 0 {
                        held.remove(&leaving);
                    }
                }
                left += 1;
            }
            if left > index {
                return None;
            }
            if right >= index && held.len() >= needed {
                return Some((left, right));
            }
        }
        None
    }

    /// From the match at `index` back through the rules before it and on through those behind it, each the nearest
    /// in time: no other choice is shorter.
    fn ordered(&self, index: usize, span: i64, places: usize) -> Option<Vec<EventId>> {
        let middle = &self.entries[index];
        let mut chain = vec![middle];
        let mut place = usize::from(middle.place);
        for entry in self.entries[..index].iter().rev() {
            if place > 0 && usize::from(entry.place) == place - 1 {
                chain.insert(0, entry);
                place -= 1;
            }
        }
        let mut after = usize::from(middle.place);
        for entry in &self.entries[index + 1..] {
            if usize::from(entry.place) == after + 1 {
                chain.push(entry);
                after += 1;
            }
        }
        let whole = place == 0 && after + 1 == places;
        let (first, last) = (chain.first()?, chain.last()?);
        (whole && last.at.saturating_sub(first.at) <= span).then(|| evidence(chain.into_iter()))
    }
}

fn evidence<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<EventId> {
    let mut events: Vec<EventId> = Vec::new();
    for entry in entries {
        if !events.contains(&entry.event) {
            events.push(entry.event);
        }
    }
    let over = events.len().saturating_sub(MAX_EVIDENCE);
    events.drain(..over);
    events
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::at;
    use proptest::prelude::*;

    fn entry(seconds: i64, place: u16, label: u64) -> Entry {
        let event = EventId::derived(at(seconds), &[&place.to_be_bytes(), &label.to_be_bytes()]);
        Entry { at: seconds, event, place, label }
    }

    fn fires(entries: &[Entry], span: i64, full: Full) -> bool {
        let mut timeline = Timeline::default();
        let mut fired = false;
        for entry in entries {
            let index = timeline.insert(*entry, span + 1_000, 64);
            fired |= index.is_some_and(|index| timeline.window(index, span, full).is_some());
        }
        fired
    }

    #[test]
    fn windows_fill_by_labels_or_in_order() {
        let five = |gap: i64| (0..5).map(|i| entry(i * gap, 0, i as u64)).collect::<Vec<_>>();
        assert!(fires(&five(10), 40, Full::Distinct(5)));
        assert!(!fires(&five(11), 40, Full::Distinct(5)), "44 seconds");
        let same: Vec<_> = (0..5).map(|i| entry(i, 0, 7)).collect();
        assert!(!fires(&same, 40, Full::Distinct(2)), "one value");
        assert!(fires(&[entry(1, 0, 0), entry(5, 1, 1), entry(9, 2, 2)], 10, Full::Ordered(3)));
        assert!(!fires(&[entry(1, 1, 1), entry(5, 0, 0), entry(9, 2, 2)], 10, Full::Ordered(3)));
        assert!(!fires(&[entry(1, 0, 0), entry(5, 1, 1), entry(12, 2, 2)], 10, Full::Ordered(3)));
        assert!(fires(&[entry(0, 0, 0), entry(8, 0, 0), entry(9, 1, 1), entry(15, 2, 2)], 10, Full::Ordered(3)));
    }

    #[test]
    fn a_match_seen_twice_counts_once_and_memory_is_bounded() {
        let twice = [entry(1, 0, 1), entry(1, 0, 1)];
        assert!(!fires(&twice, 10, Full::Distinct(2)));
        let mut timeline = Timeline::default();
        for i in 0..10_000 {
            timeline.insert(entry(i, 0, i as u64), i64::MAX, 64);
        }
        assert_eq!(timeline.entries.len(), 64);
        assert_eq!(timeline.insert(entry(9_000, 0, 1), 100, 64), None, "too late");
    }

    proptest! {
        #[test]
        fn whether_it_fires_does_not_depend_on_the_order_of_arrival(
            mut picks in proptest::collection::vec((0i64..100, 0u16..3, 0u64..4), 1..40),
            seed in any::<u64>(),
        ) {
            let of = |picks: &[(i64, u16, u64)]| picks.iter().map(|(at, place, label)| entry(*at, *place, *label)).collect::<Vec<_>>();
            let sorted = of(&picks);
            let mut state = seed;
            for i in (1..picks.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                picks.swap(i, (state >> 33) as usize % (i + 1));
            }
            let shuffled = of(&picks);
            for full in [Full::Distinct(3), Full::Ordered(3)] {
                prop_assert_eq!(fires(&sorted, 20, full), fires(&shuffled, 20, full), "{:?}", full);
            }
        }
    }
}
