//! The short names of a model call's fields, as Python's keywords give them.

use lapwing_event::{
    Agent, Content, Event, GenAi, InteractionId, Named, Outcome, Request, Response, Scores, Session, Usage, User,
};
use serde_json::Value;

use crate::value::text_of;

/// Sets the field. What is not known, or is not of the field's type or range, is kept under `attrs`; nothing is lost
/// and nothing fails.
pub(crate) fn set(event: &mut Event, name: &str, value: Value) {
    if value.is_null() {
        return;
    }
    if let Some(value) = set_text(event, name, value).and_then(|value| set_number(event, name, value)) {
        event.attrs.insert(name.to_owned(), value);
    }
}

/// Gives the value back if it is not for a field of text.
fn set_text(event: &mut Event, name: &str, value: Value) -> Option<Value> {
    let target = match name {
        "model" => {
            request(event).model = text_of(value)?;
            return None;
        }
        "id" => {
            let text = text_of(value)?;
            event.interaction_id = InteractionId::from_text(&event.tenant.id, &text);
            return None;
        }
        "user" => {
            event.user = text_of(value).map(|id| User { id });
            return None;
        }
        "session" => {
            event.session = text_of(value).map(|id| Session { id });
            return None;
        }
        "outcome" => {
            event.outcome = Outcome::from(text_of(value)?.as_str());
            return None;
        }
        "finish_reasons" | "tool_names" => return set_list(event, name, value),
        "messages" => {
            content(event).messages = Some(value);
            return None;
        }
        "trace_id" if !is_hex(&value, 32) => return Some(value),
        "span_id" | "parent_span_id" if !is_hex(&value, 16) => return Some(value),
        "trace_id" => &mut event.trace_id,
        "span_id" => &mut event.span_id,
        "parent_span_id" => &mut event.parent_span_id,
        "environment" => &mut event.environment,
        "agent" => &mut event.agent.get_or_insert_with(Agent::default).id,
        "agent_name" => &mut event.agent.get_or_insert_with(Agent::default).name,
        "system" => &mut content(event).system,
        "prompt" => &mut content(event).prompt,
        "response" => &mut content(event).response,
        "operation" => return set_name(&mut gen_ai(event).operation, value),
        "provider" => return set_name(&mut gen_ai(event).provider, value),
        "response_model" => &mut response(event).model,
        "response_id" => &mut response(event).id,
        "refusal_source" => &mut event.refusal_source,
        _ => return Some(value),
    };
    *target = text_of(value);
    None
}

fn set_number(event: &mut Event, name: &str, value: Value) -> Option<Value> {
    if name == "refusal" {
        let Value::Bool(refusal) = value else { return Some(value) };
        event.refusal = Some(refusal);
        return None;
    }
    let count = match name {
        "max_tokens" => Some(&mut request(event).max_tokens),
        "input_tokens" => Some(&mut usage(event).input_tokens),
        "output_tokens" => Some(&mut usage(event).output_tokens),
        "cache_read_tokens" => Some(&mut usage(event).cache_read_tokens),
        "cache_write_tokens" => Some(&mut usage(event).cache_write_tokens),
        "reasoning_tokens" => Some(&mut usage(event).reasoning_tokens),
        _ => None,
    };
    if let Some(target) = count {
        return match value.as_u64() {
            None => Some(value),
            count => {
                *target = count;
                None
            }
        };
    }
    let (target, low, high) = match name {
        "temperature" => (&mut request(event).temperature, f64::MIN, f64::MAX),
        "toxicity" => (&mut event.scores.get_or_insert_with(Scores::default).toxicity, 0.0, 1.0),
        "sentiment" => (&mut event.scores.get_or_insert_with(Scores::default).sentiment, -1.0, 1.0),
        "cost_usd" => (&mut event.cost_usd, 0.0, f64::MAX),
        "ttft_ms" => (&mut event.ttft_ms, 0.0, f64::MAX),
        _ => return Some(value),
    };
    match value.as_f64().filter(|number| (low..=high).contains(number)) {
        None => Some(value),
        number => {
            *target = number;
            None
        }
    }
}

fn set_name(target: &mut Option<Named>, value: Value) -> Option<Value> {
    *target = text_of(value).map(|name| Named { name });
    None
}

/// Adds to a list of words.
fn set_list(event: &mut Event, name: &str, value: Value) -> Option<Value> {
    let Ok(words) = serde_json::from_value::<Vec<String>>(value.clone()) else { return Some(value) };
    match name {
        "tool_names" => event.tool_names.extend(words),
        _ => response(event).finish_reasons.extend(words),
    }
    None
}

fn is_hex(value: &Value, digits: usize) -> bool {
    value.as_str().is_some_and(|text| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn content(event: &mut Event) -> &mut Content {
    event.content.get_or_insert_default()
}

fn gen_ai(event: &mut Event) -> &mut GenAi {
    event.gen_ai.get_or_insert_default()
}

fn request(event: &mut Event) -> &mut Request {
    gen_ai(event).request.get_or_insert_default()
}

fn response(event: &mut Event) -> &mut Response {
    gen_ai(event).response.get_or_insert_default()
}

fn usage(event: &mut Event) -> &mut Usage {
    gen_ai(event).usage.get_or_insert_default()
}
