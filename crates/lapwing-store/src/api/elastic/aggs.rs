//! Aggregations: from what Elasticsearch's clients write to what the engine reads, and its results back.
//!
//! `filter`, `filters` and `missing` at the top become runs of their own, each with its filter put beside the query. Calendar
//! months, quarters and years become ranges, for which the span of the data is asked first.

use lapwing_event::Timestamp;
use serde_json::{Map, Value, json};

use super::calendar::{Calendar, steps};
use super::date_math;
use super::dsl::{self, Fault};
use super::source::{date, rfc3339_millis};

/// What is known of an index.
pub(super) struct Columns<'a> {
    /// The engine's name of a field.
    pub name: &'a (dyn Fn(&str) -> String + Sync),
    /// Whether the field is a time.
    pub is_date: &'a (dyn Fn(&str) -> bool + Sync),
    pub now: Timestamp,
    /// The first and last time in the data, where [`spanning_field`] asked for it.
    pub span: Option<(Timestamp, Timestamp)>,
}

/// One run over the matches.
pub(super) struct Part {
    /// What is put beside the query, in the DSL.
    pub filter: Option<Value>,
    /// For the engine; none where only the count is wanted.
    pub aggs: Option<Value>,
    place: Place,
    asked: Map<String, Value>,
}

/// Where a run's results go.
enum Place {
    Beside,
    Filter(String),
    Filters(String, Option<String>),
}

/// The field whose span must be known, if a calendar interval needs one.
pub(super) fn spanning_field(aggs: &Value) -> Option<String> {
    aggs.as_object()?.values().find_map(|agg| {
        let histogram = agg.get("date_histogram");
        let of_calendar = |histogram: &Value| {
            let interval = histogram.get("calendar_interval").or_else(|| histogram.get("interval"))?.as_str()?;
            Calendar::of(interval)?;
            histogram["field"].as_str().map(str::to_owned)
        };
        histogram.and_then(of_calendar).or_else(|| inner(agg).and_then(spanning_field))
    })
}

/// Cuts aggregations into runs.
pub(super) fn parts(aggs: &Value, columns: &Columns<'_>) -> Result<Vec<Part>, Fault> {
    let aggs = aggs.as_object().ok_or("aggregations must be an object")?;
    let (mut parts, mut plain) = (Vec::new(), Map::new());
    for (name, agg) in aggs {
        let part = |filter: &Value, place: Place| {
            let asked = inner(agg).and_then(Value::as_object).cloned().unwrap_or_default();
            let aggs = (!asked.is_empty()).then(|| read_all(&asked, columns)).transpose()?;
            Ok::<_, Fault>(Part { filter: Some(filter.clone()), aggs, place, asked })
        };
        if let Some(field) = agg["missing"]["field"].as_str() {
            let absent = json!({"bool": {"must_not": {"exists": {"field": field}}}});
            parts.push(part(&absent, Place::Filter(name.clone()))?);
            continue;
        }
        match (agg.get("filter"), agg.get("filters")) {
            (Some(filter), _) => parts.push(part(filter, Place::Filter(name.clone()))?),
            (None, Some(filters)) => match &filters["filters"] {
                Value::Object(named) => {
                    for (key, filter) in named {
                        parts.push(part(filter, Place::Filters(name.clone(), Some(key.clone())))?);
                    }
                }
                Value::Array(list) => {
                    for filter in list {
                        parts.push(part(filter, Place::Filters(name.clone(), None))?);
                    }
                }
                _ => return Err(format!("[{name}] needs filters")),
            },
            (None, None) => drop(plain.insert(name.clone(), agg.clone())),
        }
    }
    if !plain.is_empty() {
        let aggs = Some(read_all(&plain, columns)?);
        parts.push(Part { filter: None, aggs, place: Place::Beside, asked: plain });
    }
    Ok(parts)
}

impl Part {
    /// Puts a run's results where they belong in the answer.
    pub fn put(&self, mut results: Value, total: u64, answer: &mut Map<String, Value>, columns: &Columns<'_>) {
        shape_all(&mut results, &self.asked, columns);
        let Value::Object(mut results) = results else { return };
        match &self.place {
            Place::Beside => answer.extend(results),
            Place::Filter(name) => {
                results.insert("doc_count".to_owned(), json!(total));
                answer.insert(name.clone(), Value::Object(results));
            }
            Place::Filters(name, key) => {
                results.insert("doc_count".to_owned(), json!(total));
                let buckets = &mut answer.entry(name.clone()).or_insert_with(|| json!({}))["buckets"];
                match key {
                    Some(key) => buckets[key] = Value::Object(results),
                    None => match buckets.as_array_mut() {
                        Some(list) => list.push(Value::Object(results)),
                        None => *buckets = json!([results]),
                    },
                }
            }
        }
    }
}

fn inner(agg: &Value) -> Option<&Value> {
    agg.get("aggs").or_else(|| agg.get("aggregations"))
}

