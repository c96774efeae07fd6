//! A model call: model, usage, words.

use serde_json::Value;

use super::attributes::Attributes;
use super::conversation::{Conversation, refuse};
use crate::{Event, GenAi, Named, Request, Response, Usage};

/// Fills the sections of a model call. `operation` is its name where the attributes have none.
pub(super) fn fill(event: &mut Event, attributes: &mut Attributes, conversation: Conversation, operation: &str) {
    let parameters = InvocationParameters::take(attributes);
    let answered = attributes.text(&["gen_ai.response.model", "llm.response.model", "llm.response.model_name"]);
    let asked = attributes.text(&["gen_ai.request.model", "llm.request.model", "llm.request.model_name"]);
    // OpenInference names one model: the requested one until the answer says which it was.
    let named = attributes.text(&["llm.model_name", "embedding.model_name"]);
    let asked = asked.or(parameters.model);
    let answered = answered.or_else(|| asked.as_ref().and(named.clone()));
    let request = Request {
        model: asked.or(named).unwrap_or_default(),
        temperature: attributes.number(&["gen_ai.request.temperature"]).or(parameters.temperature),
        max_tokens: attributes
            .count(&["gen_ai.request.max_tokens", "gen_ai.request.max_completion_tokens", "llm.request.max_tokens"])
            .or(parameters.max_tokens),
    };
    let reasons = finish_reasons(attributes, &conversation);
    if reasons.iter().any(|reason| reason == "refusal") {
        refuse(event);
    }
    let response = Response {
        model: answered,
        id: attributes.text(&["gen_ai.response.id"]),
        finish_reasons: reasons.iter().map(|reason| normal_reason(reason).to_owned()).collect(),
    };
    let provider =
        attributes.text(&["gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "llm.vendor"]);
    let usage = usage(attributes);
    let operation = attributes.text(&["gen_ai.operation.name"]).unwrap_or_else(|| operation.to_owned());
    event.gen_ai = Some(Box::new(GenAi {
        operation: Some(Named { name: operation }),
        provider: provider.map(|name| Named { name: name.to_ascii_lowercase() }),
        request: Some(request),
        response: (response != Response::default()).then_some(response),
        usage: (usage != Usage::default()).then_some(usage),
    }));
    event.cost_usd = attributes.number(&["llm.cost.total", "gen_ai.usage.cost"]).filter(|cost| *cost >= 0.0);
    let seconds = attributes.number(&["gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token"]);
    event.ttft_ms = seconds.map(|seconds| seconds * 1e3).filter(|ms| *ms >= 0.0 && ms.is_finite()).or(event.ttft_ms);
    if let Some(user) = parameters.user {
        event.user.get_or_insert(crate::User { id: user });
    }
    conversation.fill(event);
}

fn finish_reasons(attributes: &mut Attributes, conversation: &Conversation) -> Vec<String> {
    let reasons = attributes.list(&[
        "gen_ai.response.finish_reasons",
        "gen_ai.response.finish_reason",
        "gen_ai.response.stop_reason",
        "llm.finish_reason",
        "llm.response.finish_reason",
        "llm.response.stop_reason",
    ]);
    if reasons.is_empty() { conversation.finish_reasons() } else { reasons }
}

/// The providers' words for the four reasons.
fn normal_reason(reason: &str) -> &str {
    match reason.to_ascii_lowercase().as_str() {
        "stop" | "end_turn" | "stop_sequence" | "complete" => "stop",
        "length" | "max_tokens" | "max_output_tokens" | "model_length" => "length",
        "tool_call" | "tool_calls" | "tool_use" | "function_call" => "tool_call",
        "content_filter"
        | "content_filtered"
        | "refusal"
        | "safety"
        | "recitation"
        | "blocklist"
        | "prohibited_content"
        | "guardrail_intervened" => "content_filter",
        _ => reason,
    }
}

fn usage(attributes: &mut Attributes) -> Usage {
    let total = attributes.count(&["gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total"]);
    let mut usage = Usage {
        input_tokens: attributes.count(&[
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.prompt_tokens",
            "llm.token_count.prompt",
            "llm.usage.prompt_tokens",
        ]),
        output_tokens: attributes.count(&[
            "gen_ai.usage.output_tokens",
            "gen_ai.usage.completion_tokens",
            "llm.token_count.completion",
            "llm.usage.completion_tokens",
        ]),
        cache_read_tokens: attributes.count(&[
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "llm.token_count.prompt_details.cache_read",
        ]),
        cache_write_tokens: attributes.count(&[
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "llm.token_count.prompt_details.cache_write",
        ]),
        reasoning_tokens: attributes.count(&[
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.usage.reasoning_tokens",
            "llm.token_count.completion_details.reasoning",
            "llm.usage.reasoning_tokens",
        ]),
    };
    match (usage.input_tokens, usage.output_tokens, total) {
        (Some(input), None, Some(total)) => usage.output_tokens = total.checked_sub(input),
        (None, Some(output), Some(total)) => usage.input_tokens = total.checked_sub(output),
        _ => {}
    }
    usage
}

/// OpenInference keeps the request's parameters as one JSON text.
#[derive(Debug, Default)]
struct InvocationParameters {
    model: Option<String>,
    temperature: Option<f64>,
    max_tokens: Option<u64>,
    user: Option<String>,
}

impl InvocationParameters {
    fn take(attributes: &mut Attributes) -> Self {
        let keys = ["llm.invocation_parameters", "embedding.invocation_parameters"];
        let Some(Value::Object(parameters)) = attributes.value(&keys) else { return Self::default() };
        let text = |key: &str| parameters.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let max = ["max_tokens", "max_completion_tokens"].into_iter().find_map(|key| parameters.get(key)?.as_u64());
        Self {
            model: text("model").map(str::to_owned),
            temperature: parameters.get("temperature").and_then(Value::as_f64),
            max_tokens: max,
            user: text("user").map(str::to_owned),
        }
    }
}
