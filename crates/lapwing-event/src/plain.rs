//! Plain JSON, as a simple logger writes it: one flat object becomes an `llm` event and, where it speaks of
//! them, a `guardrail` event and `tool` events, all of one interaction.

mod fields;
mod known;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use self::fields::Fields;
use self::known::{Known, unfold};
use crate::codec::{Arrival, Entropy, Rejection};
use crate::content::Scores;
use crate::otlp::{self, Attributes, Conversation, Subject};
use crate::{
    Agent, Event, EventId, Guardrail, GuardrailAction, GuardrailStage, InteractionId, Kind, Outcome, Session, Source,
    ToolStatus, User,
};

/// Maps one object. Keys are case-insensitive; numbers and booleans may be strings; null, NaN and an empty
/// string are as if absent; what is not known goes under `attrs`.
pub(crate) fn map(
    object: Map<String, Value>,
    arrival: &Arrival,
    entropy: &mut Entropy<'_>,
) -> Result<Vec<Event>, Rejection> {
    let fingerprint = Sha256::digest(Value::Object(object.clone()).to_string().as_bytes());
    let Known { subject, convention, object } = unfold(object);
    let mut fields = Fields::new(object);
    let stated = fields.time(arrival)?;
    let at = stated.unwrap_or(arrival.received_at);
    let interaction = fields.text(&["interaction_id", "interactionid"]);
    let trace = fields.hex(&["trace_id", "traceid"], 32);

    // An item that names its interaction and its time is the same item when it is sent again.
    let mut next_id = |kind: &Kind, index: usize| match (interaction.as_ref().or(trace.as_ref()), stated) {
        (Some(_), Some(_)) => {
            let tenant = arrival.tenant.as_str().as_bytes();
            EventId::derived(at, &[b"json", tenant, &fingerprint, kind.as_str().as_bytes(), &index.to_be_bytes()])
        }
        _ => EventId::new(at, entropy(at)),
    };

    let service = fields.named(&["service", "service_name"]).unwrap_or_else(|| "unknown_service".to_owned());
    let kind = subject.kind();
    let id = next_id(&kind, 0);
    let mut base = Event::new(kind, id, at, &service);
    base.interaction_id = match interaction.as_ref().or(trace.as_ref()) {
        Some(text) => InteractionId::from_text(&arrival.tenant, text),
        None => base.id.into(),
    };
    base.received_at = arrival.received_at;
    base.tenant.id = arrival.tenant.clone();
    base.source = Source { format: "json".to_owned(), convention: Some(convention.to_owned()) };
    base.environment = fields.text(&["environment", "env"]);
    base.user = fields.named(&["user_id", "userid", "end_user", "user"]).map(|id| User { id });
    let session = ["session_id", "sessionid", "session", "conversation_id", "conversationid", "thread_id"];
    base.session = fields.named(&session).map(|id| Session { id });
    base.agent =
        fields.named(&["agent_id", "agent", "agent_name"]).map(|id| Agent { id: Some(id), ..Agent::default() });
    base.trace_id.clone_from(&trace);
    base.span_id = fields.hex(&["span_id", "spanid"], 16);
    base.parent_span_id = fields.hex(&["parent_span_id"], 16);

    let mut events = match subject {
        Subject::Llm(operation) => llm_guardrail_and_tools(&base, &mut fields, operation, &mut next_id)?,
        _ => vec![alone(base, &mut fields, subject)?],
    };
    if let Some(text) = interaction.filter(|text| uuid::Uuid::parse_str(text).is_err()) {
        fields.rest.insert("interaction_id".to_owned(), Value::String(text));
    }
    events[0].attrs = fields.rest;
    // JSON that stood in a text may be larger than an item may be.
    events[0].prune_attrs();
    events.iter_mut().for_each(otlp::flatten);
    Ok(events)
}

