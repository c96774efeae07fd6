//! Results of aggregations: from the engine's form to Elasticsearch's, in the shape of what was asked.

use lapwing_event::Timestamp;
use serde_json::{Map, Value, json};

use super::aggs::{Columns, Documents, between, has_others, inner, others_key};
use super::date_histogram::{step_of, trim, zone_of};
use super::source::{SourceFilter, date, rfc3339_millis};
use super::zone::Zone;
use super::{date_format, pipeline};

/// Shapes results.
pub(super) struct Shaper<'a> {
    pub columns: &'a Columns<'a>,
    pub documents: &'a Documents,
}

impl Shaper<'_> {
    /// Shapes the results of these aggregations, and computes what is made of them.
    pub fn all(&self, results: &mut Value, asked: &Map<String, Value>) {
        for (name, agg) in asked {
            if let Some(filters) = agg.get("filters") {
                let shaped = self.gather(results, name, filters, agg);
                results[name] = shaped;
            } else if let Some(result) = results.get_mut(name) {
                self.one(result, agg);
            }
        }
        pipeline::beside(results, asked);
    }

    /// The buckets of several filters, each of which the engine had under a name of its own.
    fn gather(&self, results: &mut Value, name: &str, filters: &Value, agg: &Value) -> Value {
        let below = inner(agg).and_then(Value::as_object);
        let mut bucket = |key: &str| {
            let mut bucket = results.as_object_mut().and_then(|results| results.remove(&between(name, key)));
            if let (Some(bucket), Some(below)) = (&mut bucket, below) {
                self.all(bucket, below);
            }
            bucket.unwrap_or_default()
        };
        let others = others_key(filters);
        let other = has_others(filters).then(|| bucket(others));
        match &filters["filters"] {
            Value::Array(list) => {
                let buckets = (0..list.len()).map(|place| bucket(&place.to_string())).collect::<Vec<_>>();
                json!({"buckets": buckets.into_iter().chain(other).collect::<Vec<_>>()})
            }
            named => {
                let names = named.as_object().into_iter().flat_map(Map::keys);
                let mut buckets: Map<String, Value> = names.map(|key| (key.clone(), bucket(key))).collect();
                buckets.extend(other.map(|other| (others.to_owned(), other)));
                json!({"buckets": buckets})
            }
        }
    }

    /// Puts one result into Elasticsearch's form.
    fn one(&self, result: &mut Value, agg: &Value) {
        if let Some(histogram) = agg.get("date_histogram") {
            if step_of(histogram).is_some() {
                trim(result, histogram, self.columns);
            }
            let zone = zone_of(histogram);
            each_bucket(result, |bucket| date_bucket(bucket, histogram["format"].as_str(), &zone));
        }
        if let Some(range) = agg.get("date_range") {
            each_bucket(result, |bucket| range_bucket(bucket, range["format"].as_str()));
        }
        if let Some((hits, asked)) = result.get_mut("hits").zip(agg.get("top_hits")) {
            let shown: Vec<Value> = hits.as_array().into_iter().flatten().map(|hit| self.top_hit(hit, asked)).collect();
            *hits = json!({"max_score": null, "hits": shown});
        }
        if let Some(composite) = agg.get("composite") {
            shape_composite(result, composite);
        }
        let field = ["min", "max", "avg"].iter().find_map(|kind| agg[*kind]["field"].as_str());
        if field.is_some_and(self.columns.is_date) {
            date_metric(result);
        }
        let Some(below) = inner(agg).and_then(Value::as_object) else { return };
        if agg.get("filter").or(agg.get("missing")).is_some() {
            return self.all(result, below);
        }
        each_bucket(result, |bucket| self.all(bucket, below));
        pipeline::within(result, below);
    }

    /// A hit with its document. The engine gives columns under its own names; they go where Elasticsearch has them.
    fn top_hit(&self, hit: &Value, asked: &Value) -> Value {
        let columns = self.columns;
        let names = asked["docvalue_fields"].as_array().into_iter().flatten();
        let names = names.filter_map(|field| field.as_str().or_else(|| field["field"].as_str()));
        let field = |name: &str| Some((name.to_owned(), hit["docvalue_fields"].get((columns.name)(name))?.clone()));
        let mut shown = json!({"_score": null, "sort": hit["sort"]});
        let fields: Map<_, _> = names.filter_map(field).collect();
        if !fields.is_empty() {
            shown["fields"] = Value::Object(fields);
        }
        let number = hit["docvalue_fields"][columns.number][0].as_u64();
        if let Some(document) = number.and_then(|number| self.documents.get(&number)) {
            shown["_index"] = json!(document.index);
            shown["_id"] = document.id.clone();
            let filter = SourceFilter::read(asked.get("_source")).unwrap_or_default();
            if let Some(source) = filter.apply(document.source.clone()) {
                shown["_source"] = source;
            }
        }
        shown
    }
}

fn date_metric(result: &mut Value) {
    if let Some(nanos) = result["value"].as_f64() {
        let time = Timestamp::from_nanos(nanos as i64);
        result["value"] = json!(time.millis() as f64);
        result["value_as_string"] = json!(rfc3339_millis(time));
    }
}

/// Keys that are times in the formats of their sources; the page ends with the last key.
fn shape_composite(result: &mut Value, composite: &Value) {
    let sources = composite["sources"].as_array().into_iter().flatten().filter_map(Value::as_object).flatten();
    let formats = sources.filter_map(|(name, source)| Some((name, source["date_histogram"]["format"].as_str()?)));
    let formats: Vec<(&String, &str)> = formats.collect();
    each_bucket(result, |bucket| {
        for (name, format) in &formats {
            if let Some(key) = bucket["key"].get_mut(*name).filter(|key| key.is_number()) {
                *key = date(key, Some(format));
            }
        }
    });
    let last = result["buckets"].as_array().and_then(|buckets| Some(buckets.last()?["key"].clone()));
    if let (Some(last), Some(result)) = (last, result.as_object_mut()) {
        result.insert("after_key".to_owned(), last);
    }
}

fn each_bucket(result: &mut Value, change: impl FnMut(&mut Value)) {
    match result.get_mut("buckets") {
        Some(Value::Array(buckets)) => buckets.iter_mut().for_each(change),
        Some(Value::Object(buckets)) => buckets.values_mut().for_each(change),
        _ => {}
    }
}

fn date_bucket(bucket: &mut Value, format: Option<&str>, zone: &Zone) {
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
    bucket["key_as_string"] = json!(date_format::write_in(Timestamp::from_millis(millis), format, zone));
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
