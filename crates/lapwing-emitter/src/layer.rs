//! A `tracing` layer: spans with `gen_ai.*` fields become events when they close.

use std::fmt;
use std::time::Instant;

use lapwing_event::{Arrival, Event, InteractionId, Kind, Outcome, map_item};
use serde_json::{Map, Value, json};
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context as LayerContext;
use tracing_subscriber::registry::LookupSpan;

use crate::{DropReason, Emitter};

/// Emits an event for every span that has a field of the OpenTelemetry GenAI conventions (`gen_ai.*`) or of the
/// event schema by its own name. `gen_ai.operation.name = "execute_tool"` makes it a `tool` event, anything else
/// an `llm` event. Spans within one another are one interaction. Unknown fields go under `attrs`.
///
/// Declare fields that are recorded later as `tracing::field::Empty`.
#[derive(Debug, Clone)]
pub struct EmitterLayer {
    emitter: Emitter,
}

/// What is known of an open span.
struct Open {
    event: Event,
    fields: Map<String, Value>,
    began: Instant,
    unwinding: bool,
}

impl EmitterLayer {
    /// A layer that gives its events to this emitter.
    pub fn new(emitter: Emitter) -> Self {
        Self { emitter }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for EmitterLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        if !attributes.metadata().fields().iter().any(|field| field.name().starts_with("gen_ai.")) {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let mut event = self.emitter.event(Kind::Llm);
        let outer = span
            .scope()
            .skip(1)
            .find_map(|outer| outer.extensions().get::<Open>().map(|open| open.event.interaction_id));
        if let Some(interaction) = outer {
            event.interaction_id = interaction;
        }
        let mut fields = Fields(Map::new());
        attributes.record(&mut fields);
        let unwinding = std::thread::panicking();
        span.extensions_mut().insert(Open { event, fields: fields.0, began: Instant::now(), unwinding });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: LayerContext<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            let mut fields = Fields(std::mem::take(&mut open.fields));
            values.record(&mut fields);
            open.fields = fields.0;
        }
    }

    fn on_close(&self, id: Id, context: LayerContext<'_, S>) {
        let open = context.span(&id).and_then(|span| span.extensions_mut().remove::<Open>());
        let Some(open) = open else { return };
        match event_of(open) {
            Some(event) => self.emitter.emit(event),
            None => self.emitter.count_lost(DropReason::Rejected),
        }
    }
}

/// The span as an event; none if a field has a value that the schema does not take.
fn event_of(open: Open) -> Option<Event> {
    let Open { event: base, fields, began, unwinding } = open;
    let is_tool = fields.get("gen_ai.operation.name").is_some_and(|name| name == "execute_tool");
    let mut object = Map::new();
    object.insert("kind".to_owned(), if is_tool { "tool" } else { "llm" }.into());
    object.insert("service".to_owned(), json!({"name": base.service.name}));
    if is_tool {
        set(&mut object, "tool.status", if fields.contains_key("error.type") { "error" } else { "ok" }.into());
    }
    for (name, value) in fields {
        let path = path_of(&name);
        match lapwing_event::field(path) {
            Some(_) => set(&mut object, path, value_for(path, value)),
            None => drop(object.insert(name, value)),
        }
    }
    let arrival = Arrival::new(base.tenant.id.clone(), base.timestamp);
    let json = Value::Object(object).to_string();
    let mut event = map_item(json.as_bytes(), &arrival, &mut |_| [0; 10]).ok()?.pop()?;
    let failed = event.error.is_some() || std::thread::panicking() && !unwinding;
    if failed {
        event.outcome = Outcome::Error;
    }
    event.latency_ms = Some(began.elapsed().as_secs_f64() * 1e3);
    event.source.convention = Some("tracing".to_owned());
    Some(in_place_of(base, event))
}

/// The event with the identity and the context that the span had when it began.
fn in_place_of(base: Event, event: Event) -> Event {
    let interaction_id: InteractionId = base.interaction_id;
    Event {
        id: base.id,
        interaction_id,
        service: base.service,
        environment: event.environment.or(base.environment),
        session: event.session.or(base.session),
        user: event.user.or(base.user),
        agent: event.agent.or(base.agent),
        trace_id: base.trace_id,
        parent_span_id: base.parent_span_id,
        ..event
    }
}

/// The schema's path for a name of the GenAI conventions, of any generation.
fn path_of(name: &str) -> &str {
    match name {
        "gen_ai.system" => "gen_ai.provider.name",
        "gen_ai.conversation.id" => "session.id",
        "enduser.id" => "user.id",
        "gen_ai.agent.id" => "agent.id",
        "gen_ai.agent.name" => "agent.name",
        "gen_ai.system_instructions" => "content.system",
        "gen_ai.prompt" | "gen_ai.input.messages" => "content.prompt",
        "gen_ai.completion" | "gen_ai.output.messages" => "content.response",
        "gen_ai.usage.prompt_tokens" => "gen_ai.usage.input_tokens",
        "gen_ai.usage.completion_tokens" => "gen_ai.usage.output_tokens",
        "gen_ai.tool.name" => "tool.name",
        "gen_ai.tool.type" => "tool.type",
        "gen_ai.tool.call.id" => "tool.call_id",
        "gen_ai.tool.call.arguments" => "tool.arguments",
        "gen_ai.tool.call.result" => "tool.output",
        other => other,
    }
}

/// A span's field holds no list; one value stands for a list of one.
fn value_for(path: &str, value: Value) -> Value {
    match path {
        "gen_ai.response.finish_reasons" | "tool_names" | "guardrail_names" => json!([value]),
        _ => value,
    }
}

/// Sets a value at a dotted path.
fn set(object: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(object.insert(path.to_owned(), value)),
        Some((head, rest)) => {
            let inner = object.entry(head).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

/// The fields of a span as JSON.
struct Fields(Map<String, Value>);

impl Fields {
    fn insert(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value.into());
    }
}
