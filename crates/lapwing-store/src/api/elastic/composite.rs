//! `composite`: every combination of values, page by page. The engine goes on behind a key that says the type of
//! each value, which Elasticsearch's does not.

use lapwing_event::Timestamp;
use serde_json::{Map, Value, json};

use super::aggs::{Columns, instant, keep};
use super::date_format;
use super::date_math::formatted;
use super::dsl::Fault;
use super::zone::Zone;

const DEFAULT_SIZE: u64 = 10;
/// What every kind of source may say.
const COMMON: &[&str] = &["field", "order", "missing_bucket", "missing_order"];

/// Reads a composite aggregation.
pub(super) fn read(name: &str, body: &Value, columns: &Columns<'_>) -> Result<Value, Fault> {
    let options = body.as_object().ok_or_else(|| format!("[{name}] must be an object"))?;
    if let Some(unknown) = options.keys().find(|option| !["sources", "size", "after"].contains(&option.as_str())) {
        return Err(format!("option [{unknown}] of composite is not supported"));
    }
    let (mut sources, mut after) = (Vec::new(), Map::new());
    for source in body["sources"].as_array().ok_or_else(|| format!("[{name}] needs a list of sources"))? {
        let (key, kind, source) =
            parts_of(source).ok_or_else(|| format!("a source of [{name}] has one name and type"))?;
        let read = match kind {
            "terms" => keep(source, COMMON, columns)?,
            "histogram" => keep(source, &[COMMON, &["interval"]].concat(), columns)?,
            "date_histogram" => date_histogram(name, source, columns)?,
            other => return Err(format!("a source of [{name}] has the type [{other}], which is not supported")),
        };
        if let Some(value) = body["after"].get(key) {
            after.insert(key.clone(), json!(typed(value, source, columns)?));
        }
        sources.push(json!({key: {kind: read}}));
    }
    if body["after"].as_object().is_some_and(|given| given.len() != sources.len() || after.len() != sources.len()) {
        return Err(format!("after of [{name}] needs a value for each source, {} in all", sources.len()));
    }
    let size = body.get("size").map_or(Some(DEFAULT_SIZE), Value::as_u64);
    let size = size.filter(|size| *size > 0).ok_or_else(|| format!("[{name}] size must be a number, 1 or more"))?;
    Ok(json!({"sources": sources, "size": size, "after": after}))
}

fn parts_of(source: &Value) -> Option<(&String, &str, &Value)> {
    let (name, source) = source.as_object().filter(|map| map.len() == 1)?.iter().next()?;
    let (kind, source) = source.as_object().filter(|map| map.len() == 1)?.iter().next()?;
    Some((name, kind, source))
}

fn date_histogram(name: &str, source: &Value, columns: &Columns<'_>) -> Result<Value, Fault> {
    if Zone::read(source.get("time_zone"))? != Zone::UTC {
        return Err(format!("[{name}] counts in UTC only; leave out time_zone"));
    }
    let mut source = source.as_object().cloned().unwrap_or_default();
    source.remove("time_zone");
    if let Some(interval) = source.remove("calendar_interval") {
        let (option, interval) = match interval.as_str().unwrap_or_default() {
            "minute" | "1m" => ("fixed_interval", "1m"),
            "hour" | "1h" => ("fixed_interval", "1h"),
            "day" | "1d" => ("fixed_interval", "1d"),
            "week" | "1w" => ("calendar_interval", "week"),
            "month" | "1M" => ("calendar_interval", "month"),
            "year" | "1y" => ("calendar_interval", "year"),
            other => return Err(format!("[{name}] has the calendar_interval {other:?}, which is not supported")),
        };
        source.insert(option.to_owned(), json!(interval));
    }
    keep(&Value::Object(source), &[COMMON, &["fixed_interval", "calendar_interval"]].concat(), columns)
}

/// A value of a key with its type.
fn typed(value: &Value, source: &Value, columns: &Columns<'_>) -> Result<String, Fault> {
    let is_date = source["field"].as_str().is_some_and(columns.is_date);
    Ok(match value {
        Value::Null => "null:".to_owned(),
        value if is_date => format!("dt:{}", time(value, source["format"].as_str(), columns)?.nanos()),
        Value::Bool(value) => format!("bool:{value}"),
        Value::Number(number) => format!("f64:{number}"),
        Value::String(text) => format!("str:{text}"),
        Value::Array(_) | Value::Object(_) => return Err("a value of after must be text, a number or null".to_owned()),
    })
}

/// A time as the key before it was written.
fn time(value: &Value, format: Option<&str>, columns: &Columns<'_>) -> Result<Timestamp, Fault> {
    let formats = format.and_then(date_format::formats).unwrap_or_default();
    let formatted = value.as_str().and_then(|text| formatted(text, &formats, &Zone::UTC, (columns.now, false)));
    formatted.map_or_else(|| instant(value, columns), Ok)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_says_the_types_of_its_values() {
        let name = |field: &str| format!("k.{field}");
        let is_date = |field: &str| field == "t";
        let columns = Columns { name: &name, is_date: &is_date, now: Timestamp::default(), number: "n", span: None };
        let body = json!({
            "sources": [
                {"who": {"terms": {"field": "a", "order": "desc"}}},
                {"day": {"date_histogram": {"field": "t", "calendar_interval": "1d", "format": "dd.MM.yyyy"}}},
                {"size": {"histogram": {"field": "n", "interval": 5}}}
            ],
            "size": 3,
            "after": {"who": "x:y", "day": "02.01.1970", "size": 5.0}
        });
        let expect = json!({
            "sources": [
                {"who": {"terms": {"field": "k.a", "order": "desc"}}},
                {"day": {"date_histogram": {"field": "k.t", "fixed_interval": "1d"}}},
                {"size": {"histogram": {"field": "k.n", "interval": 5}}}
            ],
            "size": 3,
            "after": {"who": "str:x:y", "day": "dt:86400000000000", "size": "f64:5.0"}
        });
        assert_eq!(read("c", &body, &columns).unwrap(), expect);
        let fails = |body: Value, part: &str| assert!(read("c", &body, &columns).unwrap_err().contains(part), "{body}");
        fails(json!({}), "list of sources");
        fails(json!({"sources": [{"a": {"geotile_grid": {"field": "a"}}}]}), "not supported");
        fails(json!({"sources": [{"a": {"terms": {"field": "a"}}}], "after": {"b": 1}}), "a value for each");
        fails(json!({"sources": [{"a": {"terms": {"field": "a"}}}], "size": 0}), "1 or more");
    }
}
