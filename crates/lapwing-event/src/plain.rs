//! Plain JSON, as a simple logger writes it: one flat object becomes an `llm` event and, where it speaks of
//! them, a `guardrail` event and `tool` events, all of one interaction.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::codec::{Arrival, Entropy, Rejection, type_name};
use crate::content::{Content, GenAi, Scores};
use crate::limits::MAX_TOOLS;
use crate::sections::{parse_json_text, text_of};
use crate::{
    Agent, ErrorDetail, Event, EventId, Guardrail, GuardrailAction, GuardrailStage, InteractionId, Kind, Outcome,
    Session, Source, Timestamp, Tool, ToolStatus, User,
};

/// Maps one object. Keys are case-insensitive; numbers and booleans may be strings; null, NaN and an empty
/// string are as if absent; what is not known goes under `attrs`.
pub(crate) fn map(
    object: Map<String, Value>,
    arrival: &Arrival,
    entropy: &mut Entropy<'_>,
) -> Result<Vec<Event>, Rejection> {
    let fingerprint = Sha256::digest(Value::Object(object.clone()).to_string().as_bytes());
    let mut fields = Fields::new(object);
    let stated = fields.time()?;
    let at = stated.unwrap_or(arrival.received_at);
    let interaction = fields.text(&["interaction_id"]);

    // An item that names its interaction and its time is the same item when it is sent again.
    let mut next_id = |kind: &Kind, index: usize| match (&interaction, stated) {
        (Some(_), Some(_)) => {
            let tenant = arrival.tenant.as_str().as_bytes();
            EventId::derived(at, &[b"json", tenant, &fingerprint, kind.as_str().as_bytes(), &index.to_be_bytes()])
        }
        _ => EventId::new(at, entropy(at)),
    };

    let service = fields.text(&["service", "service_name"]).unwrap_or_else(|| "unknown_service".to_owned());
    let mut base = Event::new(Kind::Llm, next_id(&Kind::Llm, 0), at, &service);
    base.interaction_id = match &interaction {
        Some(text) => InteractionId::from_text(&arrival.tenant, text),
        None => base.id.into(),
    };
    base.received_at = arrival.received_at;
    base.tenant.id = arrival.tenant.clone();
    base.source = Source { format: "json".to_owned(), convention: Some("plain".to_owned()) };
    base.environment = fields.text(&["environment", "env"]);
    base.user = fields.text(&["user_id", "user"]).map(|id| User { id });
    base.session = fields.text(&["session_id", "session", "conversation_id"]).map(|id| Session { id });
    base.agent = fields.text(&["agent_id", "agent", "agent_name"]).map(|id| Agent { id: Some(id), ..Agent::default() });

    let mut events = llm_guardrail_and_tools(&base, &mut fields, &mut next_id)?;
    if let Some(text) = interaction.filter(|text| uuid::Uuid::parse_str(text).is_err()) {
        fields.rest.insert("interaction_id".to_owned(), Value::String(text));
    }
    events[0].attrs = fields.rest;
    Ok(events)
}

fn llm_guardrail_and_tools(
    base: &Event,
    fields: &mut Fields,
    next_id: &mut dyn FnMut(&Kind, usize) -> EventId,
) -> Result<Vec<Event>, Rejection> {
    let triggered = fields.boolean("guardrail_triggered")?;
    let reason = fields.text(&["guardrail_reason"]);
    let tools = fields.tools()?;

    let mut llm = base.clone();
    llm.latency_ms = fields.number("latency_ms")?;
    llm.gen_ai = Some(Box::new(GenAi::chat(&fields.text(&["model_id", "model"]).unwrap_or_default())));
    let prompt = fields.text(&["prompt"]);
    let response = fields.text(&["response"]);
    let system = fields.text(&["system", "system_prompt"]);
    if prompt.is_some() || response.is_some() || system.is_some() {
        llm.content = Some(Content { system, prompt, response, messages: None });
    }
    let toxicity = fields.number("toxicity_score")?;
    let sentiment = fields.number("sentiment_score")?;
    if toxicity.is_some() || sentiment.is_some() {
        llm.scores = Some(Scores { toxicity, sentiment });
    }
    llm.tool_names = tools.iter().map(|tool| tool.name.clone()).collect();
    if let Some(message) = fields.text(&["error", "error_message"]) {
        llm.outcome = Outcome::Error;
        llm.error = Some(Box::new(ErrorDetail {
            kind: fields.text(&["error_type"]).unwrap_or_else(|| "error".to_owned()),
            message: Some(message),
            code: None,
            retryable: None,
            stack: None,
        }));
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
        event.tool = Some(Box::new(tool));
        event
    });
    let tools: Vec<Event> = tools.collect();
    Ok(std::iter::once(llm).chain(guardrail).chain(tools).collect())
}

