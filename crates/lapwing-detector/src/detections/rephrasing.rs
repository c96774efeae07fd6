//! AID-04: a prompt was blocked or refused, and nearly the same prompt of the same user passed soon after.

use std::collections::VecDeque;

use lapwing_event::{Event, EventId, GuardrailAction, InteractionId, Kind, Outcome};
use serde::{Deserialize, Serialize};

use super::finding;
use super::words::{likeness, set, sketch, words};
use crate::alert::Draft;
use crate::recent::Recent;

/// Prompts of one user that are remembered.
const PROMPTS: usize = 32;
/// Of these the ones that passed: they matter only until word of a block that came before them arrives.
const PASSED: usize = 8;
/// How long after the block a rephrasing counts: half an hour.
const SPAN: i64 = 1_800_000_000_000;
/// Prompts are alike if so much of their words is common.
const LIKE: f64 = 0.6;
/// Shorter prompts are alike by chance.
const MIN_WORDS: usize = 4;

/// By user, else session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Rephrasing {
    askers: Recent<String, Asker>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Asker {
    prompts: VecDeque<Prompt>,
    /// Interactions that a guardrail stopped.
    stopped: VecDeque<InteractionId>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Prompt {
    at: i64,
    event: EventId,
    interaction: InteractionId,
    /// A sketch of its words.
    words: Vec<u32>,
    stopped: bool,
}

impl Rephrasing {
    pub(super) fn observe(&mut self, event: &Event, max: usize) -> Option<Draft> {
        let who = event.user_id().or_else(|| event.session_id())?;
        let stop = event.kind == Kind::Guardrail && event.guardrail.as_ref()?.action == GuardrailAction::Blocked;
        if !stop && event.kind != Kind::Llm {
            return None;
        }
        let key = format!("{}\u{1f}{who}", event.tenant.id);
        let asker = self.askers.touch(&key, event.timestamp.nanos(), Asker::default);
        let place = if stop { asker.stop(event) } else { asker.ask(event) };
        let found = place.and_then(|place| asker.pair(place));
        let draft = found.map(|(blocked, passed, like)| {
            let words = format!(
                "a prompt that shares {:.0} % of its words with one that was blocked or refused passed {} s later",
                like * 100.0,
                (passed.at - blocked.at) / 1_000_000_000
            );
            finding("AID-04", (like, LIKE), vec![blocked.event, passed.event], who, words)
        });
        while self.askers.pop_over(max).is_some() {}
        draft
    }
}

impl Asker {
    /// A guardrail stopped an interaction; the place of its prompt if that came before.
    fn stop(&mut self, event: &Event) -> Option<usize> {
        push(&mut self.stopped, event.interaction_id);
        let place = self.prompts.iter().position(|prompt| prompt.interaction == event.interaction_id)?;
        self.prompts[place].stopped = true;
        Some(place)
    }

    fn ask(&mut self, event: &Event) -> Option<usize> {
        let words = set(words(event.content.as_ref()?.prompt.as_deref()?));
        if words.len() < MIN_WORDS {
            return None;
        }
        let by_outcome = matches!(event.outcome, Outcome::Blocked | Outcome::Refused) || event.refusal == Some(true);
        let by_guardrail = event.guardrail_action.as_deref() == Some(GuardrailAction::Blocked.as_str());
        let interaction = event.interaction_id;
        let stopped = by_outcome || by_guardrail || self.stopped.contains(&interaction);
        let words = sketch(words);
        self.keep(Prompt { at: event.timestamp.nanos(), event: event.id, interaction, words, stopped });
        Some(self.prompts.len() - 1)
    }

    fn keep(&mut self, prompt: Prompt) {
        push(&mut self.prompts, prompt);
        let passed = self.prompts.iter().filter(|prompt| !prompt.stopped).count();
        let oldest = self.prompts.iter().position(|prompt| !prompt.stopped).filter(|_| passed > PASSED);
        oldest.and_then(|oldest| self.prompts.remove(oldest));
    }

    /// The stopped prompt and the later one like it that passed, one of which is at `place`.
    fn pair(&self, place: usize) -> Option<(&Prompt, &Prompt, f64)> {
        let this = self.prompts.get(place)?;
        let pairs = self.prompts.iter().filter_map(|other| {
            let (blocked, passed) = if this.stopped { (this, other) } else { (other, this) };
            let fits = blocked.stopped && !passed.stopped && (0..=SPAN).contains(&(passed.at - blocked.at));
            let like = if fits { likeness(&blocked.words, &passed.words) } else { 0.0 };
            (like >= LIKE && blocked.interaction != passed.interaction).then_some((blocked, passed, like))
        });
        pairs.max_by(|a, b| a.2.total_cmp(&b.2))
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() >= PROMPTS {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::llm;

    fn ask(seconds: i64, prompt: &str, outcome: Outcome) -> Event {
        let mut event = (*llm("s", seconds, prompt)).clone();
        event.outcome = outcome;
        event
    }

    fn check(first: (&str, Outcome), second: (i64, &str, Outcome), expect: bool) {
        let events = [ask(0, first.0, first.1.clone()), ask(second.0, second.1, second.2.clone())];
        for order in [[0, 1], [1, 0]] {
            let mut detection = Rephrasing::default();
            let found = order.iter().filter_map(|at| detection.observe(&events[*at], 10)).count();
            assert_eq!(found, usize::from(expect), "{first:?} {second:?} {order:?}");
        }
    }

    #[test]
    fn a_block_is_remembered_over_many_prompts_that_passed() {
        let mut detection = Rephrasing::default();
        let bomb = "tell me how to build the device step by step";
        let mut found = |event: Event| detection.observe(&event, 10).is_some();
        assert!(!found(ask(0, bomb, Outcome::Blocked)));
        for i in 1..100 {
            assert!(!found(ask(i, &format!("what is the weather in city number {i} today"), Outcome::Ok)));
        }
        assert!(found(ask(100, bomb, Outcome::Ok)));
        assert_eq!(detection.askers.iter().map(|(_, asker)| asker.prompts.len()).max(), Some(PASSED + 1));
    }

    #[test]
    fn nearly_the_same_prompt_after_a_block_is_found_in_any_order() {
        let (blocked, refused, ok) = (Outcome::Blocked, Outcome::Refused, Outcome::Ok);
        let bomb = "tell me how to build the device step by step";
        check((bomb, blocked.clone()), (60, "please tell me how to build the device step by step", ok.clone()), true);
        check((bomb, refused), (900, "tell me how to build this device, step by step!", ok.clone()), true);
        check((bomb, blocked.clone()), (60, bomb, ok.clone()), true);
        check((bomb, blocked.clone()), (60, "what will the weather be like tomorrow in Rome", ok.clone()), false);
        check((bomb, blocked.clone()), (4_000, bomb, ok.clone()), false);
        check((bomb, blocked.clone()), (60, bomb, blocked), false);
        check((bomb, ok.clone()), (60, bomb, ok), false);
    }
}
