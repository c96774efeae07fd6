//! Elasticsearch's query DSL: its forms, read once for every kind of index.

use std::ops::Bound;

use lapwing_event::Timestamp;
use serde_json::{Map, Value};

use super::date_format::{self, Format};
use super::zone::Zone;
use super::{date_math, options};
pub(super) use crate::query::Adjacent;
use crate::query::{MAX_CLAUSES, MAX_NESTING};
use crate::tokenizer::tokens;

/// Why a query is not understood, in words.
pub(super) type Fault = String;

/// What an index makes of a query's parts. A field is named as the client named it; a value is text, whatever its
/// JSON type was, and the index reads it as the field's type demands.
pub(super) trait Grammar {
    /// A query in the index's own form.
    type Query;

    /// Everything.
    fn all(&self) -> Self::Query;
    /// What matches all of these.
    fn every(&self, parts: Vec<Self::Query>) -> Self::Query;
    /// What matches at least one of these.
    fn some(&self, parts: Vec<Self::Query>) -> Self::Query;
    /// What matches so many of these, more than one and fewer than all.
    fn at_least(&self, number: usize, parts: Vec<Self::Query>) -> Result<Self::Query, Fault>;
    /// What does not match this.
    fn not(&self, query: Self::Query) -> Self::Query;
    /// The fields whose names match a pattern of `*`.
    fn fields(&self, pattern: &str) -> Vec<String>;
    /// Lucene's query text over these fields, over all of them if none is named.
    fn lucene(&self, text: &str, fields: &[&str], adjacent: Adjacent) -> Result<Self::Query, Fault>;
    /// What `now` means.
    fn now(&self) -> Timestamp;
    /// Whether the field is a time.
    fn is_date(&self, field: &str) -> bool;
    /// Whether the field is full text.
    fn is_text(&self, field: &str) -> Result<bool, Fault>;
    /// The field is exactly this term; with `fold`, the case of letters does not count.
    fn term(&self, field: &str, value: &str, fold: bool) -> Result<Self::Query, Fault>;
    /// These words in this order, in the field or in any; with `slop`, up to so many others between them.
    fn phrase(&self, field: Option<&str>, text: &str, slop: u32) -> Result<Self::Query, Fault>;
    /// As [`Self::phrase`], where the last word may be longer.
    fn phrase_prefix(&self, field: &str, text: &str) -> Result<Self::Query, Fault>;
    /// All, or any, of these words, in the field or in any.
    fn words(&self, field: Option<&str>, text: &str, adjacent: Adjacent) -> Result<Self::Query, Fault>;
    /// A term starts with this.
    fn prefix(&self, field: &str, text: &str, fold: bool) -> Result<Self::Query, Fault>;
    /// A term matches this pattern of `*` and `?`.
    fn wildcard(&self, field: &str, pattern: &str, fold: bool) -> Result<Self::Query, Fault>;
    /// A term matches this regular expression.
    fn regexp(&self, field: &str, source: &str, fold: bool) -> Result<Self::Query, Fault>;
    /// The field lies between these.
    fn range(&self, field: &str, lower: Bound<String>, upper: Bound<String>) -> Result<Self::Query, Fault>;
    /// The field is there.
    fn exists(&self, field: &str) -> Result<Self::Query, Fault>;
    /// The documents with these ids.
    fn ids(&self, ids: Vec<String>) -> Result<Self::Query, Fault>;
}

/// Reads a query; without one everything matches.
pub(super) fn read<G: Grammar>(query: Option<&Value>, grammar: &G) -> Result<G::Query, Fault> {
    match query {
        Some(query) if !query.is_null() => Reader { grammar, clauses: 0 }.query(query, 0),
        _ => Ok(grammar.all()),
    }
}

struct Reader<'a, G> {
    grammar: &'a G,
    clauses: usize,
}

