//! The event: the envelope that every kind shares, with the sections of each kind beside it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::alert::Alert;
use crate::content::{Content, GenAi, Scores};
use crate::open_enum::open_enum;
use crate::sections::{Audit, ErrorDetail, Evaluation, Guardrail, Mcp, Retrieval, Review, Tool};
use crate::{EventId, InteractionId, Sanitization, TenantId, Timestamp};

/// The schema version that this crate writes.
pub const SCHEMA_VERSION: &str = "1.0";

open_enum! {
    /// What an event is about; it says which section is filled.
    pub enum Kind {
        /// A call to a language model.
        Llm = "llm",
        /// An execution of a tool.
        Tool = "tool",
        /// A decision of a guardrail.
        Guardrail = "guardrail",
        /// A retrieval from a knowledge base.
        Retrieval = "retrieval",
        /// A failure of the application.
        Error = "error",
        /// A score given to another event.
        Evaluation = "evaluation",
        /// A finding of the detector.
        Alert = "alert",
        /// A person's verdict on an event or an alert.
        Review = "review",
        /// Somebody's use of Lapwing itself.
        Audit = "audit",
    }
}

open_enum! {
    /// How it ended.
    pub enum Outcome {
        /// As intended.
        Ok = "ok",
        /// With an error.
        Error = "error",
        /// A guardrail stopped it.
        Blocked = "blocked",
        /// A guardrail changed it.
        Moderated = "moderated",
        /// The model declined.
        Refused = "refused",
    }
}

/// One thing that an AI application did. In JSON a field name's dot is nesting: `user.id` is `{"user":{"id":…}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// The version of the schema the writer used, `1.x`.
    pub schema_version: String,
    /// The event's own id.
    pub id: EventId,
    /// The interaction it belongs to.
    pub interaction_id: InteractionId,
    /// What it is about.
    pub kind: Kind,
    /// When it began.
    #[serde(rename = "@timestamp")]
    pub timestamp: Timestamp,
    /// When the first server of ours saw it.
    pub received_at: Timestamp,
    /// Whose it is.
    pub tenant: Tenant,
    /// The deployment environment, such as `production`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The application.
    pub service: Service,
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// The person or account on whose behalf it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// The conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// W3C trace id, 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// W3C span id, 16 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    /// The span that caused this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Which mapper made the event, from which convention.
    pub source: Source,

    /// Model, usage and operation (kind `llm`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gen_ai: Option<Box<GenAi>>,
    /// The words (kind `llm`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// What it cost, in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Time to the first token, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_ms: Option<f64>,
    /// Whether the model declined to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<bool>,
    /// Who says that it declined: `provider` or `classifier`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal_source: Option<String>,
    /// Classifier scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scores>,
    /// The tools the model asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_names: Vec<String>,
    /// The guardrails that looked at it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardrail_names: Vec<String>,
    /// The strictest action a guardrail took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrail_action: Option<String>,
    /// The tool call (kind `tool`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Box<Tool>>,
    /// The MCP server behind the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp: Option<Mcp>,
    /// The guardrail's decision (kind `guardrail`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrail: Option<Box<Guardrail>>,
    /// The retrieval (kind `retrieval`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrieval: Option<Box<Retrieval>>,
    /// The failure (kind `error`; other kinds may carry one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<ErrorDetail>>,
    /// The evaluation (kind `evaluation`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Box<Evaluation>>,
    /// The event that an evaluation is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<String>,
    /// The alert (kind `alert`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<Box<Alert>>,
    /// The review (kind `review`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Box<Review>>,
    /// The audit record (kind `audit`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Box<Audit>>,

    /// Fields that the schema does not know, as they came.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub attrs: Map<String, Value>,
    /// What the sanitizer did; absent before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sanitization: Option<Sanitization>,
    /// What was cut to fit the limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub truncated: Vec<Truncation>,
}

impl Event {
    /// An event with its envelope filled and every section empty. `interaction_id` starts as the event's own
    /// id, `received_at` as its timestamp.
    pub fn new(kind: Kind, id: EventId, timestamp: Timestamp, service: &str) -> Self {
        Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            id,
            interaction_id: id.into(),
            kind,
            timestamp,
            received_at: timestamp,
            tenant: Tenant { id: TenantId::default() },
            environment: None,
            service: Service { name: service.to_owned(), version: None },
            agent: None,
            user: None,
            session: None,
            trace_id: None,
            span_id: None,
            parent_span_id: None,
            outcome: Outcome::Ok,
            latency_ms: None,
            source: Source { format: "lapwing".to_owned(), convention: None },
            gen_ai: None,
            content: None,
            cost_usd: None,
            ttft_ms: None,
            refusal: None,
            refusal_source: None,
            scores: None,
            tool_names: Vec::new(),
            guardrail_names: Vec::new(),
            guardrail_action: None,
            tool: None,
            mcp: None,
            guardrail: None,
            retrieval: None,
            error: None,
            evaluation: None,
            target_id: None,
            alert: None,
            review: None,
            audit: None,
            attrs: Map::new(),
            sanitization: None,
            truncated: Vec::new(),
        }
    }

    /// The key of the event's record on the bus: tenant and session, else trace, else interaction, so that a
    /// session stays in order on one partition.
    pub fn partition_key(&self) -> String {
        let group = match (&self.session, &self.trace_id) {
            (Some(session), _) => session.id.clone(),
            (None, Some(trace)) => trace.clone(),
            (None, None) => self.interaction_id.to_string(),
        };
        format!("{}\u{1f}{group}", self.tenant.id)
    }

    /// The session's id, if the event belongs to one.
    pub fn session_id(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.id.as_str())
    }

    /// The user's id, if known.
    pub fn user_id(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.id.as_str())
    }

    /// The agent's id, else its name, else the service's name: whose behaviour the event is part of.
    pub fn agent_key(&self) -> &str {
        let agent = self.agent.as_ref();
        agent.and_then(|agent| agent.id.as_deref().or(agent.name.as_deref())).unwrap_or(&self.service.name)
    }
}

/// Whose the event is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Tenant {
    /// The tenant's name.
    pub id: TenantId,
}

/// The application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Agent {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The person or account, by a pseudonym once sanitized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct User {
    /// The id.
    pub id: String,
}

/// The conversation, by a pseudonym once sanitized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Session {
    /// The id.
    pub id: String,
}

/// Which mapper made the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Source {
    /// `lapwing`, `json`, `otlp`, …
    pub format: String,
    /// The convention that was recognized inside the format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub convention: Option<String>,
}

/// A field that was cut to fit a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Truncation {
    /// The field's name.
    pub field: String,
    /// How many bytes were removed.
    pub bytes: u64,
}
