//! AID-11: an agent uses a tool that it never used in a long history, or one that is not on its list.

use std::collections::BTreeMap;

use lapwing_event::{Event, Kind};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use super::finding;
use crate::alert::Draft;
use crate::behaviour::term_of;
use crate::recent::Recent;

/// Calls of an agent before a new tool is news.
const MIN_CALLS: u64 = 200;
/// Tools remembered of one agent; one with more has no habits to break.
const MAX_TOOLS: usize = 512;

/// By agent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct FirstUse {
    agents: Recent<String, Known>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Known {
    tools: FxHashSet<u32>,
    calls: u64,
}

impl FirstUse {
    pub(super) fn observe(
        &mut self,
        event: &Event,
        allowed: &BTreeMap<String, Vec<String>>,
        max: usize,
    ) -> Option<Draft> {
        let tool = event.tool.as_ref().filter(|_| event.kind == Kind::Tool)?;
        let agent = event.agent_key();
        let key = format!("{agent}\u{1f}{}", tool.name);
        if let Some(list) = allowed.get(agent) {
            let words = format!("{} is not on the list of tools of {agent}", tool.name);
            return (!list.contains(&tool.name)).then(|| finding("AID-11", (1.0, 1.0), vec![event.id], &key, words));
        }
        let of = format!("{}\u{1f}{agent}", event.tenant.id);
        let known = self.agents.touch(&of, event.timestamp.nanos(), Known::default);
        let is_new = known.tools.len() < MAX_TOOLS && known.tools.insert(term_of(&tool.name));
        let (calls, tools) = (known.calls, known.tools.len());
        known.calls += 1;
        while self.agents.pop_over(max).is_some() {}
        let words =
            format!("{agent} made {calls} calls of {} tools and used {} for the first time", tools - 1, tool.name);
        (is_new && calls >= MIN_CALLS)
            .then(|| finding("AID-11", (calls as f64, MIN_CALLS as f64), vec![event.id], &key, words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tool;
    use serde_json::json;

    fn check(before: i64, name: &str, allowed: &BTreeMap<String, Vec<String>>, expect: bool) {
        let mut detection = FirstUse::default();
        for i in 0..before {
            let event = tool("s", i, ["read", "search", "reply"][i as usize % 3], json!({}), "");
            assert!(detection.observe(&event, &BTreeMap::new(), 10).is_none());
        }
        let found = detection.observe(&tool("s", before, name, json!({}), ""), allowed, 10);
        assert_eq!(found.is_some(), expect, "{before} {name}");
    }

    #[test]
    fn a_new_tool_is_news_after_a_long_history_and_an_unlisted_one_always() {
        let any = BTreeMap::new();
        check(200, "delete_all", &any, true);
        check(1_000, "export", &any, true);
        check(199, "delete_all", &any, false);
        check(1_000, "search", &any, false);
        let listed = BTreeMap::from([("helper".to_owned(), vec!["read".to_owned()])]);
        check(0, "export", &listed, true);
        check(0, "read", &listed, false);
    }
}