/// Aggregations for the engine.
fn read_all(aggs: &Map<String, Value>, columns: &Columns<'_>) -> Result<Value, Fault> {
    let read = |(name, agg): (&String, &Value)| Ok((name.clone(), read(name, agg, columns)?));
    Ok(Value::Object(aggs.iter().map(read).collect::<Result<_, Fault>>()?))
}

fn read(name: &str, agg: &Value, columns: &Columns<'_>) -> Result<Value, Fault> {
    let parts = agg.as_object().ok_or_else(|| format!("aggregation [{name}] must be an object"))?;
    let mut kinds = parts.iter().filter(|(key, _)| !["aggs", "aggregations", "meta"].contains(&key.as_str()));
    let (Some((kind, body)), None) = (kinds.next(), kinds.next()) else {
        return Err(format!("aggregation [{name}] must have one type"));
    };
    let (kind, body) = match kind.as_str() {
        "date_histogram" => date_histogram(name, body, columns)?,
        "date_range" => ("range", date_range(name, body, columns)?),
        "terms" => ("terms", terms(body, columns)?),
        "top_hits" => ("top_hits", top_hits(body, columns)?),
        "histogram" => ("histogram", keep(body, HISTOGRAM, columns)?),
        "range" => ("range", keep(body, &["field", "ranges", "keyed"], columns)?),
        "percentiles" => ("percentiles", percentiles(body, columns)?),
        kind => match METRICS.iter().find(|known| **known == kind) {
            Some(kind) => (*kind, keep(body, &["field", "missing", "sigma"], columns)?),
            None => return Err(format!("aggregation type [{kind}] is not supported")),
        },
    };
    let mut agg = json!({kind: body});
    if let Some(below) = parts.get("aggs").or_else(|| parts.get("aggregations")).and_then(Value::as_object) {
        agg["aggs"] = read_all(below, columns)?;
    }
    Ok(agg)
}

const METRICS: &[&str] = &["avg", "min", "max", "sum", "value_count", "stats", "extended_stats", "cardinality"];
const HISTOGRAM: &[&str] = &["field", "interval", "offset", "min_doc_count", "hard_bounds", "extended_bounds", "keyed"];
/// Options of Elasticsearch's that change how it works and not what it answers.
const IGNORED: &[&str] = &["precision_threshold", "hdr", "tdigest", "execution_hint", "collect_mode", "format"];

/// These options of a body, its field under the engine's name; any other is refused.
fn keep(body: &Value, known: &[&str], columns: &Columns<'_>) -> Result<Value, Fault> {
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
    let shown = body["docvalue_fields"].as_array().into_iter().flatten().map(field).collect::<Vec<_>>();
    Ok(json!({
        "size": body["size"].as_u64().unwrap_or(3),
        "from": body["from"].as_u64(),
        "sort": sort.iter().map(key).collect::<Result<Vec<_>, Fault>>()?,
        "docvalue_fields": shown,
    }))
}

fn date_histogram(name: &str, body: &Value, columns: &Columns<'_>) -> Result<(&'static str, Value), Fault> {
    let mut options = body.as_object().ok_or_else(|| format!("[{name}] must be an object"))?.clone();
    options.remove("format");
    let zone = dsl::offset(options.remove("time_zone").as_ref())?;
    if options.get("order").is_some_and(|order| order == &json!({"_key": "asc"})) {
        options.remove("order");
    }
    for bounds in ["extended_bounds", "hard_bounds"] {
        if let Some(bounds) = options.get_mut(bounds).and_then(Value::as_object_mut) {
            for bound in bounds.values_mut() {
                *bound = json!(instant(bound, columns)?.millis());
            }
        }
    }
    let calendar = options.remove("calendar_interval").or_else(|| options.remove("interval"));
    if let Some(interval) = calendar {
        let interval = interval.as_str().ok_or_else(|| format!("[{name}] interval must be text"))?;
        let (fixed, offset) = match interval {
            "second" | "1s" => ("1s", None),
            "minute" | "1m" => ("1m", None),
            "hour" | "1h" => ("1h", None),
            "day" | "1d" => ("1d", None),
            // Weeks begin on Mondays; the epoch began on a Thursday.
            "week" | "1w" => ("7d", Some("4d")),
            other => match Calendar::of(other) {
                Some(_) if zone != 0 => return Err(format!("[{name}] has months, which are counted in UTC only")),
                Some(calendar) => return Ok(("range", calendar_ranges(calendar, body, columns)?)),
                None => (other, None),
            },
        };
        options.insert("fixed_interval".to_owned(), json!(fixed));
        if let Some(offset) = offset {
            options.insert("offset".to_owned(), json!(offset));
        }
    }
    if zone != 0 {
        // A day that begins an hour earlier in UTC is a bucket moved back by an hour.
        let shift = match options.get("offset").and_then(Value::as_str) {
            None => 0,
            Some("4d") => 4 * 86_400,
            Some(_) => return Err(format!("[{name}] takes an offset or a time_zone, not both")),
        };
        options.insert("offset".to_owned(), json!(format!("{}s", shift - zone)));
    }
    let known = ["fixed_interval", "offset", "min_doc_count", "hard_bounds", "extended_bounds", "keyed"];
    Ok(("date_histogram", keep(&Value::Object(options), &known, columns)?))
}

