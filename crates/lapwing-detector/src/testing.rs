//! Events for this crate's tests.
#![allow(clippy::unwrap_used)]

use lapwing_event::{
    Agent, Content, Event, EventId, GenAi, Kind, Sanitization, SanitizationStatus, SanitizedEvent, Session, Timestamp,
    Tool, ToolStatus,
};
use serde_json::Value;

/// 2026-11-24, a Tuesday.
const START_S: i64 = 1_795_478_400;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis((START_S + seconds) * 1_000)
}

/// As the clean topic would give it back.
pub(crate) fn seal(mut event: Event) -> SanitizedEvent {
    event.sanitization = Some(Sanitization {
        policy_version: "test".to_owned(),
        status: SanitizationStatus::Ok,
        total: 0,
        counts: Default::default(),
        fields: Vec::new(),
    });
    SanitizedEvent::decode(&lapwing_event::encode(&event)).unwrap()
}

pub(crate) fn event(kind: Kind, session: &str, seconds: i64, what: &str) -> Event {
    let id = EventId::derived(at(seconds), &[session.as_bytes(), what.as_bytes()]);
    let mut event = Event::new(kind, id, at(seconds), "shop");
    event.session = Some(Session { id: session.to_owned() });
    event.agent = Some(Agent { id: Some("helper".to_owned()), ..Agent::default() });
    event
}

/// A model call with this prompt.
pub(crate) fn llm(session: &str, seconds: i64, prompt: &str) -> SanitizedEvent {
    let mut event = event(Kind::Llm, session, seconds, prompt);
    event.gen_ai = Some(Box::new(GenAi::chat("m")));
    event.content = Some(Content { prompt: Some(prompt.to_owned()), ..Content::default() });
    seal(event)
}

/// A tool call.
pub(crate) fn tool(session: &str, seconds: i64, name: &str, arguments: Value, output: &str) -> SanitizedEvent {
    let mut event = event(Kind::Tool, session, seconds, name);
    event.tool = Some(Box::new(Tool {
        name: name.to_owned(),
        call_id: None,
        kind: None,
        status: ToolStatus::Ok,
        arguments: Some(arguments),
        output: Some(output.to_owned()),
        definition_hash: None,
    }));
    seal(event)
}
