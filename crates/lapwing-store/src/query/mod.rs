//! The query language: from text to a typed tree. Pure: the time of `now-15m` is an argument, and nothing here
//! knows an index.
//!
//! | form | matches |
//! |---|---|
//! | `refund policy` | both words, each anywhere in the content |
//! | `"refund policy"` | the words in this order |
//! | `ref*`, `r?fund`, `*und` | words by prefix or pattern |
//! | `tool.name:send_mail`, `tool:send_mail` | a field, by its path or a short name |
//! | `model:(gpt-5 OR claude*)` | a field with several values |
//! | `latency_ms:>1000`, `latency_ms:[10 TO 20}` | a range; `[ ]` include their ends, `{ }` do not, `*` is open |
//! | `@timestamp:>=now-15m` | a time, RFC 3339, epoch, or relative to now |
//! | `_exists_:error.type` | events that have the field |
//! | `a AND (b OR NOT c)`, `-c` | logic; words side by side are `AND` |
//! | `*` | everything |

mod build;
mod names;
mod parse;
mod pattern;
mod regexp;
mod scan;
mod value;

use std::ops::Bound;

use lapwing_event::{Field, Timestamp};

pub(crate) use build::Builder;
pub(crate) use names::{aliases_of, nearest, text_fields};
pub use parse::parse_query;
pub(crate) use parse::{Adjacent, parse};
pub use pattern::Pattern;
pub(crate) use regexp::Regexp;
pub use value::parse_time;

/// A query is at most this long, in bytes.
pub const MAX_QUERY_BYTES: usize = 16 << 10;
/// A query has at most this many conditions.
pub const MAX_CLAUSES: usize = 256;
/// Parentheses nest at most this deep.
pub const MAX_NESTING: usize = 32;
/// A phrase has at most this many words: each costs a walk over its documents.
pub const MAX_PHRASE_WORDS: usize = 64;

/// A query that was understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    /// Every event.
    All,
    /// Events that match all of these.
    And(Vec<Query>),
    /// Events that match at least one of these.
    Or(Vec<Query>),
    /// Events that do not match this.
    Not(Box<Query>),
    /// Events that meet one condition.
    Is(Condition),
}

impl Query {
    /// Whether the places of words in texts decide: by far the most costly thing to ask.
    pub(crate) fn has_phrase(&self) -> bool {
        match self {
            Self::All => false,
            Self::And(queries) | Self::Or(queries) => queries.iter().any(Self::has_phrase),
            Self::Not(query) => query.has_phrase(),
            Self::Is(condition) => matches!(&condition.test, Test::Words(words) if words.len() > 1),
        }
    }
}

/// One condition on one field, or on all content.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What is looked at.
    pub target: Target,
    /// What it must be.
    pub test: Test,
    /// Where the condition begins in the query, in characters.
    pub position: usize,
}

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Every full-text field.
    Content,
    /// One field.
    Field(&'static Field),
    /// A path inside a JSON field.
    Json(&'static Field, String),
}

/// What a condition asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Full text: the words in this order, each as the tokenizer gives it.
    Words(Vec<String>),
    /// Exactly this keyword.
    Keyword(String),
    /// A keyword, or a word of a text, by its pattern.
    Pattern(Pattern),
    /// Keywords between these, in byte order.
    Keywords(Bound<String>, Bound<String>),
    /// Numbers between these.
    Numbers(Bound<f64>, Bound<f64>),
    /// Times between these.
    Times(Bound<Timestamp>, Bound<Timestamp>),
    /// True or false.
    Bool(bool),
    /// The field is there.
    Exists,
}

/// A query that cannot be understood: where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("query, character {position}: {message}{}", suggestion.as_ref().map(|s| format!("; did you mean {s:?}?")).unwrap_or_default())]
pub struct QueryError {
    /// Where the fault is, counted in characters from 0.
    pub position: usize,
    /// What is wrong.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}
