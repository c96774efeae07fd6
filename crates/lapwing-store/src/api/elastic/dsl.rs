//! From Elasticsearch's query DSL to a [`Query`].

use std::ops::Bound;

use lapwing_event::Timestamp;
use serde_json::{Map, Value};

use crate::query::{Builder, MAX_CLAUSES, MAX_NESTING, Query, parse_query};

/// Why a query is not understood, in words.
pub(super) type Fault = String;

/// Reads a query; without one everything matches.
pub(super) fn read(query: Option<&Value>, now: Timestamp) -> Result<Query, Fault> {
    let Some(query) = query else { return Ok(Query::All) };
    let mut reader = Reader { builder: Builder { now }, clauses: 0 };
    reader.query(query, 0)
}

struct Reader {
    builder: Builder,
    clauses: usize,
}

impl Reader {
    fn query(&mut self, query: &Value, depth: usize) -> Result<Query, Fault> {
        self.clauses += 1;
        if self.clauses > MAX_CLAUSES || depth > MAX_NESTING {
            return Err(format!("has too many clauses; at most {MAX_CLAUSES}, nested {MAX_NESTING} deep, are read"));
        }
        let (kind, body) = single(query, "a query")?;
        match kind {
            "match_all" => Ok(Query::All),
            "match_none" => Ok(Query::Not(Box::new(Query::All))),
            "bool" => self.bool(body, depth),
            "constant_score" => self.query(body.get("filter").ok_or("constant_score needs a filter")?, depth + 1),
            "query_string" | "simple_query_string" => {
                let text = text_of(body.get("query").unwrap_or(&Value::Null))?;
                parse_query(&text, self.builder.now).map_err(|error| error.to_string())
            }
            "term" | "match_phrase" => {
                let (field, value) = field_value(body, &["value", "query"])?;
                self.builder.equals(field, &value)
            }
            "terms" => self.terms(body),
            "match" => {
                let (field, value) = field_value(body, &["query"])?;
                let all = body[field]
                    .get("operator")
                    .and_then(Value::as_str)
                    .is_some_and(|op| op.eq_ignore_ascii_case("and"));
                match self.builder.is_text(field)? {
                    true => self.builder.words(Some(field), &value, all),
                    false => self.builder.equals(field, &value),
                }
            }
            "multi_match" => self.multi_match(body),
            "match_phrase_prefix" | "prefix" => {
                let (field, value) = field_value(body, &["value", "query"])?;
                self.prefix(field, &value)
            }
            "wildcard" => {
                let (field, value) = field_value(body, &["value", "wildcard"])?;
                self.builder.wildcard(field, &value)
            }
            "range" => self.range(body),
            "exists" => self.builder.exists(&text_of(&body["field"])?),
            "ids" => {
                let ids = body["values"].as_array().ok_or("ids needs a list of values")?;
                let ids = ids.iter().map(|id| self.builder.equals("id", &text_of(id)?));
                Ok(Query::Or(ids.collect::<Result<_, Fault>>()?))
            }
            other => Err(format!("unknown query [{other}]")),
        }
    }

    fn bool(&mut self, body: &Value, depth: usize) -> Result<Query, Fault> {
        let mut clauses = |name: &str| -> Result<Vec<Query>, Fault> {
            match body.get(name) {
                None | Some(Value::Null) => Ok(Vec::new()),
                // Grafana sends an object where others send a list of one.
                Some(Value::Array(list)) => list.iter().map(|query| self.query(query, depth + 1)).collect(),
                Some(one) => Ok(vec![self.query(one, depth + 1)?]),
            }
        };
        let mut parts = clauses("must")?;
        parts.extend(clauses("filter")?);
        parts.extend(clauses("must_not")?.into_iter().map(|query| Query::Not(Box::new(query))));
        let should = clauses("should")?;
        let least = match body.get("minimum_should_match") {
            None => u64::from(parts.is_empty() && !should.is_empty()),
            Some(value) => text_of(value)?.parse().map_err(|_| "minimum_should_match must be 0 or 1")?,
        };
        match least {
            0 => {}
            1 => parts.push(Query::Or(should)),
            _ => return Err("minimum_should_match must be 0 or 1".to_owned()),
        }
        Ok(if parts.is_empty() { Query::All } else { Query::And(parts) })
    }