impl<G: Grammar> Reader<'_, G> {
    fn query(&mut self, query: &Value, depth: usize) -> Result<G::Query, Fault> {
        self.clauses += 1;
        if self.clauses > MAX_CLAUSES || depth > MAX_NESTING {
            return Err(format!("has too many clauses; at most {MAX_CLAUSES}, nested {MAX_NESTING} deep, are read"));
        }
        let (kind, body) = single(query, "a query")?;
        let grammar = self.grammar;
        match kind {
            "match_all" => Ok(grammar.all()),
            "match_none" => Ok(grammar.not(grammar.all())),
            "bool" => self.bool(body, depth),
            "constant_score" => self.query(body.get("filter").ok_or("constant_score needs a filter")?, depth + 1),
            // What it demotes comes later and is found all the same.
            "boosting" => self.query(body.get("positive").ok_or("boosting needs a positive query")?, depth + 1),
            "dis_max" => {
                let queries = body["queries"].as_array().ok_or("dis_max needs a list of queries")?;
                let queries = queries.iter().map(|query| self.query(query, depth + 1)).collect::<Result<_, _>>()?;
                Ok(grammar.some(queries))
            }
            "query_string" | "simple_query_string" => self.query_string(kind, body),
            "multi_match" => self.multi_match(body),
            "terms" => self.terms(body),
            "range" => self.range(body),
            "exists" => grammar.exists(&text_of(body.get("field").unwrap_or(&Value::Null))?),
            "ids" => {
                let ids = body["values"].as_array().ok_or("ids needs a list of values")?;
                grammar.ids(ids.iter().map(text_of).collect::<Result<_, _>>()?)
            }
            _ => self.on_field(kind, body),
        }
    }

    /// The queries on one field.
    fn on_field(&self, kind: &str, body: &Value) -> Result<G::Query, Fault> {
        let known: &[&str] = match kind {
            "term" | "prefix" | "regexp" => &["value"],
            "wildcard" => &["value", "wildcard"],
            "match" | "match_phrase" | "match_phrase_prefix" | "match_bool_prefix" => &["query"],
            other => return Err(format!("unknown query [{other}]")),
        };
        let Named { field, value, options } = Named::of(body, known)?;
        options::check(kind, options)?;
        let fold = options.get("case_insensitive").is_some_and(is_true);
        match kind {
            "term" => self.grammar.term(field, &value, fold),
            "prefix" => self.grammar.prefix(field, &value, fold),
            "wildcard" => self.grammar.wildcard(field, &value, fold),
            "regexp" => self.grammar.regexp(field, &value, fold),
            "match" => self.match_words(field, &value, options),
            "match_phrase" => self.match_phrase(field, &value, options),
            "match_phrase_prefix" => match self.wordless(field, &value, options)? {
                Some(query) => Ok(query),
                None => self.grammar.phrase_prefix(field, &value),
            },
            _ => self.bool_prefix(field, &value, options),
        }
    }

    /// What text means that has no word, for a field of text.
    fn wordless(&self, field: &str, text: &str, options: &Map<String, Value>) -> Result<Option<G::Query>, Fault> {
        if !self.grammar.is_text(field)? || !tokens(text).is_empty() {
            return Ok(None);
        }
        let all = self.grammar.all();
        match options.get("zero_terms_query").map(|value| value.as_str().unwrap_or_default().to_lowercase()) {
            None => Ok(Some(self.grammar.not(all))),
            Some(value) if value == "none" => Ok(Some(self.grammar.not(all))),
            Some(value) if value == "all" => Ok(Some(all)),
            Some(value) => Err(format!("zero_terms_query must be none or all, not [{value}]")),
        }
    }

    fn match_words(&self, field: &str, text: &str, options: &Map<String, Value>) -> Result<G::Query, Fault> {
        if let Some(query) = self.wordless(field, text, options)? {
            return Ok(query);
        }
        if !self.grammar.is_text(field)? {
            return match self.grammar.term(field, text, false) {
                Err(_) if options.get("lenient").is_some_and(is_true) => Ok(self.grammar.not(self.grammar.all())),
                query => query,
            };
        }
        let adjacent = Adjacent::of(options.get("operator"))?;
        match options.get("minimum_should_match") {
            Some(least) if adjacent == Adjacent::Or => {
                let words = tokens(text);
                let words = words.iter().map(|word| self.grammar.term(field, word, false)).collect::<Result<_, _>>()?;
                self.at_least(least, words)
            }
            _ => self.grammar.words(Some(field), text, adjacent),
        }
    }

    fn match_phrase(&self, field: &str, text: &str, options: &Map<String, Value>) -> Result<G::Query, Fault> {
        if let Some(query) = self.wordless(field, text, options)? {
            return Ok(query);
        }
        let slop = match options.get("slop") {
            None => 0,
            Some(slop) => text_of(slop)?.parse().map_err(|_| "slop must be a number, 0 or more".to_owned())?,
        };
        match self.grammar.is_text(field)? {
            true => self.grammar.phrase(Some(field), text, slop),
            false => self.grammar.term(field, text, false),
        }
    }

    /// What matches as many of these as `minimum_should_match` demands.
    fn at_least(&self, least: &Value, parts: Vec<G::Query>) -> Result<G::Query, Fault> {
        match options::least(least, parts.len())? {
            0 => Ok(self.grammar.all()),
            1 => Ok(self.grammar.some(parts)),
            all if all == parts.len() => Ok(self.grammar.every(parts)),
            too_many if too_many > parts.len() => Ok(self.grammar.not(self.grammar.all())),
            number => self.grammar.at_least(number, parts),
        }
    }

    /// The last word is a prefix, those before it are words.
    fn bool_prefix(&self, field: &str, text: &str, options: &Map<String, Value>) -> Result<G::Query, Fault> {
        let adjacent = Adjacent::of(options.get("operator"))?;
        let Some((words, last)) = text.trim().rsplit_once(char::is_whitespace) else {
            return self.grammar.phrase_prefix(field, text.trim());
        };
        let parts = vec![self.match_words(field, words, options)?, self.grammar.phrase_prefix(field, last)?];
        Ok(match adjacent {
            Adjacent::And => self.grammar.every(parts),
            Adjacent::Or => self.grammar.some(parts),
        })
    }

    fn query_string(&self, kind: &str, body: &Value) -> Result<G::Query, Fault> {
        options::check(kind, body.as_object().ok_or_else(|| format!("[{kind}] must be an object"))?)?;
        let text = text_of(body.get("query").ok_or_else(|| format!("[{kind}] needs a query"))?)?;
        if text.trim() == "*:*" {
            return Ok(self.grammar.all());
        }
        if body.get("fields").is_some_and(|fields| !fields.is_array()) {
            return Err(format!("[{kind}] fields must be a list of names"));
        }
        let fields = self.field_names(body.get("fields"))?;
        let default = body.get("default_field").and_then(Value::as_str);
        if default.is_some() && !fields.is_empty() {
            return Err(format!("[{kind}] takes [fields] or [default_field], not both"));
        }
        let fields = fields.iter().map(String::as_str);
        let fields: Vec<&str> = default.into_iter().chain(fields).filter(|field| *field != "*").collect();
        let adjacent = Adjacent::of(body.get("default_operator"))?;
        if kind == "query_string" {
            return self.grammar.lucene(&text, &fields, adjacent);
        }
        // The simple form writes `+` for AND, `|` for OR and `-` for NOT.
        let operator = |word: &str| match word {
            "+" => "AND".to_owned(),
            "|" => "OR".to_owned(),
            word => word.to_owned(),
        };
        let text = text.replace('|', " | ").split_whitespace().map(operator).collect::<Vec<_>>().join(" ");
        self.grammar.lucene(&text, &fields, adjacent)
    }

    fn bool(&mut self, body: &Value, depth: usize) -> Result<G::Query, Fault> {
        options::check("bool", body.as_object().ok_or("[bool] must be an object")?)?;
        let mut clauses = |name: &str| -> Result<Vec<G::Query>, Fault> {
            match body.get(name) {
                None | Some(Value::Null) => Ok(Vec::new()),
                // Grafana sends an object where others send a list of one.
                Some(Value::Array(list)) => list.iter().map(|query| self.query(query, depth + 1)).collect(),
                Some(one) => Ok(vec![self.query(one, depth + 1)?]),
            }
        };
        let mut parts = clauses("must")?;
        parts.extend(clauses("filter")?);
        let must_not = clauses("must_not")?;
        let should = clauses("should")?;
        parts.extend(must_not.into_iter().map(|query| self.grammar.not(query)));
        match body.get("minimum_should_match") {
            None if !parts.is_empty() || should.is_empty() => {}
            None => parts.push(self.grammar.some(should)),
            Some(least) => match self.at_least(least, should)? {
                // Where none must match, those that do only come first.
                _ if options::least(least, usize::MAX)? == 0 => {}
                enough => parts.push(enough),
            },
        }
        Ok(if parts.is_empty() { self.grammar.all() } else { self.grammar.every(parts) })
    }

    fn terms(&self, body: &Value) -> Result<G::Query, Fault> {
        let fields = body.as_object().ok_or("terms needs a field")?;
        let (field, values) =
            fields.iter().find(|(name, _)| *name != "boost" && *name != "_name").ok_or("terms needs a field")?;
        let values = values.as_array().ok_or("terms needs a list of values")?;
        if values.len() > MAX_CLAUSES {
            return Err(format!("terms has too many values; at most {MAX_CLAUSES} are read"));
        }
        let terms = values.iter().map(|value| self.grammar.term(field, &text_of(value)?, false));
        Ok(self.grammar.some(terms.collect::<Result<_, Fault>>()?))
    }

    fn multi_match(&self, body: &Value) -> Result<G::Query, Fault> {
        let options = body.as_object().ok_or("[multi_match] must be an object")?;
        options::check("multi_match", options)?;
        let text = text_of(&body["query"])?;
        let adjacent = Adjacent::of(body.get("operator"))?;
        let fields = self.field_names(body.get("fields"))?;
        let kind = body.get("type").and_then(Value::as_str).unwrap_or("best_fields");
        let on = |field: &str| match kind {
            "best_fields" | "most_fields" | "cross_fields" => self.match_words(field, &text, options),
            "phrase" => self.match_phrase(field, &text, options),
            "phrase_prefix" => self.grammar.phrase_prefix(field, &text),
            "bool_prefix" => self.bool_prefix(field, &text, options),
            other => Err(format!("multi_match type [{other}] is not supported")),
        };
        if body.get("fields").is_none() || fields.iter().any(|field| field == "*") {
            return match kind {
                "phrase" => self.grammar.phrase(None, &text, 0),
                _ => self.grammar.words(None, &text, adjacent),
            };
        }
        Ok(self.grammar.some(fields.iter().map(|field| on(field)).collect::<Result<_, Fault>>()?))
    }

    /// Names of fields, patterns among them replaced by what they match, without the boosts behind them, as in
    /// `title^3`, that change the order of hits only.
    fn field_names(&self, list: Option<&Value>) -> Result<Vec<String>, Fault> {
        let fault = || "fields must be a list of names".to_owned();
        let list = match list {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        let mut names = Vec::with_capacity(list.len());
        for field in list {
            match field.as_str().and_then(|field| field.split('^').next()).ok_or_else(fault)? {
                pattern if pattern != "*" && pattern.contains('*') => names.extend(self.grammar.fields(pattern)),
                name => names.push(name.to_owned()),
            }
        }
        Ok(names)
    }

    fn range(&self, body: &Value) -> Result<G::Query, Fault> {
        let (field, bounds) = single(body, "range")?;
        options::check("range", bounds.as_object().ok_or("[range] needs bounds")?)?;
        let format = bounds.get("format").and_then(Value::as_str).unwrap_or("strict_date_optional_time||epoch_millis");
        let formats = date_format::formats(format).ok_or_else(|| format!("Invalid format: [{format}]"))?;
        let zone = Zone::read(bounds.get("time_zone"))?;
        let some = |name: &str| bounds.get(name).filter(|value| !value.is_null());
        // A rounded bound is the last moment of its unit where that unit belongs to what is below it.
        let text_of = |value: &Value, up: bool| match text_of(value)? {
            text if self.grammar.is_date(field) => self.time(field, &text, (&formats, &zone), up),
            text => Ok(text),
        };
        let bound = |including: &str, excluding: &str, older: &str, include: &str| -> Result<Bound<String>, Fault> {
            let inclusive = bounds.get(include).is_none_or(is_true);
            let upper = including == "lte";
            Ok(match (some(including), some(excluding), some(older)) {
                (Some(value), ..) => Bound::Included(text_of(value, upper)?),
                (None, Some(value), _) => Bound::Excluded(text_of(value, !upper)?),
                (None, None, Some(value)) if inclusive => Bound::Included(text_of(value, upper)?),
                (None, None, Some(value)) => Bound::Excluded(text_of(value, !upper)?),
                (None, None, None) => Bound::Unbounded,
            })
        };
        match (bound("gte", "gt", "from", "include_lower")?, bound("lte", "lt", "to", "include_upper")?) {
            (Bound::Unbounded, Bound::Unbounded) => self.grammar.exists(field),
            (lower, upper) => self.grammar.range(field, lower, upper),
        }
    }
}