/// A range for each month, quarter or year of the data.
fn calendar_ranges(calendar: Calendar, body: &Value, columns: &Columns<'_>) -> Result<Value, Fault> {
    let field = body["field"].as_str().ok_or("a date_histogram needs a field")?;
    let steps = columns.span.map_or(Ok(Vec::new()), |(first, last)| steps(calendar, first, last))?;
    let range = |pair: &[Timestamp]| json!({"from": pair[0].nanos() as f64, "to": pair[1].nanos() as f64});
    let ranges: Vec<Value> = match steps.len() {
        // Without data there is one empty range, which is left out of the answer.
        0 => vec![json!({"from": 0.0, "to": 1.0})],
        _ => steps.windows(2).map(range).collect(),
    };
    Ok(json!({"field": (columns.name)(field), "ranges": ranges}))
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

fn instant(value: &Value, columns: &Columns<'_>) -> Result<Timestamp, Fault> {
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

fn shape_all(results: &mut Value, asked: &Map<String, Value>, columns: &Columns<'_>) {
    for (name, agg) in asked {
        if let Some(result) = results.get_mut(name) {
            shape(result, agg, columns);
        }
    }
}

/// Puts one result into Elasticsearch's form.
fn shape(result: &mut Value, agg: &Value, columns: &Columns<'_>) {
    let histogram = agg.get("date_histogram");
    if let Some(histogram) = histogram {
        if is_calendar(histogram) {
            drop_open_ends(result);
        }
        each_bucket(result, |bucket| date_bucket(bucket, histogram["format"].as_str()));
    }
    if let Some(range) = agg.get("date_range") {
        each_bucket(result, |bucket| range_bucket(bucket, range["format"].as_str()));
    }
    if let Some((hits, asked)) = result.get_mut("hits").zip(agg.get("top_hits")) {
        let shown: Vec<Value> = hits.as_array().into_iter().flatten().map(|hit| top_hit(hit, asked, columns)).collect();
        *hits = json!({"max_score": null, "hits": shown});
    }
    let field = ["min", "max", "avg"].iter().find_map(|kind| agg[*kind]["field"].as_str());
    if field.is_some_and(columns.is_date)
        && let Some(nanos) = result["value"].as_f64()
    {
        let time = Timestamp::from_nanos(nanos as i64);
        result["value"] = json!(time.millis() as f64);
        result["value_as_string"] = json!(rfc3339_millis(time));
    }
    if let Some(below) = inner(agg).and_then(Value::as_object) {
        each_bucket(result, |bucket| shape_all(bucket, below, columns));
    }
}

fn is_calendar(histogram: &Value) -> bool {
    let interval = histogram.get("calendar_interval").or_else(|| histogram.get("interval"));
    interval.and_then(Value::as_str).is_some_and(|interval| Calendar::of(interval).is_some())
}

fn each_bucket(result: &mut Value, change: impl FnMut(&mut Value)) {
    match result.get_mut("buckets") {
        Some(Value::Array(buckets)) => buckets.iter_mut().for_each(change),
        Some(Value::Object(buckets)) => buckets.values_mut().for_each(change),
        _ => {}
    }
}

/// Ranges are as many as the calendar has steps, and one before and behind them.
fn drop_open_ends(result: &mut Value) {
    if let Some(buckets) = result["buckets"].as_array_mut() {
        buckets.retain(|bucket| bucket.get("from").is_some() && bucket["to"].as_f64().is_some_and(|to| to > 1.0));
    }
}

fn date_bucket(bucket: &mut Value, format: Option<&str>) {
    let millis = match bucket.get("from").and_then(Value::as_f64) {
        Some(nanos) => (nanos / 1e6) as i64,
        None => bucket["key"].as_f64().unwrap_or_default() as i64,
    };
    if let Some(bucket) = bucket.as_object_mut() {
        for range in ["from", "to", "from_as_string", "to_as_string"] {
            bucket.remove(range);
        }
    }
    bucket["key"] = json!(millis);
    bucket["key_as_string"] = date(&json!(millis), format);
}

fn range_bucket(bucket: &mut Value, format: Option<&str>) {
    for side in ["from", "to"] {
        if let Some(nanos) = bucket.get(side).and_then(Value::as_f64) {
            let time = Timestamp::from_nanos(nanos as i64);
            bucket[side] = json!(time.millis() as f64);
            bucket[format!("{side}_as_string")] = date(&json!(time.millis()), format);
        }
    }
}

/// The engine gives columns under its own names; they go where Elasticsearch has them.
fn top_hit(hit: &Value, asked: &Value, columns: &Columns<'_>) -> Value {
    let names = asked["docvalue_fields"].as_array().into_iter().flatten();
    let names = names.filter_map(|field| field.as_str().or_else(|| field["field"].as_str()));
    let shown = |name: &str| Some((name.to_owned(), hit["docvalue_fields"].get((columns.name)(name))?.clone()));
    json!({"sort": hit["sort"], "fields": names.filter_map(shown).collect::<Map<_, _>>()})
}
