//! AID-14: a tool's definition changed under the same name.

use lapwing_event::{Event, Kind};
use serde::{Deserialize, Serialize};

use super::finding;
use crate::alert::Draft;
use crate::recent::Recent;

/// Definitions of one tool that are remembered, so that two versions side by side alert once each.
const VERSIONS: usize = 8;

/// By server or service, and tool.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Definitions {
    tools: Recent<String, Vec<String>>,
}

impl Definitions {
    pub(super) fn observe(&mut self, event: &Event, max: usize) -> Option<Draft> {
        let tool = event.tool.as_ref().filter(|_| event.kind == Kind::Tool)?;
        let hash = tool.definition_hash.as_ref()?;
        let server = event.mcp.as_ref().and_then(|mcp| mcp.server.as_deref()).unwrap_or(&event.service.name);
        let key = format!("{}\u{1f}{server}\u{1f}{}", event.tenant.id, tool.name);
        let known = self.tools.touch(&key, event.timestamp.nanos(), Vec::new);
        let changed = !known.is_empty() && !known.contains(hash);
        let before = known.last().cloned().unwrap_or_default();
        if known.is_empty() || changed {
            let over = (known.len() + 1).saturating_sub(VERSIONS);
            known.drain(..over);
            known.push(hash.clone());
        }
        while self.tools.pop_over(max).is_some() {}
        let words = format!("the definition of {} on {server} changed from {before} to {hash}", tool.name);
        changed.then(|| finding("AID-14", (1.0, 1.0), vec![event.id], &format!("{key}\u{1f}{hash}"), words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tool;
    use serde_json::json;

    fn check(calls: &[(&str, &str)], expect: usize) {
        let mut detection = Definitions::default();
        let mut found = 0;
        for (at, (name, hash)) in calls.iter().enumerate() {
            let mut event = (*tool("s", at as i64, name, json!({}), "")).clone();
            if let Some(tool) = &mut event.tool {
                tool.definition_hash = Some((*hash).to_owned());
            }
            found += usize::from(detection.observe(&event, 10).is_some());
        }
        assert_eq!(found, expect, "{calls:?}");
    }

    #[test]
    fn a_new_definition_of_a_known_tool_is_found_once() {
        check(&[("add", "a1"), ("add", "b2")], 1);
        check(&[("add", "a1"), ("sub", "x"), ("add", "a1"), ("add", "c3"), ("add", "c3")], 1);
        check(&[("add", "a1"), ("add", "b2"), ("add", "a1"), ("add", "b2")], 1);
        check(&[("add", "a1"), ("add", "a1"), ("add", "a1")], 0);
        check(&[("add", "a1"), ("sub", "b2")], 0);
        check(&[("add", "a1")], 0);
    }
}
