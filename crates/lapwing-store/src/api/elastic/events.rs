//! The index of events: what the DSL's parts mean in the store's own query.

use std::ops::Bound;

use lapwing_event::{IndexAs, Timestamp};

use super::dsl::{Adjacent, Fault, Grammar};
use super::glob::matches;
use crate::query::{Builder, Query, parse};

/// Reads the DSL for the index of events.
pub(super) struct Events {
    builder: Builder,
}

impl Events {
    /// `now` is the time that `now-15m` counts from.
    pub fn new(now: Timestamp) -> Self {
        Self { builder: Builder { now } }
    }

    /// A keyword has no form that does not know case.
    fn with_case(&self, field: &str, fold: bool) -> Result<(), Fault> {
        match fold && !self.builder.is_text(field)? {
            true => Err(format!("[{field}] is a keyword: case_insensitive is not supported; use regexp")),
            false => Ok(()),
        }
    }
}

impl Grammar for Events {
    type Query = Query;

    fn all(&self) -> Query {
        Query::All
    }

    fn every(&self, parts: Vec<Query>) -> Query {
        Query::And(parts)
    }

    fn some(&self, parts: Vec<Query>) -> Query {
        Query::Or(parts)
    }

    fn at_least(&self, number: usize, parts: Vec<Query>) -> Result<Query, Fault> {
        match parts.len() > MAX_CHOSEN_FROM {
            true => Err(format!("minimum_should_match {number} is read of at most {MAX_CHOSEN_FROM} clauses")),
            false => Ok(at_least(number, &parts)),
        }
    }

    fn fields(&self, pattern: &str) -> Vec<String> {
        let named = |field: &&lapwing_event::Field| {
            matches!(field.index, IndexAs::Text | IndexAs::Keyword) && matches(pattern, field.path)
        };
        lapwing_event::FIELDS.iter().filter(named).map(|field| field.path.to_owned()).collect()
    }

    fn not(&self, query: Query) -> Query {
        Query::Not(Box::new(query))
    }

    fn lucene(&self, text: &str, fields: &[&str], adjacent: Adjacent) -> Result<Query, Fault> {
        let read = |text: &str| parse(text, self.builder.now, adjacent).map_err(|error| error.to_string());
        if fields.is_empty() || text.trim().is_empty() {
            return read(text);
        }
        Ok(Query::Or(fields.iter().map(|field| read(&format!("{field}:({text})"))).collect::<Result<_, _>>()?))
    }

    fn now(&self) -> Timestamp {
        self.builder.now
    }

    fn is_date(&self, field: &str) -> bool {
        lapwing_event::field(field).is_some_and(|field| field.index == IndexAs::Date)
    }

    fn is_text(&self, field: &str) -> Result<bool, Fault> {
        self.builder.is_text(field)
    }

    fn term(&self, field: &str, value: &str, fold: bool) -> Result<Query, Fault> {
        self.with_case(field, fold)?;
        self.builder.equals(field, value)
    }

    fn phrase(&self, field: Option<&str>, text: &str, slop: u32) -> Result<Query, Fault> {
        if slop > 0 {
            return Err("slop is not supported: the words of a phrase stand side by side".to_owned());
        }
        match field {
            Some(field) => self.builder.equals(field, text),
            None => self.builder.phrase(text),
        }
    }

    /// The last word of a text is a prefix anywhere in it, those before it are a phrase; a keyword is a prefix as a
    /// whole.
    fn phrase_prefix(&self, field: &str, text: &str) -> Result<Query, Fault> {
        match text.trim().rsplit_once(char::is_whitespace) {
            Some((words, last)) if self.builder.is_text(field)? => {
                Ok(Query::And(vec![self.builder.equals(field, words)?, self.builder.prefix(field, last)?]))
            }
            _ => self.builder.prefix(field, text),
        }
    }

    fn words(&self, field: Option<&str>, text: &str, adjacent: Adjacent) -> Result<Query, Fault> {
        self.builder.words(field, text, adjacent == Adjacent::And)
    }

    fn prefix(&self, field: &str, text: &str, fold: bool) -> Result<Query, Fault> {
        self.with_case(field, fold)?;
        self.builder.prefix(field, text)
    }

    fn wildcard(&self, field: &str, pattern: &str, fold: bool) -> Result<Query, Fault> {
        self.with_case(field, fold)?;
        self.builder.wildcard(field, pattern)
    }

    fn regexp(&self, field: &str, source: &str, fold: bool) -> Result<Query, Fault> {
        self.builder.regexp(field, source, fold)
    }

    fn range(&self, field: &str, lower: Bound<String>, upper: Bound<String>) -> Result<Query, Fault> {
        self.builder.range(field, lower, upper)
    }

    fn exists(&self, field: &str) -> Result<Query, Fault> {
        self.builder.exists(field)
    }

    fn ids(&self, ids: Vec<String>) -> Result<Query, Fault> {
        Ok(Query::Or(ids.iter().map(|id| self.builder.equals("id", id)).collect::<Result<_, Fault>>()?))
    }
}

/// So many of these clauses are tried in every combination, which are fewer than a thousand.
const MAX_CHOSEN_FROM: usize = 10;

/// What matches at least so many of these.
fn at_least(number: usize, parts: &[Query]) -> Query {
    match parts {
        _ if number == 0 => Query::All,
        parts if number == parts.len() => Query::And(parts.to_vec()),
        parts if number == 1 => Query::Or(parts.to_vec()),
        [] => Query::Not(Box::new(Query::All)),
        [first, rest @ ..] => {
            let with_first = Query::And(vec![first.clone(), at_least(number - 1, rest)]);
            Query::Or(vec![with_first, at_least(number, rest)])
        }
    }
}
