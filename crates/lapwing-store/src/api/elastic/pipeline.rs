//! Pipeline aggregations: what is computed from the results of others. The engine knows none of them.
//!
//! Some stand beside the buckets that they look at (`avg_bucket` and its like), others within and change them
//! (`derivative`, `cumulative_sum`, `serial_diff`, `bucket_sort`). A bucket without the value is passed over.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::dsl::Fault;

/// Those that stand beside buckets.
const BESIDE: &[&str] = &["avg_bucket", "max_bucket", "min_bucket", "sum_bucket", "stats_bucket"];

/// What each of those within buckets reads beside `buckets_path`.
fn options_within(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "derivative" | "cumulative_sum" => Some(&[]),
        "serial_diff" => Some(&["lag"]),
        "bucket_sort" => Some(&["sort", "from", "size"]),
        _ => None,
    }
}

/// Whether this is a pipeline aggregation; an error if it says what is not read.
pub(super) fn check(name: &str, kind: &str, body: &Value) -> Result<bool, Fault> {
    let options = match options_within(kind) {
        Some(options) => options,
        None if BESIDE.contains(&kind) => &[],
        None => return Ok(false),
    };
    let body = body.as_object().ok_or_else(|| format!("[{name}] must be an object"))?;
    for (option, value) in body {
        match option.as_str() {
            "buckets_path" if kind != "bucket_sort" => {
                value.as_str().ok_or_else(|| format!("buckets_path of [{name}] must be text"))?;
            }
            "gap_policy" if value == "skip" => {}
            "format" => {}
            "lag" | "from" | "size" if options.contains(&option.as_str()) => {
                value.as_u64().ok_or_else(|| format!("{option} of [{name}] must be a number, 0 or more"))?;
            }
            "sort" if options.contains(&"sort") => {
                sort_keys(value).ok_or_else(|| format!("sort of [{name}] must be a list of paths"))?;
            }
            option => return Err(format!("option [{option}] of {kind} is not supported")),
        }
    }
    match kind == "bucket_sort" || body.contains_key("buckets_path") {
        true => Ok(true),
        false => Err(format!("[{name}] needs a buckets_path")),
    }
}

/// Computes what stands beside other results.
pub(super) fn beside(results: &mut Value, asked: &Map<String, Value>) {
    for (name, agg) in asked {
        let Some((kind, body)) = BESIDE.iter().find_map(|kind| Some((*kind, agg.get(*kind)?))) else { continue };
        let path = body["buckets_path"].as_str().unwrap_or_default();
        let (of, path) = path.split_once('>').unwrap_or((path.strip_suffix("._count").unwrap_or(path), "_count"));
        let values: Vec<(String, f64)> =
            buckets(&results[of]).into_iter().filter_map(|(key, bucket)| Some((key, metric(bucket, path)?))).collect();
        results[name] = summary(kind, &values);
    }
}

/// The buckets with their keys as text.
fn buckets(result: &Value) -> Vec<(String, &Value)> {
    let text = |key: &Value| key.as_str().map_or_else(|| key.to_string(), str::to_owned);
    match &result["buckets"] {
        Value::Array(list) => {
            list.iter().map(|bucket| (text(bucket.get("key_as_string").unwrap_or(&bucket["key"])), bucket)).collect()
        }
        Value::Object(named) => named.iter().map(|(key, bucket)| (key.clone(), bucket)).collect(),
        _ => Vec::new(),
    }
}

fn summary(kind: &str, values: &[(String, f64)]) -> Value {
    let numbers = || values.iter().map(|(_, value)| *value);
    let (count, sum) = (values.len(), numbers().sum::<f64>());
    let avg = (count > 0).then(|| sum / count as f64);
    let (min, max) = (numbers().reduce(f64::min), numbers().reduce(f64::max));
    let extreme = |value: Option<f64>| {
        let keys = values.iter().filter(|(_, other)| Some(*other) == value).map(|(key, _)| key);
        json!({"value": value, "keys": keys.collect::<Vec<_>>()})
    };
    match kind {
        "avg_bucket" => json!({"value": avg}),
        "sum_bucket" => json!({"value": sum}),
        "max_bucket" => extreme(max),
        "min_bucket" => extreme(min),
        _ => json!({"count": count, "min": min, "max": max, "avg": avg, "sum": sum}),
    }
}

