//! The sections of the kinds that are not model calls.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::open_enum::open_enum;

open_enum! {
    /// How a tool call ended.
    pub enum ToolStatus {
        /// It ran.
        Ok = "ok",
        /// It failed.
        Error = "error",
        /// It was not allowed.
        Denied = "denied",
        /// It did not end in time.
        Timeout = "timeout",
    }
}

open_enum! {
    /// Where a guardrail looks.
    pub enum GuardrailStage {
        /// At what goes to the model.
        Input = "input",
        /// At what the model said.
        Output = "output",
        /// At a tool call.
        Tool = "tool",
        /// At retrieved documents.
        Retrieval = "retrieval",
    }
}

open_enum! {
    /// What a guardrail did.
    pub enum GuardrailAction {
        /// Nothing.
        Allowed = "allowed",
        /// It changed the content.
        Moderated = "moderated",
        /// It stopped the interaction.
        Blocked = "blocked",
        /// It let it pass with a mark.
        Flagged = "flagged",
    }
}

open_enum! {
    /// A reviewer's verdict.
    pub enum Verdict {
        /// The alert was right.
        TruePositive = "true_positive",
        /// The alert was wrong.
        FalsePositive = "false_positive",
        /// Unusual but harmless.
        Benign = "benign",
        /// Somebody else must decide.
        Escalate = "escalate",
    }
}

/// `tool.*`: one execution of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Tool {
    /// The tool's name.
    pub name: String,
    /// The id that joins the model's request to this execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// `function`, `extension`, `datastore`, …
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// How it ended.
    pub status: ToolStatus,
    /// The arguments, as JSON; a string that holds JSON is read as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "json_or_text")]
    pub arguments: Option<Value>,
    /// What came back, as text; JSON is written compactly.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "text_of_any")]
    pub output: Option<String>,
    /// A hash of the tool's definition, to see that it changed under the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition_hash: Option<String>,
}

/// `mcp.*`: the Model Context Protocol server behind a tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Mcp {
    /// The server's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The method, such as `tools/call`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The protocol's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

/// `guardrail.*`: one decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Guardrail {
    /// The guardrail's name.
    pub name: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where it looked.
    pub stage: GuardrailStage,
    /// What it did.
    pub action: GuardrailAction,
    /// The kind of content it found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How sure it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The policy it applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_id: Option<String>,
    /// The rule of the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<String>,
}

/// `retrieval.*`: what was looked up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Retrieval {
    /// The knowledge base.
    pub data_source: String,
    /// The query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// How many documents were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u64>,
    /// The documents' addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uris: Vec<String>,
    /// The documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Document>,
    /// The retrieved text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// One retrieved document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Document {
    /// Its id in the knowledge base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// SHA-256 of its text, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// A piece of its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

/// `error.*`: a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ErrorDetail {
    /// The class of the failure.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether trying again may help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// The stack trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
}

/// `evaluation.*`: a score given to the event named by `target_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Evaluation {
    /// What was evaluated, such as `groundedness`.
    pub name: String,
    /// The score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// `human`, `llm` or `code`.
    pub annotator: String,
}

/// `review.*`: a person's verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Review {
    /// The event or alert that was reviewed.
    pub target_id: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Who gave it, by a pseudonym once sanitized.
    pub reviewer: String,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// `audit.*`: a use of Lapwing itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Audit {
    /// `search`, `export`, `read`, `reveal`, `erase`, `review`, `config`.
    pub action: String,
    /// Who did it, by a pseudonym once sanitized.
    pub actor: String,
    /// What was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// How many events it touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// OpenAI sends a tool's arguments as a string of JSON, others as an object: both become JSON.
fn json_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Ok(Option::<Value>::deserialize(deserializer)?.map(parse_json_text))
}

/// A string that holds a JSON object or array becomes that; anything else stays as it is.
pub(crate) fn parse_json_text(value: Value) -> Value {
    match &value {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => serde_json::from_str(text).unwrap_or(value),
        _ => value,
    }
}

fn text_of_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Value>::deserialize(deserializer)?.and_then(text_of))
}

/// The text of a JSON value: a string as it is, null as nothing, anything else as compact JSON.
pub(crate) fn text_of(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
