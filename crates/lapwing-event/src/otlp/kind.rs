//! What a span is about, and whose convention it follows: the first match decides.

use super::attributes::Attributes;
use crate::Kind;

/// What a span is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A model call, an agent's turn, or a step around them; with the operation's name, where the convention has one.
    Llm(&'static str),
    Tool,
    Retrieval,
    Guardrail,
    Evaluation,
}

impl Subject {
    /// The kind of its event.
    pub fn kind(self) -> Kind {
        match self {
            Self::Llm(_) => Kind::Llm,
            Self::Tool => Kind::Tool,
            Self::Retrieval => Kind::Retrieval,
            Self::Guardrail => Kind::Guardrail,
            Self::Evaluation => Kind::Evaluation,
        }
    }
}

/// Attributes that instrumentations put on every span below a GenAI one, such as an HTTP client's, to say where it
/// stands. They do not make it a model call.
const CONTEXT: [&str; 3] = ["gen_ai.agent.", "gen_ai.conversation.", "gen_ai.workflow."];

/// The subject of a span with these attributes; none if it is not of GenAI.
pub(crate) fn subject(attributes: &Attributes) -> Option<Subject> {
    let operation = attributes.peek("gen_ai.operation.name").and_then(of_operation);
    operation
        .or_else(|| (attributes.peek("mcp.method.name") == Some("tools/call")).then_some(Subject::Tool))
        .or_else(|| attributes.peek("openinference.span.kind").and_then(of_openinference))
        .or_else(|| attributes.peek("traceloop.span.kind").and_then(of_traceloop))
        .or_else(|| attributes.keys().any(speaks_of_a_model).then(|| of_request_type(attributes)))
}

fn of_operation(name: &str) -> Option<Subject> {
    Some(match name {
        "chat" => Subject::Llm("chat"),
        "text_completion" => Subject::Llm("text_completion"),
        "generate_content" => Subject::Llm("generate_content"),
        "embeddings" => Subject::Llm("embeddings"),
        "invoke_agent" => Subject::Llm("invoke_agent"),
        "create_agent" => Subject::Llm("create_agent"),
        "execute_tool" => Subject::Tool,
        "retrieval" => Subject::Retrieval,
        "apply_guardrail" | "run_guardrail" => Subject::Guardrail,
        _ => return None,
    })
}

/// The subject of a span of this kind of OpenInference.
pub(crate) fn of_openinference(kind: &str) -> Option<Subject> {
    Some(match kind.to_ascii_uppercase().as_str() {
        "LLM" => Subject::Llm("chat"),
        "EMBEDDING" => Subject::Llm("embeddings"),
        "AGENT" => Subject::Llm("invoke_agent"),
        "CHAIN" => Subject::Llm("chain"),
        "TOOL" => Subject::Tool,
        "RETRIEVER" | "RERANKER" => Subject::Retrieval,
        "GUARDRAIL" => Subject::Guardrail,
        "EVALUATOR" => Subject::Evaluation,
        _ => return None,
    })
}

fn of_traceloop(kind: &str) -> Option<Subject> {
    Some(match kind {
        "tool" => Subject::Tool,
        "agent" => Subject::Llm("invoke_agent"),
        "workflow" => Subject::Llm("invoke_workflow"),
        "task" => Subject::Llm("task"),
        _ => return None,
    })
}

fn speaks_of_a_model(key: &str) -> bool {
    let is_context = CONTEXT.iter().any(|prefix| key.starts_with(prefix));
    (key.starts_with("gen_ai.") && !is_context) || key.starts_with("llm.")
}

/// OpenLLMetry's older name for the operation.
fn of_request_type(attributes: &Attributes) -> Subject {
    Subject::Llm(match attributes.peek("llm.request.type") {
        Some("completion") => "text_completion",
        Some("embedding") => "embeddings",
        _ => "chat",
    })
}

/// Whose convention it is, for `source.convention`.
pub(super) fn convention(attributes: &Attributes) -> &'static str {
    let any = |prefix: &str| attributes.keys().any(|key| key.starts_with(prefix));
    if attributes.has("openinference.span.kind") {
        "openinference"
    } else if any("traceloop.") {
        "openllmetry"
    } else if attributes.has("mcp.method.name") {
        "mcp"
    } else {
        "gen_ai"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_first_match_decides() {
        let check = |attributes: Value, expect: Option<Subject>| {
            let map = attributes.as_object().cloned().unwrap_or_default();
            assert_eq!(subject(&map.into()), expect, "{attributes}");
        };
        let llm = |operation| Some(Subject::Llm(operation));
        check(json!({"gen_ai.operation.name": "chat", "openinference.span.kind": "TOOL"}), llm("chat"));
        check(json!({"gen_ai.operation.name": "execute_tool"}), Some(Subject::Tool));
        check(json!({"gen_ai.operation.name": "retrieval"}), Some(Subject::Retrieval));
        check(json!({"gen_ai.operation.name": "apply_guardrail"}), Some(Subject::Guardrail));
        check(json!({"gen_ai.operation.name": "invoke_agent"}), llm("invoke_agent"));
        check(json!({"gen_ai.operation.name": "dream"}), llm("chat"));
        check(json!({"mcp.method.name": "tools/call", "openinference.span.kind": "CHAIN"}), Some(Subject::Tool));
        check(json!({"mcp.method.name": "tools/list"}), None);
        check(json!({"openinference.span.kind": "LLM"}), llm("chat"));
        check(json!({"openinference.span.kind": "RERANKER"}), Some(Subject::Retrieval));
        check(json!({"openinference.span.kind": "EVALUATOR"}), Some(Subject::Evaluation));
        check(json!({"traceloop.span.kind": "workflow"}), llm("invoke_workflow"));
        check(json!({"traceloop.span.kind": "tool"}), Some(Subject::Tool));
        check(json!({"llm.request.type": "embedding"}), llm("embeddings"));
        check(json!({"gen_ai.system": "openai"}), llm("chat"));
        check(json!({"http.request.method": "GET"}), None);
        check(json!({"http.request.method": "POST", "gen_ai.agent.name": "helper"}), None);
        check(json!({}), None);
    }
}
