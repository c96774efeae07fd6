//! A guarded mock model: it answers from fixed sentences, and a guardrail stops what it should not answer.

/// The model's name in the events.
pub const MODEL: &str = "MockLLM-v1.0";

/// What the guarded model made of a prompt.
pub struct Answer {
    /// The words.
    pub response: &'static str,
    /// Why the guardrail stopped it, if it did.
    pub blocked: Option<&'static str>,
    /// 0 to 1.
    pub toxicity: f64,
    /// The tool it called, with its output.
    pub tool: Option<(&'static str, &'static str)>,
}

/// Answers a prompt.
pub fn answer(prompt: &str) -> Answer {
    let prompt = prompt.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| prompt.contains(word));
    if has(&["secret", "launch code", "password"]) {
        Answer {
            response: "I can't share confidential information.",
            blocked: Some("request for confidential information"),
            toxicity: 0.82,
            tool: None,
        }
    } else if has(&["delete", "system file", "format the disk"]) {
        Answer {
            response: "I can't do that: it would destroy data.",
            blocked: Some("destructive action"),
            toxicity: 0.91,
            tool: Some(("delete_file", "denied: the tool is not allowed for this user")),
        }
    } else {
        Answer {
            response: "Your order left the warehouse this morning and arrives on Thursday.",
            blocked: None,
            toxicity: 0.02,
            tool: Some(("order_status", "{\"order\":\"A-1042\",\"state\":\"shipped\",\"eta\":\"Thursday\"}")),
        }
    }
}
