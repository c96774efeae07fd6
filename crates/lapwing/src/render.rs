//! Events as lines for a terminal. Control characters in an event are shown, never sent to the terminal.

use serde_json::Value;

/// One line: when, what, who, and the words that matter most.
pub fn line(event: &Value) -> String {
    let kind = text(event, "/kind");
    let time = text(event, "/@timestamp");
    let time = time.get(..19).unwrap_or(time).replace('T', " ");
    let who = [text(event, "/agent/id"), text(event, "/agent/name"), text(event, "/service/name")];
    let who = who.into_iter().find(|name| !name.is_empty()).unwrap_or("-");
    format!("{time}  {kind:<9} {:<18} {}", clip(who, 18), clip(&words(event, kind), 140))
}

fn words(event: &Value, kind: &str) -> String {
    match kind {
        "llm" => {
            let (prompt, response) = (text(event, "/content/prompt"), text(event, "/content/response"));
            match (prompt.is_empty(), response.is_empty()) {
                (false, false) => format!("{prompt} → {response}"),
                (true, _) => format!("→ {response}"),
                (false, true) => prompt.to_owned(),
            }
        }
        "tool" => {
            let arguments = event.pointer("/tool/arguments").map(Value::to_string).unwrap_or_default();
            let name = text(event, "/tool/name");
            format!("{name}({arguments}) [{}] {}", text(event, "/tool/status"), text(event, "/tool/output"))
        }
        "guardrail" => {
            let (name, action) = (text(event, "/guardrail/name"), text(event, "/guardrail/action"));
            format!("{name} {action}: {}", text(event, "/guardrail/reason"))
        }
        "alert" => {
            let (rule, severity) = (text(event, "/alert/rule_id"), text(event, "/alert/severity"));
            format!("{rule} [{severity}] {}", text(event, "/alert/title"))
        }
        "retrieval" => format!("{}: {}", text(event, "/retrieval/data_source"), text(event, "/retrieval/query")),
        "error" => format!("{}: {}", text(event, "/error/type"), text(event, "/error/message")),
        _ => text(event, "/id").to_owned(),
    }
}

/// The text at a JSON pointer, empty if there is none.
pub fn text<'a>(event: &'a Value, pointer: &str) -> &'a str {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// At most `max` characters, on one line, with control and direction characters made visible.
pub fn clip(text: &str, max: usize) -> String {
    let dangerous = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == max {
            shown.push('…');
            break;
        }
        match c {
            '\n' | '\t' | '\r' => shown.push(' '),
            c if dangerous(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_is_one_line_and_sends_nothing_to_the_terminal() {
        let event = json!({"kind": "llm", "@timestamp": "2026-11-24T06:30:00.5Z", "service": {"name": "app"},
            "content": {"prompt": "a\nb\u{1b}[31m", "response": "\u{202e}c"}});
        let line = line(&event);
        assert_eq!(line, "2026-11-24 06:30:00  llm       app                a b\\u{1b}[31m → \\u{202e}c");
    }

    #[test]
    fn long_words_are_cut_at_characters() {
        assert_eq!(clip("äöü", 2), "äö…");
        assert_eq!(clip("äö", 2), "äö");
    }
}
