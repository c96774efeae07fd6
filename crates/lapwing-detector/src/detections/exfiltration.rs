//! AID-10: sensitive data was read, then a tool that sends something out was called in the same session.

use lapwing_event::{Event, EventId, Kind, ToolStatus};
use serde::{Deserialize, Serialize};

use super::finding;
use crate::alert::Draft;
use crate::behaviour::{Acts, ToolName};
use crate::recent::Recent;

/// What the sanitizer leaves where the data was of a kind that should not travel.
const MARKS: [&str; 7] = ["[SECRET", "[CREDIT_CARD", "[IBAN", "[US_SSN", "[NATIONAL_ID", "[BANK_ACCOUNT", "[CRYPTO"];
/// Words in the name of a tool that reads what should not travel.
const NOUNS: [&str; 14] = [
    "secret",
    "credential",
    "password",
    "payroll",
    "salary",
    "salaries",
    "patient",
    "medical",
    "diagnos",
    "payslip",
    "ssn",
    "vault",
    "apikey",
    "api_key",
];
/// How long after the read a call counts: an hour.
const SPAN: i64 = 3_600_000_000_000;

/// By session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Exfiltration {
    sessions: Recent<String, Touched>,
}

/// The first sensitive read and the last sending of a session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Touched {
    read: Option<Step>,
    sent: Option<Step>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Step {
    at: i64,
    event: EventId,
    tool: String,
    why: String,
}

impl Exfiltration {
    pub(super) fn observe(&mut self, event: &Event, max: usize) -> Option<Draft> {
        let tool = event.tool.as_ref().filter(|tool| event.kind == Kind::Tool && tool.status == ToolStatus::Ok)?;
        let acts = ToolName::parse(&tool.name).acts;
        // `write_mail` sends, `write_file` keeps.
        let keeps = tool.name.starts_with("write") && !["mail", "message"].iter().any(|noun| tool.name.contains(noun));
        let sends = (acts.overlaps(Acts::SEND) || acts.overlaps(Acts::VISIT)) && !keeps;
        let sensitive = if sends { None } else { sensitive(&tool.name, tool.output.as_deref().unwrap_or_default()) };
        if !sends && sensitive.is_none() {
            return None;
        }
        let key = event.partition_key();
        let at = event.timestamp.nanos();
        let session = self.sessions.touch(&key, at, Touched::default);
        let step = |why: String| Some(Step { at, event: event.id, tool: tool.name.clone(), why });
        match sensitive {
            Some(why) if session.read.as_ref().is_none_or(|read| at < read.at) => session.read = step(why),
            None if session.sent.as_ref().is_none_or(|sent| at > sent.at) => session.sent = step(String::new()),
            _ => {}
        }
        let draft = session.pair().map(|(read, sent)| {
            let words = format!("{} read {}, then {} sent something out", read.tool, read.why, sent.tool);
            finding("AID-10", (1.0, 1.0), vec![read.event, sent.event], &key, words)
        });
        while self.sessions.pop_over(max).is_some() {}
        draft
    }
}

impl Touched {
    fn pair(&self) -> Option<(&Step, &Step)> {
        let (read, sent) = (self.read.as_ref()?, self.sent.as_ref()?);
        (0..=SPAN).contains(&(sent.at - read.at)).then_some((read, sent))
    }
}

/// Why a call reads sensitive data, if it does.
fn sensitive(tool: &str, output: &str) -> Option<String> {
    if let Some(mark) = MARKS.iter().find(|mark| output.contains(**mark)) {
        return Some(format!("a value that was masked as {}", mark.trim_start_matches('[')));
    }
    let name = tool.to_lowercase();
    NOUNS.iter().find(|noun| name.contains(**noun)).map(|noun| format!("what its name calls {noun}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tool;
    use serde_json::json;

    fn check(calls: &[(&str, &str, i64, &str)], expect: bool) {
        let mut detection = Exfiltration::default();
        let event = |(session, name, at, output): &(&str, &str, i64, &str)| tool(session, *at, name, json!({}), output);
        let found = calls.iter().filter_map(|call| detection.observe(&event(call), 10)).count();
        assert_eq!(found > 0, expect, "{calls:?}");
    }

    #[test]
    fn a_sensitive_read_before_a_sending_call_is_found() {
        check(&[("s", "read_file", 0, "card [CREDIT_CARD]"), ("s", "send_email", 60, "sent")], true);
        check(&[("s", "get_payroll", 0, "ok"), ("s", "search", 1, ""), ("s", "post_message", 60, "sent")], true);
        check(&[("s", "send_email", 60, "sent"), ("s", "read_vault", 0, "x")], true);
        check(&[("s", "send_email", 0, "sent"), ("s", "read_file", 60, "[SECRET]")], false);
        check(&[("s", "read_file", 0, "from [EMAIL:k1:1]"), ("s", "send_email", 60, "sent")], false);
        check(&[("a", "read_file", 0, "[SECRET]"), ("b", "send_email", 60, "sent")], false);
        check(&[("s", "read_file", 0, "[SECRET]"), ("s", "send_email", 4_000, "sent")], false);
        check(&[("s", "read_file", 0, "[SECRET]"), ("s", "write_file", 60, "ok")], false);
    }
}
