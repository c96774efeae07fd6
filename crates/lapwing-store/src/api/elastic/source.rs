//! What is shown of a document: `_source`, `fields` and `docvalue_fields`.

use lapwing_event::Timestamp;
use serde_json::{Map, Value, json};

use super::date_format;
use super::dsl::Fault;
use super::glob::matches;

/// What is shown under `_source`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceFilter {
    /// Whether there is a `_source` at all.
    pub shown: bool,
    /// Names and patterns; none means all.
    pub includes: Vec<String>,
    pub excludes: Vec<String>,
}

impl Default for SourceFilter {
    fn default() -> Self {
        Self { shown: true, includes: Vec::new(), excludes: Vec::new() }
    }
}

impl SourceFilter {
    /// Reads `_source`: true, false, a name, a list, or `{"includes": …, "excludes": …}`.
    pub fn read(value: Option<&Value>) -> Result<Self, Fault> {
        match value {
            None | Some(Value::Null | Value::Bool(true)) => Ok(Self::default()),
            Some(Value::Bool(false)) => Ok(Self { shown: false, ..Self::default() }),
            Some(Value::Object(options)) => {
                let side = |names: [&str; 2]| names.iter().find_map(|name| options.get(*name)).map_or(Ok(vec![]), list);
                Ok(Self {
                    includes: side(["includes", "include"])?,
                    excludes: side(["excludes", "exclude"])?,
                    ..Self::default()
                })
            }
            Some(names) => Ok(Self { includes: list(names)?, ..Self::default() }),
        }
    }

    /// The document as it is shown.
    pub fn apply(&self, document: Value) -> Option<Value> {
        if !self.shown {
            return None;
        }
        if self.includes.is_empty() && self.excludes.is_empty() {
            return Some(document);
        }
        Some(self.part(document, "", self.includes.is_empty()).unwrap_or_else(|| json!({})))
    }

    /// What is left of a value at `path`; `included` says that something around it is included.
    fn part(&self, value: Value, path: &str, included: bool) -> Option<Value> {
        let included = included || self.includes.iter().any(|pattern| matches(pattern, path));
        if !path.is_empty() && self.excludes.iter().any(|pattern| matches(pattern, path)) {
            return None;
        }
        match value {
            Value::Object(map) => {
                let kept: Map<String, Value> = map
                    .into_iter()
                    .filter_map(|(name, value)| {
                        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                        Some((name, self.part(value, &path, included)?))
                    })
                    .collect();
                (included || !kept.is_empty()).then_some(Value::Object(kept))
            }
            Value::Array(values) if values.iter().any(Value::is_object) => {
                let kept: Vec<Value> =
                    values.into_iter().filter_map(|value| self.part(value, path, included)).collect();
                (included || !kept.is_empty()).then_some(Value::Array(kept))
            }
            scalar => included.then_some(scalar),
        }
    }
}

/// A name, or a list of names.
pub(super) fn list(value: &Value) -> Result<Vec<String>, Fault> {
    let fault = || "names of fields must be text or a list of texts".to_owned();
    match value {
        Value::String(names) => Ok(names.split(',').map(|name| name.trim().to_owned()).collect()),
        Value::Array(names) => names.iter().map(|name| name.as_str().map(str::to_owned).ok_or_else(fault)).collect(),
        _ => Err(fault()),
    }
}

/// One of `fields` or `docvalue_fields`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pattern: String,
    format: Option<String>,
}

impl Shown {
    /// Reads a list of names, patterns, and `{"field": …, "format": …}`.
    pub fn read_list(value: Option<&Value>) -> Result<Vec<Self>, Fault> {
        let Some(value) = value else { return Ok(Vec::new()) };
        let read = |one: &Value| {
            let (name, format) = match one {
                Value::Object(options) => (options.get("field"), options.get("format").and_then(Value::as_str)),
                name => (Some(name), None),
            };
            let pattern = name.and_then(Value::as_str).ok_or("fields must be names or objects with a [field]")?;
            Ok(Self { pattern: pattern.to_owned(), format: format.map(str::to_owned) })
        };
        value.as_array().ok_or("fields must be a list")?.iter().map(read).collect()
    }
}