impl<G: Grammar> Reader<'_, G> {
    /// A bound of a time, in RFC 3339.
    fn time(
        &self,
        field: &str,
        text: &str,
        (formats, zone): (&[Format<'_>], &Zone),
        up: bool,
    ) -> Result<String, Fault> {
        let time = date_math::formatted(text, formats, zone, (self.grammar.now(), up));
        time.map(|time| time.to_string()).ok_or_else(|| format!("failed to parse date field [{text}] of [{field}]"))
    }
}

fn is_true(value: &Value) -> bool {
    value == &Value::Bool(true) || value.as_str() == Some("true")
}

impl Adjacent {
    /// The meaning of words side by side by the name of an operator; Elasticsearch's default is OR.
    fn of(operator: Option<&Value>) -> Result<Self, Fault> {
        match operator.map(|operator| operator.as_str().unwrap_or_default().to_ascii_lowercase()) {
            None => Ok(Self::Or),
            Some(operator) if operator == "or" => Ok(Self::Or),
            Some(operator) if operator == "and" => Ok(Self::And),
            Some(operator) => Err(format!("operator {operator:?} is not known; write and or or")),
        }
    }
}

/// `{"field": "value"}` or `{"field": {"value": "value", …}}`.
struct Named<'a> {
    field: &'a str,
    value: String,
    options: &'a Map<String, Value>,
}

