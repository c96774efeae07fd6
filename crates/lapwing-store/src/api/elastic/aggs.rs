//! Aggregations: from what Elasticsearch's clients write to what the engine reads.
//!
//! `filter`, `filters` and `missing` become filters of the engine, which name their queries by their places in a list.
//! Histograms of times are read by [`super::date_histogram`]; what is computed from other results is left to
//! [`super::pipeline`].

use std::collections::{BTreeMap, HashMap};

use lapwing_event::Timestamp;
use serde_json::{Map, Value, json};

use super::agg_results::Shaper;
use super::dsl::Fault;
use super::source::SourceFilter;
use super::{composite, date_histogram, date_math, pipeline};
use crate::search::bounds;

/// What is known of an index.
pub(super) struct Columns<'a> {
    /// The engine's name of a field.
    pub name: &'a (dyn Fn(&str) -> String + Sync),
    /// Whether the field is a time.
    pub is_date: &'a (dyn Fn(&str) -> bool + Sync),
    pub now: Timestamp,
    /// The engine's name of the number that tells documents apart.
    pub number: &'a str,
    /// The first and last time in the data, where [`date_histogram::spanning_field`] asked for it.
    pub span: Option<(Timestamp, Timestamp)>,
}

/// A document that an aggregation shows.
pub(super) struct Document {
    pub index: String,
    pub id: Value,
    pub source: Value,
}

/// Documents by their numbers.
pub(super) type Documents = HashMap<u64, Document>;

/// Aggregations as the engine reads them.
pub(super) struct Reading {
    pub aggs: Value,
    /// The queries of filters, in the DSL.
    pub filters: Vec<Value>,
}

/// Reads aggregations.
pub(super) fn read(aggs: &Value, columns: &Columns<'_>) -> Result<Reading, Fault> {
    let mut reader = Reader { columns, filters: Vec::new(), level: 0, count: 0 };
    let aggs = reader.all(aggs.as_object().ok_or("aggregations must be an object")?)?;
    Ok(Reading { aggs, filters: reader.filters })
}

/// The numbers of the documents that results show, and how often.
pub(super) fn numbers_in(results: &Value, columns: &Columns<'_>) -> BTreeMap<u64, usize> {
    let mut numbers = BTreeMap::new();
    count_numbers(results, columns.number, &mut numbers);
    numbers
}

fn count_numbers(results: &Value, column: &str, numbers: &mut BTreeMap<u64, usize>) {
    match results {
        Value::Object(map) => match map.get("docvalue_fields") {
            Some(values) => {
                values[column][0].as_u64().into_iter().for_each(|number| *numbers.entry(number).or_default() += 1)
            }
            None => map.values().for_each(|value| count_numbers(value, column, numbers)),
        },
        Value::Array(values) => values.iter().for_each(|value| count_numbers(value, column, numbers)),
        _ => {}
    }
}

/// The results in Elasticsearch's form.
pub(super) fn answer(mut results: Value, asked: &Value, columns: &Columns<'_>, documents: &Documents) -> Value {
    if let Some(asked) = asked.as_object() {
        Shaper { columns, documents }.all(&mut results, asked);
    }
    results
}

/// The name of one of several filters' results among those of other aggregations.
pub(super) fn between(name: &str, key: &str) -> String {
    format!("{name}\u{1f}{key}")
}

pub(super) fn inner(agg: &Value) -> Option<&Value> {
    agg.get("aggs").or_else(|| agg.get("aggregations"))
}

struct Reader<'a> {
    columns: &'a Columns<'a>,
    filters: Vec<Value>,
    /// How deep the reader is.
    level: usize,
    /// The aggregations read.
    count: usize,
}

impl Reader<'_> {
    fn all(&mut self, aggs: &Map<String, Value>) -> Result<Value, Fault> {
        let mut read = Map::new();
        self.level += 1;
        for (name, agg) in aggs {
            let (kind, body) = kind_of(name, agg)?;
            if pipeline::check(name, kind, body)? {
                continue;
            }
            self.count += 1;
            bounds::depth(self.level)?;
            bounds::aggregations(self.count)?;
            match kind {
                "filters" => {
                    for (key, filter) in named_filters(name, body)? {
                        read.insert(between(name, &key), self.filter(filter, agg)?);
                    }
                }
                "filter" => drop(read.insert(name.clone(), self.filter(body.clone(), agg)?)),
                "missing" => {
                    let field = body["field"].as_str().ok_or("missing needs a field")?;
                    let absent = json!({"bool": {"must_not": {"exists": {"field": field}}}});
                    read.insert(name.clone(), self.filter(absent, agg)?);
                }
                _ => {
                    let (kind, body) = engines(name, (kind, body), self.columns)?;
                    let below = self.below(agg)?;
                    read.insert(name.clone(), json!({kind: body, "aggs": below}));
                }
            }
        }
        self.level -= 1;
        Ok(Value::Object(read))
    }

    fn filter(&mut self, query: Value, agg: &Value) -> Result<Value, Fault> {
        self.filters.push(query);
        bounds::filters(self.filters.len())?;
        let place = (self.filters.len() - 1).to_string();
        let below = self.below(agg)?;
        Ok(json!({"filter": place, "aggs": below}))
    }

    fn below(&mut self, agg: &Value) -> Result<Value, Fault> {
        inner(agg).and_then(Value::as_object).map_or_else(|| Ok(json!({})), |below| self.all(below))
    }
}

