//! A search as a client asks for it: its body and the options of its address, read once for every kind of index.

use serde::Deserialize;
use serde_json::{Value, json};

use super::dsl::Fault;
use super::error::ElasticError;
use super::marks;
use super::source::{Shown, SourceFilter, list};
use crate::search::{Direction, Highlight, SortValue};

/// `from` and `size` together reach at most this far.
const MAX_WINDOW: usize = 10_000;
const DEFAULT_SIZE: usize = 10;

/// Parts of a body that are read.
const KNOWN: &[&str] = &[
    "query",
    "post_filter",
    "from",
    "size",
    "sort",
    "search_after",
    "pit",
    "_source",
    "fields",
    "docvalue_fields",
    "track_total_hits",
    "aggs",
    "aggregations",
    "highlight",
];
/// Parts of a body that change nothing that we give.
const IGNORED: &[&str] = &[
    "timeout",
    "terminate_after",
    "version",
    "seq_no_primary_term",
    "explain",
    "profile",
    "stats",
    "ext",
    "track_scores",
    "stored_fields",
    "preference",
];
/// Parts of a body that change nothing while they are empty, and that clients send so.
const EMPTY: &[&str] = &["script_fields", "runtime_mappings", "rescore", "indices_boost", "suggest"];

/// What may stand in the address instead of the body; other options change nothing that we give.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Options {
    pub q: Option<String>,
    default_operator: Option<String>,
    df: Option<String>,
    from: Option<usize>,
    size: Option<usize>,
    sort: Option<String>,
    track_total_hits: Option<String>,
    _source: Option<String>,
    _source_includes: Option<String>,
    _source_excludes: Option<String>,
    pub scroll: Option<String>,
    pub ignore_unavailable: Option<String>,
    pub allow_no_indices: Option<String>,
}

/// One key of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SortKey {
    pub field: String,
    pub direction: Direction,
    pub format: Option<String>,
    /// Whether it does not matter that there is no such field.
    pub unmapped: bool,
}

/// A search.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub query: Option<Value>,
    pub post_filter: Option<Value>,
    pub from: usize,
    pub size: usize,
    pub sort: Vec<SortKey>,
    pub search_after: Option<Vec<Value>>,
    /// The state of the index that a point in time or a scroll holds on to.
    pub as_of: Option<u64>,
    pub source: SourceFilter,
    pub fields: Vec<Shown>,
    pub docvalue_fields: Vec<Shown>,
    /// Hits are counted exactly up to here.
    pub count_up_to: Option<u64>,
    pub aggs: Option<Value>,
    /// The point in time that the search names.
    pub pit: Option<String>,
    pub highlight: Option<Highlight>,
}

impl Ask {
    /// Reads a body, which may be empty, and the options beside it.
    pub fn read(body: &Value, options: &Options) -> Result<Self, ElasticError> {
        check_keys(body)?;
        let ask = Self::of(body, options).map_err(ElasticError::bad)?;
        let window = ask.from.saturating_add(ask.size);
        match window > MAX_WINDOW {
            true => Err(ElasticError::illegal(format!(
                "Result window is too large, from + size must be less than or equal to: [{MAX_WINDOW}] but was \
                 [{window}]; page with search_after or scroll"
            ))),
            false => Ok(ask),
        }
    }

