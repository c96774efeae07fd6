//! Which events a threshold or a baseline is about, and whose number it is.

use lapwing_event::{Event, Kind, SanitizedEvent};
use serde::{Deserialize, Serialize};

use crate::session::Envelope;

/// Whose normal a baseline describes, or whose numbers a threshold counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// The agent, else the service.
    #[default]
    Agent,
    /// The service.
    Service,
    /// The user; events without one are not looked at.
    User,
    /// The requested model.
    Model,
    /// The tool.
    Tool,
    /// The session; events without one are not looked at.
    Session,
    /// The tenant.
    Tenant,
}

impl Per {
    /// The name of whose number it is.
    pub(crate) fn name(self, event: &Event) -> Option<&str> {
        Some(match self {
            Self::Agent => event.agent_key(),
            Self::Service => event.service.name.as_str(),
            Self::User => event.user_id()?,
            Self::Model => event.gen_ai.as_ref()?.model()?,
            Self::Tool => event.tool.as_ref()?.name.as_str(),
            Self::Session => event.session_id()?,
            Self::Tenant => event.tenant.id.as_str(),
        })
    }

    /// The name within its tenant.
    pub(crate) fn key(self, event: &Event) -> Option<String> {
        let name = self.name(event)?;
        let tenant = event.tenant.id.as_str();
        let mut key = String::with_capacity(tenant.len() + 1 + name.len());
        key.push_str(tenant);
        key.push('\u{1f}');
        key.push_str(name);
        Some(key)
    }
}

impl Per {
    /// The event's envelope with no more than says whose number it is: for an alert about many events.
    pub(crate) fn envelope(self, event: &SanitizedEvent) -> Option<Envelope> {
        let mut bare = Event::new(Kind::Alert, event.id, event.timestamp, &event.service.name);
        bare.tenant = event.tenant.clone();
        bare.sanitization.clone_from(&event.sanitization);
        match self {
            Self::Agent => bare.agent.clone_from(&event.agent),
            Self::User => bare.user.clone_from(&event.user),
            Self::Session => bare.session.clone_from(&event.session),
            Self::Service | Self::Model | Self::Tool | Self::Tenant => {}
        }
        SanitizedEvent::decode(&lapwing_event::encode(&bare)).ok().map(|bare| Envelope::of(&bare))
    }
}

/// The name in a key of [`Per::key`].
pub(crate) fn name_of(key: &str) -> &str {
    key.split_once('\u{1f}').map_or(key, |(_, name)| name)
}

/// Which events are looked at; a part that is left out holds for all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Only {
    /// The kind of event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The agent, else the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The user, as stored: by pseudonym.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The requested model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
}

impl Only {
    /// Events of one kind.
    pub(crate) fn kind(kind: &str) -> Self {
        Self { kind: Some(kind.to_owned()), ..Self::default() }
    }

    /// Whether all of them are looked at.
    pub(crate) fn is_all(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn holds(&self, event: &Event) -> bool {
        let is = |wanted: &Option<String>, per: Per| wanted.as_deref().is_none_or(|name| per.name(event) == Some(name));
        self.kind.as_deref().is_none_or(|kind| event.kind.as_str() == kind)
            && is(&self.tenant, Per::Tenant)
            && is(&self.agent, Per::Agent)
            && is(&self.user, Per::User)
            && is(&self.model, Per::Model)
            && is(&self.tool, Per::Tool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::llm;

    #[test]
    fn only_what_was_named_is_looked_at() {
        let event = llm("s", 0, "hi");
        let check = |json: &str, expect: bool| {
            let only: Only = serde_json::from_str(json).unwrap_or_default();
            assert_eq!(only.holds(&event), expect, "{json}");
        };
        check("{}", true);
        check(r#"{"kind":"llm","agent":"helper","model":"m","tenant":"default"}"#, true);
        check(r#"{"kind":"tool"}"#, false);
        check(r#"{"agent":"other"}"#, false);
        check(r#"{"user":"u"}"#, false);
        check(r#"{"tool":"t"}"#, false);
        assert_eq!(Per::Agent.key(&event).as_deref().map(name_of), Some("helper"));
    }
}
