//! The table of the schema's fields: how each is indexed and what personal data it may hold.

/// How the store indexes a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexAs {
    /// One term, as it is; sortable and countable.
    Keyword,
    /// Full text with positions.
    Text,
    /// A number; `f64`.
    Number,
    /// True or false.
    Bool,
    /// A point in time.
    Date,
    /// A JSON object, its leaves searchable by path.
    Json,
    /// Kept, not searchable.
    Stored,
}

/// What personal data a field may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pii {
    /// A name or number of the schema's own; scanned all the same.
    Plain,
    /// Free content: sanitized by every recognizer.
    Content,
    /// The whole value identifies somebody and is replaced by a pseudonym with this label.
    Pseudonym(&'static str),
}

/// One field of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its path, dots for nesting.
    pub path: &'static str,
    /// How it is indexed.
    pub index: IndexAs,
    /// What it may hold.
    pub pii: Pii,
}

/// The field with this path.
pub fn field(path: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.path == path)
}

/// The field with this path; evaluated while compiling, where a path that is not in the table is an error.
pub(crate) const fn require(path: &str) -> &'static Field {
    let mut at = 0;
    while at < FIELDS.len() {
        if same(FIELDS[at].path.as_bytes(), path.as_bytes()) {
            return &FIELDS[at];
        }
        at += 1;
    }
    panic!("no such field in the schema");
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

macro_rules! fields {
    ($($path:literal $index:ident $pii:expr;)+) => {
        /// Every field of schema 1.0.
        pub const FIELDS: &[Field] = &[$(Field { path: $path, index: IndexAs::$index, pii: $pii }),+];
    };
}

use Pii::{Content, Plain, Pseudonym};

fields! {
    "schema_version" Keyword Plain;
    "id" Keyword Plain;
    "interaction_id" Keyword Plain;
    "kind" Keyword Plain;
    "@timestamp" Date Plain;
    "received_at" Date Plain;
    "tenant.id" Keyword Plain;
    "environment" Keyword Plain;
    "service.name" Keyword Plain;
    "service.version" Keyword Plain;
    "agent.id" Keyword Plain;
    "agent.name" Keyword Plain;
    "agent.version" Keyword Plain;
    "user.id" Keyword Pseudonym("USER");
    "session.id" Keyword Pseudonym("SESSION");
    "trace_id" Keyword Plain;
    "span_id" Keyword Plain;
    "parent_span_id" Keyword Plain;
    "outcome" Keyword Plain;
    "latency_ms" Number Plain;
    "source.format" Keyword Plain;
    "source.convention" Keyword Plain;
    "attrs" Json Content;
    "sanitization.policy_version" Keyword Plain;
    "sanitization.status" Keyword Plain;
    "sanitization.total" Number Plain;
    "sanitization.counts" Json Plain;
    "sanitization.fields" Keyword Plain;
    "truncated" Stored Plain;
    "gen_ai.operation.name" Keyword Plain;
    "gen_ai.provider.name" Keyword Plain;
    "gen_ai.request.model" Keyword Plain;
    "gen_ai.request.temperature" Number Plain;
    "gen_ai.request.max_tokens" Number Plain;
    "gen_ai.response.model" Keyword Plain;
    "gen_ai.response.id" Keyword Plain;
    "gen_ai.response.finish_reasons" Keyword Plain;
    "gen_ai.usage.input_tokens" Number Plain;
    "gen_ai.usage.output_tokens" Number Plain;
    "gen_ai.usage.cache_read_tokens" Number Plain;
    "gen_ai.usage.cache_write_tokens" Number Plain;
    "gen_ai.usage.reasoning_tokens" Number Plain;
    "content.system" Text Content;
    "content.prompt" Text Content;
    "content.response" Text Content;
    "content.messages" Stored Content;
    "cost_usd" Number Plain;
    "ttft_ms" Number Plain;
    "refusal" Bool Plain;
    "refusal_source" Keyword Plain;
    "scores.toxicity" Number Plain;
    "scores.sentiment" Number Plain;
    "tool_names" Keyword Plain;
    "guardrail_names" Keyword Plain;
    "guardrail_action" Keyword Plain;
    "tool.name" Keyword Plain;
    "tool.call_id" Keyword Plain;
    "tool.type" Keyword Plain;
    "tool.status" Keyword Plain;
    "tool.arguments" Text Content;
    "tool.output" Text Content;
    "tool.definition_hash" Keyword Plain;
    "mcp.server" Keyword Plain;
    "mcp.method" Keyword Plain;
    "mcp.session_id" Keyword Pseudonym("SESSION");
    "guardrail.name" Keyword Plain;
    "guardrail.version" Keyword Plain;
    "guardrail.stage" Keyword Plain;
    "guardrail.action" Keyword Plain;
    "guardrail.category" Keyword Plain;
    "guardrail.reason" Text Content;
    "guardrail.score" Number Plain;
    "guardrail.policy_id" Keyword Plain;
    "guardrail.rule_id" Keyword Plain;
    "retrieval.data_source" Keyword Plain;
    "retrieval.query" Text Content;
    "retrieval.top_k" Number Plain;
    "retrieval.uris" Keyword Content;
    "retrieval.documents" Stored Content;
    "retrieval.text" Text Content;
    "error.type" Keyword Plain;
    "error.message" Text Content;
    "error.code" Keyword Plain;
    "error.retryable" Bool Plain;
    "error.stack" Stored Content;
    "evaluation.name" Keyword Plain;
    "evaluation.score" Number Plain;
    "evaluation.label" Keyword Plain;
    "evaluation.explanation" Text Content;
    "evaluation.annotator" Keyword Plain;
    "target_id" Keyword Plain;
    "alert.rule_id" Keyword Plain;
    "alert.title" Text Plain;
    "alert.severity" Keyword Plain;
    "alert.score" Number Plain;
    "alert.threshold" Number Plain;
    "alert.owasp" Keyword Plain;
    "alert.atlas" Keyword Plain;
    "alert.event_ids" Keyword Plain;
    "alert.dedup_key" Keyword Plain;
    "alert.status" Keyword Plain;
    "alert.explanation" Text Content;
    "review.target_id" Keyword Plain;
    "review.verdict" Keyword Plain;
    "review.reviewer" Keyword Pseudonym("USER");
    "review.comment" Text Content;
    "audit.action" Keyword Plain;
    "audit.actor" Keyword Pseudonym("USER");
    "audit.query" Stored Content;
    "audit.count" Number Plain;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_stands_twice() {
        let mut paths: Vec<_> = FIELDS.iter().map(|field| field.path).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), FIELDS.len());
    }
}