    fn of(body: &Value, options: &Options) -> Result<Self, Fault> {
        let size_of = |name: &str| match body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => number(value).map(Some).ok_or_else(|| format!("[{name}] must be a number, 0 or more")),
        };
        let from = options.from.or(size_of("from")?).unwrap_or(0);
        let size = options.size.or(size_of("size")?).unwrap_or(DEFAULT_SIZE);
        let search_after = match body.get("search_after") {
            None | Some(Value::Null) => None,
            Some(values) => Some(values.as_array().ok_or("search_after must be a list of values")?.clone()),
        };
        if search_after.is_some() && from > 0 {
            return Err("[from] parameter must be set to 0 when [search_after] is used".to_owned());
        }
        let mut sort = match &options.sort {
            Some(sort) => sort.split(',').map(|key| sort_key(&json!(key))).collect::<Result<Vec<_>, _>>()?.concat(),
            None => body.get("sort").map_or(Ok(Vec::new()), sort_keys)?,
        };
        let pit = match body.get("pit") {
            None => None,
            Some(pit) => Some(pit["id"].as_str().ok_or("[pit] needs an id")?.to_owned()),
        };
        if pit.is_some() && !sort.is_empty() {
            sort.push(SortKey::tie_break());
        }
        if search_after.as_ref().is_some_and(|values| values.len() != sort.len()) {
            return Err(format!("search_after must have as many values as the sort has keys, {}", sort.len()));
        }
        Ok(Self {
            query: match &options.q {
                Some(text) => Some(json!({"query_string": text_query(text, options)})),
                None => body.get("query").cloned(),
            },
            post_filter: body.get("post_filter").cloned(),
            from,
            size,
            sort,
            search_after,
            as_of: None,
            source: source(body, options)?,
            fields: Shown::read_list(body.get("fields"))?,
            docvalue_fields: Shown::read_list(body.get("docvalue_fields"))?,
            count_up_to: track(body, options)?,
            aggs: body.get("aggs").or_else(|| body.get("aggregations")).cloned(),
            pit,
            highlight: marks::read(body.get("highlight"))?,
        })
    }

    /// What was asked, in the form in which it is put on record.
    pub fn text(&self) -> String {
        self.query.as_ref().map_or_else(|| "*".to_owned(), Value::to_string)
    }
}

impl SortKey {
    /// Relevance, the best first.
    pub fn score() -> Self {
        let direction = Direction { descending: true, missing_first: false };
        Self { field: "_score".to_owned(), direction, ..Self::tie_break() }
    }

    /// The place of a document in its index, which tells documents apart that are equal otherwise.
    pub fn tie_break() -> Self {
        Self { field: "_shard_doc".to_owned(), direction: Direction::default(), format: None, unmapped: false }
    }

    pub fn is_tie_break(&self) -> bool {
        matches!(self.field.as_str(), "_doc" | "_shard_doc" | "_seq_no")
    }
}

/// A hit's value of a sort, as it is shown.
pub(super) fn shown(value: &SortValue) -> Value {
    match value {
        SortValue::Missing => Value::Null,
        SortValue::Whole(number) => json!(number),
        SortValue::Number(number) => json!(number),
        SortValue::Text(text) => json!(text),
        SortValue::Boolean(value) => json!(value),
    }
}

fn check_keys(body: &Value) -> Result<(), ElasticError> {
    let Some(parts) = body.as_object() else { return Err(ElasticError::bad("a search must be an object")) };
    for (name, value) in parts {
        let empty = value.as_object().is_none_or(|map| map.is_empty()) && value.as_array().is_none_or(Vec::is_empty);
        match name.as_str() {
            name if KNOWN.contains(&name) || IGNORED.contains(&name) => {}
            name if EMPTY.contains(&name) && empty => {}
            name => return Err(ElasticError::bad(format!("[{name}] is not supported in a search"))),
        }
    }
    Ok(())
}

fn number(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64().and_then(|number| usize::try_from(number).ok()),
    }
}

fn text_query(text: &str, options: &Options) -> Value {
    let mut query = json!({"query": text});
    if let Some(operator) = &options.default_operator {
        query["default_operator"] = json!(operator);
    }
    if let Some(field) = &options.df {
        query["default_field"] = json!(field);
    }
    query
}

fn sort_keys(sort: &Value) -> Result<Vec<SortKey>, Fault> {
    match sort {
        Value::Array(keys) => Ok(keys.iter().map(sort_key).collect::<Result<Vec<_>, _>>()?.concat()),
        one => sort_key(one),
    }
}