/// The values of these fields, each as a list; `is_date` tells which of them are times.
pub(super) fn values(document: &Value, shown: &[Shown], is_date: impl Fn(&str) -> bool) -> Map<String, Value> {
    let mut flat = Map::new();
    flatten(document, "", &mut flat);
    let mut found = Map::new();
    for (path, values) in flat {
        let Some(Shown { format, .. }) = shown.iter().find(|shown| matches(&shown.pattern, &path)) else { continue };
        let values = match (is_date(&path), values) {
            (true, Value::Array(times)) => times.iter().map(|time| date(time, format.as_deref())).collect(),
            (_, values) => values,
        };
        found.insert(path, values);
    }
    found
}

/// Every scalar by its path, in lists.
fn flatten(value: &Value, path: &str, into: &mut Map<String, Value>) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (name, value) in map {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(value, &path, into);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| flatten(value, path, into)),
        scalar => {
            let list = into.entry(path).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(scalar.clone());
            }
        }
    }
}

/// A time in the format that was asked for; without one, RFC 3339 in milliseconds.
pub(super) fn date(time: &Value, format: Option<&str>) -> Value {
    let read = match time {
        Value::String(text) => Timestamp::parse(text).ok(),
        Value::Number(number) => number.as_i64().map(Timestamp::from_millis),
        _ => None,
    };
    match (read, format) {
        (None, _) => time.clone(),
        (Some(time), Some(format)) => json!(date_format::write(time, format)),
        (Some(time), None) => json!(rfc3339_millis(time)),
    }
}

/// `2026-11-24T06:30:00.000Z`, as Elasticsearch writes it.
pub(super) fn rfc3339_millis(time: Timestamp) -> String {
    let whole = Timestamp::from_millis(time.millis().div_euclid(1_000) * 1_000).to_string();
    format!("{}.{:03}Z", whole.trim_end_matches('Z'), time.millis().rem_euclid(1_000))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn source_is_filtered_by_names_and_patterns() {
        let document = json!({"a": {"b": 1, "c": 2}, "list": [{"x": 1, "y": 2}, {"y": 3}], "d": [1, 2]});
        let check = |filter: Value, expect: Value| {
            let shown = SourceFilter::read(Some(&filter)).unwrap().apply(document.clone());
            assert_eq!(shown.unwrap_or(Value::Null), expect, "{filter}");
        };
        check(json!(true), document.clone());
        check(json!(false), Value::Null);
        check(json!("a"), json!({"a": {"b": 1, "c": 2}}));
        check(json!(["a.b", "d"]), json!({"a": {"b": 1}, "d": [1, 2]}));
        check(json!("a.*"), json!({"a": {"b": 1, "c": 2}}));
        check(json!("*.y"), json!({"list": [{"y": 2}, {"y": 3}]}));
        check(json!({"excludes": ["a", "list"]}), json!({"d": [1, 2]}));
        check(json!({"includes": ["a"], "excludes": "a.c"}), json!({"a": {"b": 1}}));
        check(json!("nothing"), json!({}));
    }

    #[test]
    fn fields_are_lists_and_times_have_formats() {
        let document = json!({"@timestamp": "2026-11-24T06:30:00.5Z", "a": {"b": ["x", "y"]}});
        let shown = Shown::read_list(Some(&json!(["a.*", {"field": "@timestamp", "format": "epoch_millis"}]))).unwrap();
        let expect = json!({"@timestamp": ["1795501800500"], "a.b": ["x", "y"]});
        assert_eq!(Value::Object(values(&document, &shown, |path| path == "@timestamp")), expect);
        assert_eq!(date(&json!("2026-11-24T06:30:00.5Z"), None), json!("2026-11-24T06:30:00.500Z"));
    }
}