/// What an aggregation is, and its options.
fn kind_of<'a>(name: &str, agg: &'a Value) -> Result<(&'a str, &'a Value), Fault> {
    let parts = agg.as_object().ok_or_else(|| format!("aggregation [{name}] must be an object"))?;
    let mut kinds = parts.iter().filter(|(key, _)| !["aggs", "aggregations", "meta"].contains(&key.as_str()));
    match (kinds.next(), kinds.next()) {
        (Some((kind, body)), None) => Ok((kind, body)),
        _ => Err(format!("aggregation [{name}] must have one type")),
    }
}

/// Several filters by name, or by their places; what none of them matches, if that is asked for.
fn named_filters(name: &str, body: &Value) -> Result<Vec<(String, Value)>, Fault> {
    let mut filters: Vec<(String, Value)> = match &body["filters"] {
        Value::Object(named) => named.iter().map(|(key, filter)| (key.clone(), filter.clone())).collect(),
        Value::Array(list) => {
            list.iter().enumerate().map(|(place, filter)| (place.to_string(), filter.clone())).collect()
        }
        _ => return Err(format!("[{name}] needs filters")),
    };
    if has_others(body) {
        let all: Vec<&Value> = filters.iter().map(|(_, filter)| filter).collect();
        let others = json!({"bool": {"must_not": all}});
        filters.push((others_key(body).to_owned(), others));
    }
    Ok(filters)
}

/// Whether what none of the filters matches is asked for.
pub(super) fn has_others(filters: &Value) -> bool {
    filters["other_bucket"] == true || filters["other_bucket_key"].is_string()
}

/// What that is called.
pub(super) fn others_key(filters: &Value) -> &str {
    filters["other_bucket_key"].as_str().unwrap_or("_other_")
}

/// An aggregation that the engine has, in its form.
fn engines<'a>(name: &str, (kind, body): (&'a str, &Value), columns: &Columns<'_>) -> Result<(&'a str, Value), Fault> {
    Ok(match kind {
        "date_histogram" => date_histogram::read(name, body, columns)?,
        "date_range" => ("range", date_range(name, body, columns)?),
        "terms" => ("terms", terms(body, columns)?),
        "multi_terms" => ("multi_terms", multi_terms(name, body, columns)?),
        "composite" => ("composite", composite::read(name, body, columns)?),
        "top_hits" => ("top_hits", top_hits(body, columns)?),
        "histogram" => ("histogram", keep(body, HISTOGRAM, columns)?),
        "range" => ("range", keep(body, &["field", "ranges", "keyed"], columns)?),
        "percentiles" => ("percentiles", percentiles(body, columns)?),
        kind => match METRICS.iter().find(|known| **known == kind) {
            Some(kind) => (*kind, keep(body, &["field", "missing", "sigma"], columns)?),
            None => return Err(format!("aggregation type [{kind}] is not supported")),
        },
    })
}

const METRICS: &[&str] = &["avg", "min", "max", "sum", "value_count", "stats", "extended_stats", "cardinality"];
const HISTOGRAM: &[&str] = &["field", "interval", "offset", "min_doc_count", "hard_bounds", "extended_bounds", "keyed"];
/// Options of Elasticsearch's that change how it works and not what it answers.
const IGNORED: &[&str] = &["precision_threshold", "hdr", "tdigest", "execution_hint", "collect_mode", "format"];

/// These options of a body, its field under the engine's name; any other is refused.
pub(super) fn keep(body: &Value, known: &[&str], columns: &Columns<'_>) -> Result<Value, Fault> {
    let body = body.as_object().ok_or("an aggregation must be an object")?;
    let mut kept = Map::new();
    for (name, value) in body.iter().filter(|(_, value)| !value.is_null()) {
        match name.as_str() {
            "field" => drop(kept.insert(name.clone(), json!((columns.name)(field_of(body)?)))),
            name if known.contains(&name) => drop(kept.insert(name.to_owned(), value.clone())),
            name if IGNORED.contains(&name) => {}
            name => return Err(format!("option [{name}] of an aggregation is not supported")),
        }
    }
    match kept.contains_key("field") {
        true => Ok(Value::Object(kept)),
        false => Err("an aggregation needs a field".to_owned()),
    }
}

fn field_of(body: &Map<String, Value>) -> Result<&str, Fault> {
    body.get("field").and_then(Value::as_str).ok_or_else(|| "an aggregation needs a field".to_owned())
}