/// `"field"`, `"field:desc"`, `{"field": "desc"}`, `{"field": {"order": "desc", …}, …}`.
fn sort_key(key: &Value) -> Result<Vec<SortKey>, Fault> {
    let read = |field: &str, order: Option<&str>, options: &Value| {
        let descending = match order {
            None => field == "_score",
            Some("asc") => false,
            Some("desc") => true,
            Some(other) => return Err(format!("sort order [{other}] is not known; write asc or desc")),
        };
        let format = options["format"].as_str().map(str::to_owned);
        let missing_first = match &options["missing"] {
            Value::Null => false,
            Value::String(place) if place == "_last" => false,
            Value::String(place) if place == "_first" => true,
            value => return Err(format!("sort takes [missing] as _first or _last, not {value}")),
        };
        let unmapped = options.get("unmapped_type").is_some();
        Ok(SortKey { field: field.to_owned(), direction: Direction { descending, missing_first }, format, unmapped })
    };
    match key {
        Value::String(text) => match text.split_once(':') {
            Some((field, order)) => Ok(vec![read(field, Some(order), &Value::Null)?]),
            None => Ok(vec![read(text, None, &Value::Null)?]),
        },
        Value::Object(fields) => fields
            .iter()
            .map(|(field, options)| read(field, options.as_str().or_else(|| options["order"].as_str()), options))
            .collect(),
        _ => Err("sort must be text, an object or a list".to_owned()),
    }
}

fn source(body: &Value, options: &Options) -> Result<SourceFilter, Fault> {
    let mut filter = match options._source.as_deref() {
        None => SourceFilter::read(body.get("_source"))?,
        Some("true" | "") => SourceFilter::default(),
        Some("false") => SourceFilter { shown: false, ..SourceFilter::default() },
        Some(names) => SourceFilter { includes: list(&json!(names))?, ..SourceFilter::default() },
    };
    if let Some(names) = &options._source_includes {
        filter.includes = list(&json!(names))?;
    }
    if let Some(names) = &options._source_excludes {
        filter.excludes = list(&json!(names))?;
    }
    Ok(filter)
}

fn track(body: &Value, options: &Options) -> Result<Option<u64>, Fault> {
    let text = match (&options.track_total_hits, body.get("track_total_hits")) {
        (Some(text), _) => text.clone(),
        (None, None | Some(Value::Null)) => return Ok(None),
        (None, Some(value)) => value.to_string(),
    };
    match text.as_str() {
        "true" => Ok(Some(u64::MAX)),
        "false" => Ok(Some(0)),
        limit => limit.parse().map(Some).map_err(|_| "track_total_hits must be true, false or a number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sorts_are_read_in_every_form() {
        let check = |sort: Value, expect: &[(&str, bool)]| {
            let keys = sort_keys(&sort).unwrap();
            let keys: Vec<_> = keys.iter().map(|key| (key.field.as_str(), key.direction.descending)).collect();
            assert_eq!(keys, expect, "{sort}");
        };
        check(json!("a"), &[("a", false)]);
        check(json!("_score"), &[("_score", true)]);
        check(json!("a:desc"), &[("a", true)]);
        check(json!({"a": "desc"}), &[("a", true)]);
        check(json!({"a": {"order": "desc", "unmapped_type": "boolean"}}), &[("a", true)]);
        check(json!([{"a": {}}, "b:asc", {"_doc": {"order": "desc"}}]), &[("a", false), ("b", false), ("_doc", true)]);
        assert!(sort_keys(&json!({"a": "up"})).is_err());
        assert!(sort_keys(&json!(1)).is_err());
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        let check = |body: Value, part: &str| {
            let error = Ask::read(&body, &Options::default()).unwrap_err();
            assert!(error.body()["error"]["reason"].as_str().unwrap().contains(part), "{body} {error:?}");
        };
        check(json!({"collapse": {"field": "a"}}), "[collapse]");
        check(json!({"script_fields": {"a": {}}}), "[script_fields]");
        check(json!({"size": 10_001}), "Result window");
        check(json!({"size": -1}), "[size]");
        check(json!({"search_after": [1]}), "as many values");
        check(json!({"sort": "a", "search_after": [1], "from": 1}), "must be set to 0");
        check(json!([]), "must be an object");
        assert!(Ask::read(&json!({"script_fields": {}, "highlight": {"fields": {}}}), &Options::default()).is_ok());
    }
}
