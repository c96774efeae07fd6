//! Consistency inside one session: repeats, enumeration, and writes to targets that nobody named.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::{ToolName, Unit, UnitKind};
use super::origin::{Index, Origin};
use super::text::{Term, group, term_of};

/// What a session did so far that does not hold together.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Consistency {
    /// How often each exact call was made.
    exact: FxHashMap<Term, u16>,
    /// The identifiers each slot was given.
    slots: FxHashMap<Term, Slot>,
    /// How many identifiers slots had been given when the session fell asleep.
    faded: Vec<(Term, u8)>,
    repeats: u16,
    enumerated: u16,
    unnamed_writes: u16,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Slot {
    values: Vec<Term>,
    /// Those of them that were seen nowhere before.
    unseeded: u16,
}

/// Distinct calls and slots remembered of one session.
const MAX_ENTRIES: usize = 512;
/// Slots remembered of a session that has been asleep.
const MAX_FADED: usize = 8;
/// Distinct identifiers remembered of one slot.
const MAX_VALUES: usize = 32;

impl Consistency {
    /// Takes in a call, given what the session knew before it.
    pub(crate) fn call(&mut self, tool: &ToolName, args: &Value, units: &[Unit<'_>], known: &Index) {
        let exact = group(&[tool.term, term_of(&args.to_string())]);
        // Nothing is known of a call without arguments: two of them need not be the same.
        let known_call = !matches!(args, Value::Null) && args.as_object().is_none_or(|fields| !fields.is_empty());
        if known_call && (self.exact.len() < MAX_ENTRIES || self.exact.contains_key(&exact)) {
            let count = self.exact.entry(exact).or_default();
            *count = count.saturating_add(1);
            self.repeats = self.repeats.max(*count - 1);
        }
        let mut unnamed = false;
        for unit in units.iter().filter(|u| u.kind == UnitKind::Identifier) {
            let unseen = known.of(unit.terms[0]) == Origin::Unseen;
            unnamed |= unseen;
            let key = group(&[tool.term, unit.key]);
            if self.slots.len() >= MAX_ENTRIES && !self.slots.contains_key(&key) {
                continue;
            }
            let slot = self.slots.entry(key).or_default();
            if slot.values.len() < MAX_VALUES && !slot.values.contains(&unit.terms[0]) {
                slot.values.push(unit.terms[0]);
                slot.unseeded += u16::from(unseen);
                self.enumerated = self.enumerated.max(slot.unseeded);
            }
        }
        if unnamed && tool.acts.writes() {
            self.unnamed_writes = self.unnamed_writes.saturating_add(1);
        }
    }

    /// What needs no history of the channel's score: larger is stranger, 0 if nothing is. Repeats count from the
    /// second on, values nobody named from the first, a write to one of those most.
    pub(crate) fn score(&self) -> f32 {
        let repeats = f32::from(self.repeats.saturating_sub(1));
        let enumerated = f32::from(self.enumerated);
        let writes = f32::from(self.unnamed_writes);
        1.2 * repeats.ln_1p() + 1.0 * enumerated.ln_1p() + 1.0 * writes.ln_1p()
    }

    /// The slots that were given more than one identifier, with how many.
    pub(crate) fn fans(&self) -> Vec<(Term, u8)> {
        let mut given: FxHashMap<Term, u8> = self.faded.iter().copied().collect();
        for (key, slot) in &self.slots {
            let count = given.entry(*key).or_default();
            *count = count.saturating_add(slot.values.len() as u8);
        }
        let mut fans: Vec<_> = given.into_iter().filter(|(_, count)| *count > 1).collect();
        fans.sort_unstable();
        fans
    }

    /// Forgets the values, and keeps what they amounted to.
    pub(crate) fn fade(&mut self) {
        let mut fans = self.fans();
        fans.sort_by_key(|(key, count)| (std::cmp::Reverse(*count), *key));
        fans.truncate(MAX_FADED);
        self.faded = fans;
        self.exact.clear();
        self.slots.clear();
    }

    /// The score's main reason, in words.
    pub(crate) fn why(&self) -> String {
        if self.enumerated >= self.repeats && self.enumerated > 0 {
            let writes = if self.unnamed_writes > 0 { ", some of them in calls that change something" } else { "" };
            return format!(
                "{} values in one argument that neither the user nor any tool named{writes}",
                self.enumerated
            );
        }
        if self.repeats > 0 {
            return format!("the same call was made {} times", u32::from(self.repeats) + 1);
        }
        "nothing stands out".to_owned()
    }
}
