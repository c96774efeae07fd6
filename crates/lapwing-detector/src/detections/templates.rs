//! AID-18: one user sends many prompts of one template in a short time, as when a model is copied or mapped.

use lapwing_event::{Event, Kind};
use serde::{Deserialize, Serialize};

use super::finding;
use super::words::words_without_numbers;
use crate::alert::Draft;
use crate::behaviour::group;
use crate::recent::Recent;
use crate::rules::Timeline;

/// Words at the beginning, or at the end, that make a template.
const FIXED: usize = 5;
/// A shorter prompt is all template.
const MIN_WORDS: usize = 8;
/// So many different prompts of one template …
const PROMPTS: usize = 40;
/// … within ten minutes.
const SPAN: i64 = 600_000_000_000;

/// By user and template.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Templates {
    seen: Recent<(String, u32), Timeline>,
}

impl Templates {
    pub(super) fn observe(&mut self, event: &Event, lateness: i64, max: usize) -> Option<Draft> {
        let user = event.user_id().filter(|_| event.kind == Kind::Llm)?;
        let prompt = event.content.as_ref()?.prompt.as_deref()?;
        let words = words_without_numbers(prompt);
        if words.len() < MIN_WORDS {
            return None;
        }
        let label = u64::from(group(&super::words::words(prompt)));
        let at = event.timestamp.nanos();
        let owner = format!("{}\u{1f}{user}", event.tenant.id);
        let ends = [group(&words[..FIXED]), group(&words[words.len() - FIXED..]) ^ 1];
        let mut draft = None;
        for template in ends {
            let timeline = self.seen.touch(&(owner.clone(), template), at, Timeline::default);
            if let Some(events) = timeline.take_distinct((at, event.id, label), (SPAN, lateness), PROMPTS) {
                let words = format!("{user} sent {PROMPTS} different prompts of one template within ten minutes");
                draft = Some(finding("AID-18", (PROMPTS as f64, PROMPTS as f64), events, user, words));
            }
        }
        while self.seen.pop_over(max).is_some() {}
        draft
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::llm;

    fn check(count: i64, gap: i64, prompt: impl Fn(i64) -> String, expect: bool) {
        let mut detection = Templates::default();
        let found = (0..count).any(|i| {
            let mut event = (*llm(&format!("s{i}"), i * gap, &prompt(i))).clone();
            event.user = Some(lapwing_event::User { id: "u".to_owned() });
            detection.observe(&event, 0, 100).is_some()
        });
        assert_eq!(found, expect, "{count} every {gap} s");
    }

    #[test]
    fn many_different_prompts_of_one_template_are_found() {
        let classify = |i: i64| format!("Classify the following review as good or bad: product number {i} was fine");
        check(40, 5, classify, true);
        check(
            50,
            10,
            |i| {
                format!(
                    "What is the {} of the capital city? Answer with one word only please",
                    "very ".repeat(i as usize)
                )
            },
            true,
        );
        check(60, 2, |i| format!("Translate this sentence for me: word{i} and another{i} thing"), true);
        check(39, 5, classify, false);
        check(60, 60, classify, false);
        check(60, 2, |_| classify(1), false);
        check(60, 2, |i| format!("hello {i}"), false);
    }
}