fn terms(body: &Value, columns: &Columns<'_>) -> Result<Value, Fault> {
    let known = ["size", "shard_size", "segment_size", "split_size", "show_term_doc_count_error", "min_doc_count"];
    let mut terms = keep(body, &[&known[..], &["order", "missing", "include", "exclude"]].concat(), columns)?;
    // A list of orders: the first decides.
    if let Some(first) = terms["order"].as_array().and_then(|orders| orders.first()).cloned() {
        terms["order"] = first;
    }
    if let Some(order) = terms.get("order").and_then(Value::as_object) {
        let name = |name: &String| if name == "_term" { "_key".to_owned() } else { name.clone() };
        terms["order"] = order.iter().map(|(key, direction)| (name(key), direction.clone())).collect();
    }
    Ok(terms)
}

fn multi_terms(name: &str, body: &Value, columns: &Columns<'_>) -> Result<Value, Fault> {
    let options = body.as_object().ok_or_else(|| format!("[{name}] must be an object"))?;
    let mut read = Map::new();
    for (option, value) in options {
        let value = match option.as_str() {
            "terms" => {
                let fields = value.as_array().ok_or_else(|| format!("[{name}] needs a list of terms"))?;
                fields.iter().map(|field| keep(field, &["missing"], columns)).collect::<Result<Value, Fault>>()?
            }
            "size" | "shard_size" | "min_doc_count" | "show_term_doc_count_error" | "order" => value.clone(),
            option if IGNORED.contains(&option) => continue,
            option => return Err(format!("option [{option}] of multi_terms is not supported")),
        };
        read.insert(option.clone(), value);
    }
    Ok(Value::Object(read))
}

fn percentiles(body: &Value, columns: &Columns<'_>) -> Result<Value, Fault> {
    let mut kept = keep(body, &["field", "percents", "keyed", "missing"], columns)?;
    // Grafana writes them as text.
    for percent in kept.get_mut("percents").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(number) = percent.as_str().and_then(|text| text.parse::<f64>().ok()) {
            *percent = json!(number);
        }
    }
    Ok(kept)
}

fn top_hits(body: &Value, columns: &Columns<'_>) -> Result<Value, Fault> {
    let direction =
        |options: &Value| options.as_str().or_else(|| options["order"].as_str()).unwrap_or("asc").to_owned();
    let key = |key: &Value| match key {
        Value::String(field) => Ok(json!({(columns.name)(field): "asc"})),
        Value::Object(keys) => {
            let keys = keys.iter().map(|(field, options)| ((columns.name)(field), json!(direction(options))));
            Ok(Value::Object(keys.collect()))
        }
        _ => Err("sort of top_hits must be a list of fields".to_owned()),
    };
    let sort = body["sort"].as_array().ok_or("top_hits needs a sort, a list of fields")?;
    let field = |field: &Value| json!((columns.name)(field.as_str().or_else(|| field["field"].as_str()).unwrap_or("")));
    let known = ["sort", "size", "from", "docvalue_fields", "_source"];
    if let Some(unknown) = body.as_object().and_then(|body| body.keys().find(|key| !known.contains(&key.as_str()))) {
        return Err(format!("option [{unknown}] of top_hits is not supported"));
    }
    SourceFilter::read(body.get("_source"))?;
    let number = |name: &str, without: u64| match &body[name] {
        Value::Null => Ok(without),
        number => number.as_u64().ok_or_else(|| format!("{name} of top_hits must be a number, 0 or more")),
    };
    let (size, from) = (number("size", 3)?, number("from", 0)?);
    bounds::top_hits(size, from)?;
    let shown = body["docvalue_fields"].as_array().into_iter().flatten().map(field);
    let shown = shown.chain([json!(columns.number)]).collect::<Vec<_>>();
    Ok(json!({
        "size": size,
        "from": from,
        "sort": sort.iter().map(key).collect::<Result<Vec<_>, Fault>>()?,
        "docvalue_fields": shown,
    }))
}

fn date_range(name: &str, body: &Value, columns: &Columns<'_>) -> Result<Value, Fault> {
    let ranges = body["ranges"].as_array().ok_or_else(|| format!("[{name}] needs ranges"))?;
    let field = body["field"].as_str().ok_or_else(|| format!("[{name}] needs a field"))?;
    let read = |range: &Value| {
        let mut read = Map::new();
        for side in ["from", "to"] {
            if let Some(bound) = range.get(side).filter(|bound| !bound.is_null()) {
                read.insert(side.to_owned(), json!(instant(bound, columns)?.nanos() as f64));
            }
        }
        if let Some(key) = range.get("key") {
            read.insert("key".to_owned(), key.clone());
        }
        Ok::<_, Fault>(Value::Object(read))
    };
    let ranges = ranges.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({"field": (columns.name)(field), "ranges": ranges}))
}

pub(super) fn instant(value: &Value, columns: &Columns<'_>) -> Result<Timestamp, Fault> {
    match value {
        Value::Number(number) => {
            number.as_f64().map(|millis| Timestamp::from_millis(millis as i64)).ok_or_else(|| "not a time".to_owned())
        }
        Value::String(text) => {
            date_math::instant(text, columns.now, false).ok_or_else(|| format!("{text:?} is not a time"))
        }
        _ => Err("a bound must be a time".to_owned()),
    }
}