    fn terms(&self, body: &Value) -> Result<Query, Fault> {
        let fields = body.as_object().ok_or("terms needs a field")?;
        let (field, values) = fields.iter().find(|(name, _)| *name != "boost").ok_or("terms needs a field")?;
        let values = values.as_array().ok_or("terms needs a list of values")?;
        if values.len() > MAX_CLAUSES {
            return Err(format!("terms has too many values; at most {MAX_CLAUSES} are read"));
        }
        let terms = values.iter().map(|value| self.builder.equals(field, &text_of(value)?));
        Ok(Query::Or(terms.collect::<Result<_, Fault>>()?))
    }

    fn multi_match(&self, body: &Value) -> Result<Query, Fault> {
        let text = text_of(&body["query"])?;
        let phrase = body["type"].as_str() == Some("phrase");
        let all = body["operator"].as_str().is_some_and(|operator| operator.eq_ignore_ascii_case("and"));
        let fields: Vec<&str> = body["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if fields.is_empty() || fields.contains(&"*") {
            return if phrase { self.builder.phrase(&text) } else { self.builder.words(None, &text, all) };
        }
        let on = |field: &&str| {
            // A boost, as in `title^3`, changes the order of hits only.
            let field = field.split('^').next().unwrap_or(field);
            match phrase || !self.builder.is_text(field)? {
                true => self.builder.equals(field, &text),
                false => self.builder.words(Some(field), &text, all),
            }
        };
        Ok(Query::Or(fields.iter().map(on).collect::<Result<_, Fault>>()?))
    }

    /// The last word of a text is a prefix, those before it are words; a keyword is a prefix as a whole.
    fn prefix(&self, field: &str, value: &str) -> Result<Query, Fault> {
        match value.trim().rsplit_once(char::is_whitespace) {
            Some((words, last)) if self.builder.is_text(field)? => {
                Ok(Query::And(vec![self.builder.equals(field, words)?, self.builder.prefix(field, last)?]))
            }
            _ => self.builder.prefix(field, value),
        }
    }

    fn range(&self, body: &Value) -> Result<Query, Fault> {
        let (field, bounds) = single(body, "range")?;
        let bound = |including: &str, excluding: &str| -> Result<Bound<String>, Fault> {
            let some = |name: &str| bounds.get(name).filter(|value| !value.is_null());
            Ok(match (some(including), some(excluding)) {
                (Some(value), _) => Bound::Included(text_of(value)?),
                (None, Some(value)) => Bound::Excluded(text_of(value)?),
                (None, None) => Bound::Unbounded,
            })
        };
        match (bound("gte", "gt")?, bound("lte", "lt")?) {
            (Bound::Unbounded, Bound::Unbounded) => self.builder.exists(field),
            (lower, upper) => self.builder.range(field, lower, upper),
        }
    }
}

/// The only key of an object, and its value.
fn single<'a>(value: &'a Value, what: &str) -> Result<(&'a str, &'a Value), Fault> {
    let fields: &Map<String, Value> = value.as_object().ok_or_else(|| format!("{what} must be an object"))?;
    let mut keys = fields.iter().filter(|(name, _)| *name != "boost" && *name != "_name");
    match (keys.next(), keys.next()) {
        (Some((key, value)), None) => Ok((key, value)),
        _ => Err(format!("{what} must have exactly one key")),
    }
}

/// `{"field": "value"}` or `{"field": {"value": "value"}}`.
fn field_value<'a>(body: &'a Value, names: &[&str]) -> Result<(&'a str, String), Fault> {
    let (field, value) = single(body, "a query on a field")?;
    let value = match value {
        Value::Object(options) => {
            names.iter().find_map(|name| options.get(*name)).ok_or_else(|| format!("[{field}] needs a value"))?
        }
        value => value,
    };
    Ok((field, text_of(value)?))
}