/// An event of another kind than a model call.
fn alone(mut event: Event, fields: &mut Fields, subject: Subject) -> Result<Event, Rejection> {
    event.latency_ms = fields.number("latency_ms")?;
    event.error = fields.error();
    if event.error.is_some() {
        event.outcome = Outcome::Error;
    }
    let name = fields.text(&["name"]).unwrap_or_default();
    let target = fields.text(&["target_id", "run_id"]).unwrap_or_else(|| "unknown".to_owned());
    let mut attributes = Attributes::from(std::mem::take(&mut fields.rest));
    otlp::fill(&mut event, &mut attributes, subject, Conversation::default(), (&name, target));
    fields.rest = attributes.into_rest();
    Ok(event)
}

/// The model call: what its body says, and over that what the object says by its own words.
fn llm(base: &Event, fields: &mut Fields, operation: &'static str) -> Result<Event, Rejection> {
    let mut llm = base.clone();
    llm.latency_ms = fields.number("latency_ms")?;
    llm.error = fields.error();
    if llm.error.is_some() {
        llm.outcome = Outcome::Error;
    }
    let mut said = |name: &str, others: &[&str]| fields.words(others).or_else(|| fields.text(&[name]));
    let prompt = said("prompt", &["prompt", "question", "user_input", "user_message", "input"]);
    let response = said("response", &["response", "answer", "completion", "output"]);
    let system = said("system", &["system", "system_prompt", "instructions"]);
    let toxicity = fields.number("toxicity_score")?;
    let sentiment = fields.number("sentiment_score")?;
    if toxicity.is_some() || sentiment.is_some() {
        llm.scores = Some(Scores { toxicity, sentiment });
    }
    let mut attributes = Attributes::from(std::mem::take(&mut fields.rest));
    let mut conversation = Conversation::take(&mut attributes);
    if response.is_none() {
        conversation.split_answer();
    }
    let section = ("", String::new());
    otlp::fill(&mut llm, &mut attributes, Subject::Llm(operation), conversation, section);
    fields.rest = attributes.into_rest();
    if prompt.is_some() || response.is_some() || system.is_some() {
        let content = llm.content.get_or_insert_default();
        content.prompt = prompt.or(content.prompt.take());
        content.response = response.or(content.response.take());
        content.system = system.or(content.system.take());
    }
    Ok(llm)
}

fn llm_guardrail_and_tools(
    base: &Event,
    fields: &mut Fields,
    operation: &'static str,
    next_id: &mut dyn FnMut(&Kind, usize) -> EventId,
) -> Result<Vec<Event>, Rejection> {
    let triggered = fields.boolean("guardrail_triggered")?;
    let reason = fields.text(&["guardrail_reason"]);
    let tools = fields.tools()?;
    let mut llm = llm(base, fields, operation)?;
    for tool in &tools {
        if !llm.tool_names.contains(&tool.name) {
            llm.tool_names.push(tool.name.clone());
        }
    }

    let guardrail = (triggered.is_some() || reason.is_some()).then(|| {
        let blocked = triggered.unwrap_or(true);
        let action = if blocked { GuardrailAction::Blocked } else { GuardrailAction::Allowed };
        llm.guardrail_names = vec!["unspecified".to_owned()];
        llm.guardrail_action = Some(action.to_string());
        if blocked {
            llm.outcome = Outcome::Blocked;
        }
        let mut event = part_of(base, Kind::Guardrail, next_id(&Kind::Guardrail, 0));
        event.outcome = llm.outcome.clone();
        event.guardrail = Some(Box::new(Guardrail {
            name: "unspecified".to_owned(),
            version: None,
            stage: GuardrailStage::Output,
            action,
            category: None,
            reason,
            score: None,
            policy_id: None,
            rule_id: None,
        }));
        event
    });

    let tools = tools.into_iter().enumerate().map(|(index, tool)| {
        let mut event = part_of(base, Kind::Tool, next_id(&Kind::Tool, index));
        if matches!(tool.status, ToolStatus::Error | ToolStatus::Timeout) {
            event.outcome = Outcome::Error;
        }
        event.tool = Some(Box::new(tool));
        event
    });
    let tools: Vec<Event> = tools.collect();
    Ok(std::iter::once(llm).chain(guardrail).chain(tools).collect())
}

fn part_of(base: &Event, kind: Kind, id: EventId) -> Event {
    let parent_span_id = base.span_id.clone().or_else(|| base.parent_span_id.clone());
    Event { kind, id, span_id: None, parent_span_id, ..base.clone() }
}
