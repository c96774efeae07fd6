//! Objects as a logger writes them, on their way to becoming events.

use lapwing_event::{Arrival, Event, Rejection, Timestamp, map_object};
use serde_json::{Map, Value, json};

use crate::Context;
use crate::emitter::Defaults;
use crate::identity::{entropy, now};

/// One object, with what has to be known of the moment it was emitted.
pub(crate) struct Object {
    pub fields: Map<String, Value>,
    at: Timestamp,
    context: Context,
}

impl Object {
    pub(crate) fn new(fields: Map<String, Value>) -> Self {
        Self { fields, at: now(), context: Context::inherited() }
    }

    /// The events that it tells of. What it leaves out of service, environment, time and context is added.
    pub(crate) fn events(self, defaults: &Defaults) -> Result<Vec<Event>, Rejection> {
        let Self { mut fields, at, context } = self;
        let native = fields.contains_key("kind") || fields.contains_key("schema_version");
        let name = &defaults.service.name;
        match native {
            true => drop(fields.entry("service").or_insert_with(|| json!({"name": name}))),
            false if fields.contains_key("service_name") => {}
            false => drop(fields.entry("service").or_insert_with(|| name.as_str().into())),
        }
        let mut events = map_object(fields, &Arrival::new(defaults.tenant.clone(), at), &mut entropy)?;
        for event in &mut events {
            if event.service.name == *name && event.service.version.is_none() {
                event.service.version.clone_from(&defaults.service.version);
            }
            if event.environment.is_none() {
                event.environment.clone_from(&defaults.environment);
            }
            context.fill(event);
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use lapwing_event::{Service, TenantId};

    use super::*;

    fn events(object: Value) -> Result<Vec<Event>, Rejection> {
        let service = Service { name: "shop".to_owned(), version: Some("1.2".to_owned()) };
        let defaults = Defaults { service, environment: Some("test".to_owned()), tenant: TenantId::default() };
        let Value::Object(fields) = object else { panic!("no object: {object}") };
        Context::new().session("s").user("u").sync_scope(|| Object::new(fields)).events(&defaults)
    }

    #[test]
    fn what_is_left_out_is_added_and_what_is_said_stays() {
        let check = |object: Value, kinds: &[&str], service: &str, version: Option<&str>, session: &str| {
            let events = events(object).unwrap();
            assert_eq!(events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(), kinds);
            for event in events {
                assert_eq!((event.service.name.as_str(), event.service.version.as_deref()), (service, version));
                assert_eq!((event.session_id(), event.user_id()), (Some(session), Some("u")));
                assert_eq!(event.environment.as_deref(), Some("test"));
            }
        };
        let tool = json!({"name": "t", "status": "ok"});
        check(json!({"prompt": "p", "tool_called": ["a", "b"]}), &["llm", "tool", "tool"], "shop", Some("1.2"), "s");
        check(json!({"prompt": "p", "service_name": "x", "session_id": "y"}), &["llm"], "x", None, "y");
        check(json!({"kind": "tool", "tool": tool}), &["tool"], "shop", Some("1.2"), "s");
        check(json!({"kind": "tool", "tool": tool, "service": {"name": "x"}}), &["tool"], "x", None, "s");
    }

    #[test]
    fn what_is_no_event_names_its_field() {
        assert_eq!(events(json!({"kind": "tool"})).unwrap_err().field, "tool");
        assert_eq!(events(json!({"latency_ms": "slow"})).unwrap_err().field, "latency_ms");
    }
}
