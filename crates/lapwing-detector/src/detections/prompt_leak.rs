//! AID-06: the response repeats the system prompt, a long run of it or a large share.

use lapwing_event::{Event, Kind};
use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};
use std::hash::Hasher;

use super::finding;
use super::words::{runs, set, words};
use crate::alert::Draft;
use crate::recent::Recent;

/// Words of one run.
const RUN: usize = 8;
/// So many words of the system prompt one after another are a leak …
const LONG: usize = 24;
/// … and so is this share of its runs.
const SHARE: f64 = 0.4;
/// A system prompt with fewer runs has nothing to leak.
const MIN_RUNS: usize = 8;

/// The last system prompt of each agent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct PromptLeak {
    systems: Recent<String, System>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct System {
    text: u64,
    runs: Vec<u32>,
}

impl PromptLeak {
    pub(super) fn observe(&mut self, event: &Event, max: usize) -> Option<Draft> {
        if event.kind != Kind::Llm {
            return None;
        }
        let content = event.content.as_ref()?;
        let key = format!("{}\u{1f}{}", event.tenant.id, event.agent_key());
        if let Some(text) = &content.system {
            let system = self.systems.touch(&key, event.timestamp.nanos(), System::default);
            let hash = hash(text);
            if system.text != hash {
                *system = System { text: hash, runs: set(runs(&words(text), RUN).collect()) };
            }
            while self.systems.pop_over(max).is_some() {}
        }
        let system = self.systems.get(&key).filter(|system| system.runs.len() >= MIN_RUNS)?;
        let (longest, share) = system.overlap(content.response.as_deref()?);
        if longest < LONG && share < SHARE {
            return None;
        }
        let words = format!(
            "the response repeats {longest} words of the system prompt one after another, {:.0} % of it in all",
            share * 100.0
        );
        Some(finding("AID-06", (share, SHARE), vec![event.id], &event.partition_key(), words))
    }
}

impl System {
    /// The most words in a row that the text has from this prompt, and the share of the prompt's runs that it has.
    fn overlap(&self, text: &str) -> (usize, f64) {
        let (mut longest, mut row, mut seen) = (0, 0, Vec::new());
        for run in runs(&words(text), RUN) {
            if self.runs.binary_search(&run).is_ok() {
                row += 1;
                seen.push(run);
                longest = longest.max(row + RUN - 1);
            } else {
                row = 0;
            }
        }
        (longest, set(seen).len() as f64 / self.runs.len() as f64)
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::llm;

    const SYSTEM: &str = "You are the assistant of a parcel service. Always answer in the language of the customer. Never \
        promise a delivery date. If a customer asks for a refund above fifty euros, hand the case over to a person. Do \
        not speak about competitors, politics or the weather. Close every answer with a friendly greeting.";

    fn check(response: &str, expect: bool) {
        let mut event = (*llm("s", 0, "hi")).clone();
        if let Some(content) = &mut event.content {
            (content.system, content.response) = (Some(SYSTEM.to_owned()), Some(response.to_owned()));
        }
        assert_eq!(PromptLeak::default().observe(&event, 10).is_some(), expect, "{response}");
    }

    #[test]
    fn a_long_run_or_a_large_share_is_a_leak() {
        check(SYSTEM, true);
        check(&format!("Sure! My instructions: {}", &SYSTEM[..230]), true);
        check(&SYSTEM.to_uppercase().replace('.', " -"), true);
        check("I am the assistant of a parcel service. How can I help?", false);
        check("I never promise a delivery date, but it should arrive soon. Have a nice day!", false);
        check("If a customer asks for a refund above fifty euros, a person decides.", false);
    }
}
