//! An agent's habits, counted over its normal sessions: which tools go with which prompts, and where each
//! argument's values usually come from.

use rustc_hash::{FxHashMap, FxHashSet};

use super::text::{Term, group};
use super::trace::{CallDigest, Digest};

/// Counts over sessions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Habits {
    sessions: u32,
    tools: FxHashMap<Term, u32>,
    stems: FxHashMap<Term, u32>,
    stem_tool: FxHashMap<Term, u32>,
    slots: FxHashMap<Term, u32>,
    edges: FxHashMap<Term, u32>,
    /// By slot: identifiers given to it beyond the first, over all sessions that used it.
    fans: FxHashMap<Term, u32>,
    fan_sessions: FxHashMap<Term, u32>,
}

/// Pairs and stems counted of one agent.
const MAX_ENTRIES: usize = 60_000;

impl Habits {
    /// Learns one session.
    pub(crate) fn learn(&mut self, digest: &Digest) {
        self.sessions += 1;
        let tools: FxHashSet<Term> = digest.calls.iter().map(|c| c.tool).collect();
        for tool in &tools {
            count(&mut self.tools, *tool);
        }
        for stem in &digest.prompt {
            count(&mut self.stems, *stem);
            for tool in &tools {
                count(&mut self.stem_tool, group(&[*stem, *tool]));
            }
        }
        for (slot, count) in &digest.fans {
            add(&mut self.fans, *slot, u32::from(*count) - 1);
        }
        let slots: FxHashSet<Term> = digest.calls.iter().flat_map(|c| &c.edges).map(|(slot, _)| *slot).collect();
        for slot in slots {
            count(&mut self.fan_sessions, slot);
        }
        for (slot, source) in digest.calls.iter().flat_map(|c| &c.edges) {
            count(&mut self.slots, *slot);
            count(&mut self.edges, group(&[*slot, *source]));
        }
    }

    /// How little the prompt leads one to expect the tool, 0 (its words always came with it) to 1 (never):
    /// one minus the mean of the three best `P(tool | word)`, each shrunk towards `P(tool)`.
    pub(crate) fn unexpected(&self, prompt: &[Term], tool: Term) -> f32 {
        const SHRINK: f32 = 3.0;
        if self.sessions == 0 {
            return 0.5;
        }
        let of = |map: &FxHashMap<Term, u32>, key: Term| map.get(&key).copied().unwrap_or(0) as f32;
        let prior = (of(&self.tools, tool) + 0.5) / (self.sessions as f32 + 1.0);
        let mut best = [0.0f32; 3];
        for stem in prompt {
            let seen = of(&self.stems, *stem);
            let p = (of(&self.stem_tool, group(&[*stem, tool])) + SHRINK * prior) / (seen + SHRINK);
            if p > best[2] {
                best[2] = p;
                best.sort_by(|a, b| b.total_cmp(a));
            }
        }
        let mean = best.iter().sum::<f32>() / 3.0;
        let known = if prompt.is_empty() { prior } else { mean };
        1.0 - known.min(1.0)
    }

    /// How far the session goes through more targets with one argument than the agent does: the largest logarithm
    /// of how many over how many are usual.
    pub(crate) fn fan_out(&self, fans: &[(Term, u8)]) -> f32 {
        let of = |map: &FxHashMap<Term, u32>, key: Term| map.get(&key).copied().unwrap_or(0) as f32;
        let excess = |(slot, count): &(Term, u8)| {
            let usual = 1.0 + of(&self.fans, *slot) / (of(&self.fan_sessions, *slot) + 1.0);
            (f32::from(*count) / usual).ln()
        };
        fans.iter().map(excess).fold(0.0, f32::max)
    }

    /// How unusual the origins of a call's arguments are, 0 to 1: the rarest of its edges, shrunk towards even
    /// chances so that a slot seldom seen says little.
    pub(crate) fn rare_edge(&self, call: &CallDigest) -> f32 {
        let of = |map: &FxHashMap<Term, u32>, key: Term| map.get(&key).copied().unwrap_or(0) as f32;
        let rare = |(slot, source): &(Term, Term)| {
            1.0 - (of(&self.edges, group(&[*slot, *source])) + 1.0) / (of(&self.slots, *slot) + 2.0)
        };
        call.edges.iter().map(rare).fold(0.0, f32::max)
    }
}

fn count(map: &mut FxHashMap<Term, u32>, key: Term) {
    add(map, key, 1);
}

fn add(map: &mut FxHashMap<Term, u32>, key: Term, n: u32) {
    if map.len() < MAX_ENTRIES || map.contains_key(&key) {
        *map.entry(key).or_default() += n;
    }
}