impl<'a> Named<'a> {
    fn of(body: &'a Value, names: &[&str]) -> Result<Self, Fault> {
        static NO_OPTIONS: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        let (field, value) = single(body, "a query on a field")?;
        let (value, options) = match value {
            Value::Object(options) => {
                let value = names.iter().find_map(|name| options.get(*name));
                (value.ok_or_else(|| format!("[{field}] needs a value"))?, options)
            }
            value => (value, &*NO_OPTIONS),
        };
        Ok(Self { field, value: text_of(value)?, options })
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

    use super::super::events::Events;
    use super::*;
    use crate::query::{Query, parse_query};

    fn read(query: Option<&Value>, now: Timestamp) -> Result<Query, Fault> {
        super::read(query, &Events::new(now))
    }

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
        check(json!({"query_string": {"query": "a b -c"}}), "(a OR b) AND NOT c");
        check(json!({"query_string": {"query": "a b", "default_operator": "AND"}}), "a AND b");
        check(json!({"query_string": {"query": "a b", "fields": ["content.prompt"]}}), "prompt:a OR prompt:b");
        check(json!({"simple_query_string": {"query": "a + b | -c"}}), "a AND b OR NOT c");
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
        check(json!({"match_bool_prefix": {"content.prompt": "red bl"}}), "prompt:red OR prompt:bl*");
        check(json!({"range": {"latency_ms": {"from": 5, "to": 10, "include_lower": false}}}), "latency_ms:{5 TO 10]");
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
        check(json!({"bool": {"should": [], "minimum_should_match": "few"}}), "must be a number");
        check(json!({"bool": {"shuld": []}}), "does not support [shuld]");
        check(json!({"regexp": {"kind": "("}}), "no regular expression");
        let deep = (0..40).fold(json!({"match_all": {}}), |inner, _| json!({"bool": {"must": inner}}));
        check(deep, "too many clauses");
    }
}