fn part_of(base: &Event, kind: Kind, id: EventId) -> Event {
    Event { kind, id, ..base.clone() }
}

/// The object's fields by lower-case key; what is taken out is known, what stays goes under `attrs`.
struct Fields {
    rest: Map<String, Value>,
}

impl Fields {
    fn new(object: Map<String, Value>) -> Self {
        let mut rest = Map::new();
        for (key, value) in object {
            let absent = match &value {
                Value::Null => true,
                Value::String(text) => text.is_empty() || text.eq_ignore_ascii_case("nan"),
                _ => false,
            };
            if !absent {
                rest.entry(key.to_lowercase()).or_insert(value);
            }
        }
        Self { rest }
    }

    /// The first of these keys that is there, as text; a number or boolean is written out.
    fn text(&mut self, keys: &[&str]) -> Option<String> {
        let key = keys.iter().find(|key| self.rest.contains_key(**key))?;
        self.rest.remove(*key).and_then(text_of)
    }

    fn number(&mut self, key: &str) -> Result<Option<f64>, Rejection> {
        let number = match self.rest.remove(key) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        number.filter(|n| n.is_finite()).map(Some).ok_or_else(|| Rejection::new(key, "is not a number"))
    }

    fn boolean(&mut self, key: &str) -> Result<Option<bool>, Rejection> {
        let fault = || Rejection::new(key, "is not true or false");
        match self.rest.remove(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(Value::Number(number)) => Ok(Some(number.as_f64() != Some(0.0))),
            Some(Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => Ok(Some(true)),
                "false" | "no" | "0" => Ok(Some(false)),
                _ => Err(fault()),
            },
            Some(_) => Err(fault()),
        }
    }

    fn time(&mut self) -> Result<Option<Timestamp>, Rejection> {
        let key = ["@timestamp", "timestamp", "ts", "time"].into_iter().find(|key| self.rest.contains_key(*key));
        let Some(key) = key else { return Ok(None) };
        let value = self.rest.remove(key).unwrap_or_default();
        let fault = |_| Rejection::new(key, "is not a time; send RFC 3339 or an epoch time");
        serde_json::from_value(value).map(Some).map_err(fault)
    }

    /// `tool_called` is a name, a list of names, or a list of objects with name, arguments and output.
    fn tools(&mut self) -> Result<Vec<Tool>, Rejection> {
        let called = match self.rest.remove("tool_called") {
            None | Some(Value::Bool(false)) => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(one) => vec![one],
        };
        if called.len() > MAX_TOOLS {
            return Err(Rejection::new("tool_called", format!("names more than {MAX_TOOLS} tools")));
        }
        let mut arguments = self.per_tool(&["tool_arguments", "tool_args"], called.len());
        let mut outputs = self.per_tool(&["tool_output"], called.len());
        let tools = called.into_iter().enumerate().map(|(index, item)| {
            let (name, own_arguments, own_output) = match item {
                Value::String(name) => (name, None, None),
                Value::Object(mut object) => {
                    let Some(Value::String(name)) = object.remove("name") else {
                        return Err(Rejection::new(format!("tool_called[{index}].name"), "is missing"));
                    };
                    (name, object.remove("arguments"), object.remove("output"))
                }
                other => {
                    let reason = format!("is {}; send a tool's name", type_name(&other));
                    return Err(Rejection::new(format!("tool_called[{index}]"), reason));
                }
            };
            let arguments = own_arguments.or_else(|| arguments.get_mut(index).map(Value::take));
            let output = own_output.or_else(|| outputs.get_mut(index).map(Value::take));
            Ok(Tool {
                name,
                call_id: None,
                kind: None,
                status: ToolStatus::Ok,
                arguments: arguments.filter(|value| !value.is_null()).map(parse_json_text),
                output: output.and_then(text_of),
                definition_hash: None,
            })
        });
        let none = |tool: &Tool| tool.name.is_empty() || tool.name.eq_ignore_ascii_case("none");
        let tools: Vec<Tool> = tools.collect::<Result<_, _>>()?;
        Ok(tools.into_iter().filter(|tool| !none(tool)).collect())
    }

    /// One value a tool: a list as long as the tools is dealt out, anything else goes to the first.
    fn per_tool(&mut self, keys: &[&str], tools: usize) -> Vec<Value> {
        let Some(key) = keys.iter().find(|key| self.rest.contains_key(**key)) else { return Vec::new() };
        match self.rest.remove(*key) {
            Some(Value::Array(items)) if items.len() == tools => items,
            Some(value) => vec![value],
            None => Vec::new(),
        }
    }
}