fn text_of(value: &Value) -> Result<String, Fault> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err("a value must be text, a number, true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    /// The DSL means what the query text means.
    #[test]
    fn means_what_the_query_language_means() {
        let now = Timestamp::from_millis(1_795_501_800_000);
        let flat = |query: &Query| simplify(query);
        let check = |dsl: Value, text: &str| {
            let read = read(Some(&dsl), now).unwrap_or_else(|fault| panic!("{dsl}: {fault}"));
            assert_eq!(flat(&read), flat(&parse_query(text, now).unwrap()), "{dsl}");
        };
        check(json!({"match_all": {}}), "");
        check(json!({"query_string": {"query": "a AND kind:llm", "analyze_wildcard": true}}), "a AND kind:llm");
        check(json!({"term": {"kind": "llm"}}), "kind:llm");
        check(json!({"term": {"kind.keyword": {"value": "llm", "boost": 2}}}), "kind:llm");
        check(json!({"terms": {"kind": ["llm", "tool"], "boost": 1}}), "kind:llm OR kind:tool");
        check(json!({"match": {"content.prompt": "red Blue"}}), "prompt:red OR prompt:blue");
        check(json!({"match": {"content.prompt": {"query": "red blue", "operator": "AND"}}}), "prompt:red prompt:blue");
        check(json!({"match": {"outcome": "ok"}}), "outcome:ok");
        check(json!({"match_phrase": {"content.prompt": "red blue"}}), "prompt:\"red blue\"");
        check(json!({"match_phrase_prefix": {"content.prompt": "red bl"}}), "prompt:red prompt:bl*");
        check(
            json!({"multi_match": {"query": "red", "fields": ["content.prompt^2", "outcome"]}}),
            "prompt:red OR outcome:red",
        );
        check(json!({"multi_match": {"query": "red blue", "type": "phrase"}}), "\"red blue\"");
        check(json!({"prefix": {"service.name": "sh"}}), "service:sh*");
        check(json!({"wildcard": {"service.name": {"value": "s?o*"}}}), "service:s?o*");
        check(json!({"range": {"latency_ms": {"gt": 5, "lte": 10}}}), "latency_ms:{5 TO 10]");
        check(
            json!({"range": {"@timestamp": {"gte": 1_795_501_000_000i64, "lt": "now", "format": "epoch_millis"}}}),
            "@timestamp:[1795501000000 TO now}",
        );
        check(json!({"exists": {"field": "error.type"}}), "_exists_:error.type");
        check(json!({"ids": {"values": ["a", "b"]}}), "id:a OR id:b");
        check(json!({"bool": {"filter": {"term": {"kind": "llm"}}}}), "kind:llm");
        check(
            json!({"bool": {"must": [{"term": {"kind": "llm"}}], "must_not": {"term": {"outcome": "ok"}}}}),
            "kind:llm NOT outcome:ok",
        );
        check(json!({"bool": {"should": [{"term": {"kind": "a"}}, {"term": {"kind": "b"}}]}}), "kind:a OR kind:b");
        check(json!({"bool": {"must": {"term": {"kind": "a"}}, "should": {"term": {"kind": "b"}}}}), "kind:a");
        check(
            json!({"bool": {"must": {"term": {"kind": "a"}}, "should": {"term": {"kind": "b"}}, "minimum_should_match": 1}}),
            "kind:a kind:b",
        );
        check(json!({"bool": {}}), "");
        check(json!({"constant_score": {"filter": {"term": {"kind": "llm"}}}}), "kind:llm");
    }

    /// Lists of one are what they hold, and positions do not count.
    fn simplify(query: &Query) -> Query {
        let list = |queries: &[Query], join: fn(Vec<Query>) -> Query| match queries {
            [one] => simplify(one),
            queries => join(queries.iter().map(simplify).collect()),
        };
        match query {
            Query::All => Query::All,
            Query::And(queries) => list(queries, Query::And),
            Query::Or(queries) => list(queries, Query::Or),
            Query::Not(query) => Query::Not(Box::new(simplify(query))),
            Query::Is(condition) => Query::Is(crate::Condition { position: 0, ..condition.clone() }),
        }
    }

    #[test]
    fn faults_are_said_in_words() {
        let check = |dsl: Value, part: &str| {
            let fault = read(Some(&dsl), Timestamp::default()).unwrap_err();
            assert!(fault.contains(part), "{dsl}: {fault}");
        };
        check(json!({"fuzzy": {"a": "b"}}), "unknown query [fuzzy]");
        check(json!({}), "exactly one key");
        check(json!([]), "must be an object");
        check(json!({"term": {"knd": "x"}}), "did you mean \"kind\"?");
        check(json!({"term": {"kind": {}}}), "needs a value");
        check(json!({"range": {"latency_ms": {"gt": "fast"}}}), "not a number");
        check(json!({"query_string": {"query": "(a"}}), "not closed");
        check(json!({"bool": {"should": [], "minimum_should_match": "75%"}}), "must be 0 or 1");
        let deep = (0..40).fold(json!({"match_all": {}}), |inner, _| json!({"bool": {"must": inner}}));
        check(deep, "too many clauses");
    }
}