/// Computes what stands within the buckets of a result, each after what it looks at; the order comes last.
pub(super) fn within(result: &mut Value, asked: &Map<String, Value>) {
    let Some(buckets) = result.get_mut("buckets").and_then(Value::as_array_mut) else { return };
    let kind_of =
        |agg: &Value| ["derivative", "cumulative_sum", "serial_diff"].into_iter().find(|kind| agg.get(kind).is_some());
    let mut left: Vec<(&String, &str, &Value)> =
        asked.iter().filter_map(|(name, agg)| kind_of(agg).map(|kind| (name, kind, &agg[kind]))).collect();
    while !left.is_empty() {
        let waits = |body: &Value| left.iter().any(|(other, ..)| body["buckets_path"] == other.as_str());
        // Those that wait for each other in a circle get no value.
        let Some(ready) = left.iter().position(|(_, _, body)| !waits(body)) else { break };
        let (name, kind, body) = left.remove(ready);
        series(buckets, name, kind, body);
    }
    for sort in asked.values().filter_map(|agg| agg.get("bucket_sort")) {
        sort_buckets(buckets, sort);
    }
}

fn series(buckets: &mut [Value], name: &str, kind: &str, body: &Value) {
    let path = body["buckets_path"].as_str().unwrap_or_default();
    let values: Vec<Option<f64>> = buckets.iter().map(|bucket| metric(bucket, path)).collect();
    let lag = body["lag"].as_u64().unwrap_or(1) as usize;
    let (mut sum, mut before) = (0.0, None);
    for (at, bucket) in buckets.iter_mut().enumerate() {
        let value = match kind {
            "cumulative_sum" => {
                sum += values[at].unwrap_or_default();
                Some(sum)
            }
            "derivative" => {
                let difference = values[at].zip(before).map(|(value, before): (f64, f64)| value - before);
                before = values[at].or(before);
                difference
            }
            _ => at.checked_sub(lag).and_then(|earlier| Some(values[at]? - values[earlier]?)),
        };
        if let Some(value) = value {
            bucket[name] = json!({"value": value});
        }
    }
}

fn sort_buckets(buckets: &mut Vec<Value>, body: &Value) {
    let keys = sort_keys(&body["sort"]).unwrap_or_default();
    let missing = |bucket: &Value| keys.iter().any(|(path, _)| Rank::of(bucket, path).is_none());
    buckets.retain(|bucket| !missing(bucket));
    buckets.sort_by(|a, b| {
        let one = |(path, descending): &(&str, bool)| {
            let ordering = Rank::of(a, path).partial_cmp(&Rank::of(b, path)).unwrap_or(Ordering::Equal);
            if *descending { ordering.reverse() } else { ordering }
        };
        keys.iter().map(one).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
    });
    let number = |name: &str| body[name].as_u64().map(|number| number as usize);
    buckets.drain(..number("from").unwrap_or(0).min(buckets.len()));
    buckets.truncate(number("size").unwrap_or(usize::MAX));
}

/// The paths of an order and whether it descends; nothing if it is none.
fn sort_keys(sort: &Value) -> Option<Vec<(&str, bool)>> {
    match sort {
        Value::Null => Some(Vec::new()),
        Value::String(path) => Some(vec![(path, false)]),
        Value::Object(keys) => keys.iter().map(|(path, options)| Some((path.as_str(), descends(options)?))).collect(),
        Value::Array(keys) => keys.iter().map(sort_keys).collect::<Option<Vec<_>>>().map(|keys| keys.concat()),
        Value::Bool(_) | Value::Number(_) => None,
    }
}

fn descends(options: &Value) -> Option<bool> {
    match options.as_str().or_else(|| options["order"].as_str())? {
        "desc" => Some(true),
        "asc" => Some(false),
        _ => None,
    }
}

/// What a bucket is ordered by: a number, or the key of a bucket of texts.
#[derive(PartialEq, PartialOrd)]
enum Rank<'a> {
    Number(f64),
    Text(&'a str),
}

impl<'a> Rank<'a> {
    fn of(bucket: &'a Value, path: &str) -> Option<Self> {
        let text = || bucket["key"].as_str().filter(|_| path == "_key").map(Self::Text);
        metric(bucket, path).map(Self::Number).or_else(text)
    }
}

/// A number of a bucket: `_count`, `_key`, `metric`, `stats.avg`, `percentiles[99.0]`, `filter>metric`.
fn metric(bucket: &Value, path: &str) -> Option<f64> {
    if let Some((within, path)) = path.split_once('>') {
        return metric(bucket.get(within)?, path);
    }
    if let Some((name, rest)) = path.split_once('[') {
        return bucket.get(name)?["values"].get(rest.strip_suffix(']')?)?.as_f64();
    }
    match path {
        "_count" => bucket["doc_count"].as_f64(),
        "_key" => bucket["key"].as_f64(),
        path => match (bucket.get(path), path.rsplit_once('.')) {
            (Some(result), _) => result["value"].as_f64(),
            (None, Some((name, part))) => bucket.get(name)?[part].as_f64(),
            (None, None) => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days() -> Value {
        let day = |day: u32, count: u32, cost: Value| json!({"key": day, "doc_count": count, "cost": {"value": cost}});
        json!({"buckets": [day(1, 5, json!(2.0)), day(2, 0, Value::Null), day(3, 7, json!(8.0))]})
    }

    fn asked(aggs: Value) -> Map<String, Value> {
        aggs.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn what_stands_beside_buckets_looks_at_all_of_them() {
        let check = |kind: &str, path: &str, expect: Value| {
            let mut results = json!({"days": days()});
            beside(&mut results, &asked(json!({"x": {kind: {"buckets_path": path}}})));
            assert_eq!(results["x"], expect, "{kind} {path}");
        };
        check("avg_bucket", "days>cost", json!({"value": 5.0}));
        check("avg_bucket", "nights>cost", json!({"value": null}));
        check("sum_bucket", "days._count", json!({"value": 12.0}));
        check("sum_bucket", "days>_count", json!({"value": 12.0}));
        check("max_bucket", "days>cost.value", json!({"value": 8.0, "keys": ["3"]}));
        check("min_bucket", "days>_count", json!({"value": 0.0, "keys": ["2"]}));
        check("stats_bucket", "days>cost", json!({"count": 2, "min": 2.0, "max": 8.0, "avg": 5.0, "sum": 10.0}));
    }

    #[test]
    fn what_stands_within_buckets_follows_their_order() {
        let check = |aggs: Value, name: &str, expect: Value| {
            let mut result = days();
            within(&mut result, &asked(aggs.clone()));
            let values = result["buckets"].as_array().into_iter().flatten();
            assert_eq!(values.map(|bucket| bucket[name]["value"].clone()).collect::<Value>(), expect, "{aggs}");
        };
        let of = |kind: &str, path: &str| json!({kind: {"buckets_path": path}});
        check(json!({"x": of("derivative", "cost")}), "x", json!([null, null, 6.0]));
        check(json!({"x": of("cumulative_sum", "_count")}), "x", json!([5.0, 5.0, 12.0]));
        check(json!({"a": of("derivative", "b"), "b": of("cumulative_sum", "_count")}), "a", json!([null, 0.0, 7.0]));
        check(json!({"a": of("derivative", "b"), "b": of("derivative", "a")}), "a", json!([null, null, null]));
        check(json!({"x": {"serial_diff": {"buckets_path": "_count", "lag": 2}}}), "x", json!([null, null, 2.0]));
        check(json!({"x": {"bucket_sort": {"sort": [{"cost": {"order": "desc"}}]}}}), "cost", json!([8.0, 2.0]));
        check(json!({"x": {"bucket_sort": {"sort": ["_count"], "from": 1, "size": 1}}}), "cost", json!([2.0]));
        check(json!({"x": {"bucket_sort": {"size": 1}}}), "cost", json!([2.0]));
    }

    #[test]
    fn numbers_are_found_by_their_paths() {
        let bucket = json!({"doc_count": 3, "s": {"avg": 1.5}, "p": {"values": {"99.0": 7.0}},
            "f": {"doc_count": 2, "m": {"value": 4.0}}});
        let check = |path: &str, expect| assert_eq!(metric(&bucket, path), expect, "{path}");
        check("_count", Some(3.0));
        check("s.avg", Some(1.5));
        check("p[99.0]", Some(7.0));
        check("f>m", Some(4.0));
        check("f>_count", Some(2.0));
        check("nothing", None);
    }

    #[test]
    fn what_is_not_read_is_refused() {
        let check = |kind: &str, body: Value, ok: Option<bool>| {
            assert_eq!(super::check("x", kind, &body).ok(), ok, "{kind} {body}")
        };
        check("terms", json!({"field": "a"}), Some(false));
        check("derivative", json!({"buckets_path": "a", "gap_policy": "skip"}), Some(true));
        check("derivative", json!({"buckets_path": "a", "unit": "day"}), None);
        check("avg_bucket", json!({}), None);
        check("bucket_sort", json!({"size": 3}), Some(true));
        check("bucket_sort", json!({"buckets_path": "a"}), None);
        check("bucket_sort", json!({"sort": ["_key", {"a": {"order": "desc"}}, {"b": "asc"}], "from": 0}), Some(true));
        for wrong in [json!({"sort": 3}), json!({"sort": [{"a": "down"}]}), json!({"from": "1"}), json!({"size": -1})] {
            check("bucket_sort", wrong, None);
        }
    }

    #[test]
    fn buckets_are_sorted_by_keys_that_are_texts() {
        let mut result = json!({"buckets": [{"key": "b"}, {"key": "c"}, {"key": "a"}]});
        within(&mut result, &asked(json!({"x": {"bucket_sort": {"sort": [{"_key": {"order": "desc"}}], "size": 2}}})));
        assert_eq!(result, json!({"buckets": [{"key": "c"}, {"key": "b"}]}));
    }
}
