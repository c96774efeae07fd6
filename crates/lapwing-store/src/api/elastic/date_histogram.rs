//! Histograms of times. Steps of the calendar, and all that begin at other times once clocks are set forward or back,
//! become ranges, for which the span of the data is asked first.

use lapwing_event::Timestamp;
use serde_json::{Value, json};

use super::aggs::{Columns, inner, instant, keep};
use super::calendar::Step;
use super::dsl::Fault;
use super::zone::Zone;

/// The field whose span must be known, if a histogram needs one; there is room for the span of one.
pub(super) fn spanning_field(aggs: &Value) -> Result<Option<&str>, Fault> {
    let mut found = None;
    for agg in aggs.as_object().into_iter().flat_map(|aggs| aggs.values()) {
        let histogram = agg.get("date_histogram").filter(|histogram| step_of(histogram).is_some());
        let own = histogram.and_then(|histogram| histogram["field"].as_str());
        let below = inner(agg).map_or(Ok(None), spanning_field)?;
        for field in own.into_iter().chain(below) {
            let before = *found.get_or_insert(field);
            if before != field {
                return Err(format!(
                    "steps of the calendar are counted of one field at a time; ask for [{before}] and [{field}] apart"
                ));
            }
        }
    }
    Ok(found)
}

/// Reads a histogram of times.
pub(super) fn read(name: &str, body: &Value, columns: &Columns<'_>) -> Result<(&'static str, Value), Fault> {
    let mut options = body.as_object().ok_or_else(|| format!("[{name}] must be an object"))?.clone();
    options.remove("format");
    let zone = Zone::read(options.remove("time_zone").as_ref())?;
    if let Some(step) = step_of(body) {
        return Ok(("range", ranges(step, &zone, body, columns)?));
    }
    // However clocks are set, the steps begin at the same times: others are ranges.
    let ahead = zone.offset_at(columns.now);
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
            other => (other, None),
        };
        options.insert("fixed_interval".to_owned(), json!(fixed));
        if let Some(offset) = offset {
            options.insert("offset".to_owned(), json!(offset));
        }
    }
    if ahead != 0 {
        // A day that begins an hour earlier in UTC is a bucket moved back by an hour.
        let shift = match options.get("offset").and_then(Value::as_str) {
            None => 0,
            Some("4d") => 4 * 86_400,
            Some(_) => return Err(format!("[{name}] takes an offset or a time_zone, not both")),
        };
        options.insert("offset".to_owned(), json!(format!("{}s", shift - ahead)));
    }
    let known = ["fixed_interval", "offset", "min_doc_count", "hard_bounds", "extended_bounds", "keyed"];
    Ok(("date_histogram", keep(&Value::Object(options), &known, columns)?))
}

/// A range for each step of the data, and of the bounds to which it is extended.
fn ranges(step: Step, zone: &Zone, body: &Value, columns: &Columns<'_>) -> Result<Value, Fault> {
    let field = body["field"].as_str().ok_or("a date_histogram needs a field")?;
    for (option, value) in body.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let known = match option.as_str() {
            "field" | "format" | "time_zone" | "calendar_interval" | "fixed_interval" | "interval" => true,
            "extended_bounds" => true,
            "min_doc_count" => value.is_u64(),
            "keyed" => *value == false,
            "order" => *value == json!({"_key": "asc"}),
            _ => false,
        };
        if !known {
            return Err(format!("option [{option}] of a date_histogram by the calendar or a zone cannot be {value}"));
        }
    }
    let (min, max) = extended(body, columns)?;
    let first = columns.span.map(|(first, _)| first).into_iter().chain(min).min();
    let last = columns.span.map(|(_, last)| last).into_iter().chain(max).max();
    let span = first.zip(last).filter(|(first, last)| first <= last);
    let steps = span.map_or(Ok(Vec::new()), |span| step.all(zone, span))?;
    let range = |pair: &[Timestamp]| json!({"from": pair[0].nanos() as f64, "to": pair[1].nanos() as f64});
    let ranges: Vec<Value> = match steps.len() {
        // Without data there is one empty range, which is left out of the answer.
        0 => vec![json!({"from": 0.0, "to": NOTHING})],
        _ => steps.windows(2).map(range).collect(),
    };
    Ok(json!({"field": (columns.name)(field), "ranges": ranges}))
}

/// The end of a range that stands for none: no step ends there.
const NOTHING: f64 = 1.0;

/// The bounds that are filled with empty buckets.
fn extended(body: &Value, columns: &Columns<'_>) -> Result<(Option<Timestamp>, Option<Timestamp>), Fault> {
    let bounds = match &body["extended_bounds"] {
        Value::Null => return Ok((None, None)),
        bounds => bounds.as_object().ok_or("extended_bounds must be an object")?,
    };
    if let Some(unknown) = bounds.keys().find(|bound| !["min", "max"].contains(&bound.as_str())) {
        return Err(format!("extended_bounds has min and max, not [{unknown}]"));
    }
    let bound =
        |name: &str| bounds.get(name).filter(|bound| !bound.is_null()).map(|bound| instant(bound, columns)).transpose();
    Ok((bound("min")?, bound("max")?))
}

/// Of the ranges that stand for steps the ones that Elasticsearch would answer with: those of enough documents or, if
/// empty ones are wanted, those from the first that has any to the last, and within the extended bounds.
pub(super) fn trim(result: &mut Value, histogram: &Value, columns: &Columns<'_>) {
    let Some(buckets) = result["buckets"].as_array_mut() else { return };
    // The engine adds one before and one behind.
    buckets.retain(|bucket| bucket.get("from").is_some() && bucket["to"].as_f64().is_some_and(|to| to != NOTHING));
    let count = |bucket: &Value| bucket["doc_count"].as_u64().unwrap_or_default();
    let least = histogram["min_doc_count"].as_u64().unwrap_or_default();
    if least > 0 {
        return buckets.retain(|bucket| count(bucket) >= least);
    }
    let (min, max) = extended(histogram, columns).unwrap_or_default();
    let nanos = |time: Option<Timestamp>| time.map(|time| time.nanos() as f64);
    let (min, max) = (nanos(min), nanos(max));
    let begins = |bucket: &Value| count(bucket) > 0 || min.is_some_and(|min| bucket["to"].as_f64() > Some(min));
    let ends = |bucket: &Value| count(bucket) > 0 || max.is_some_and(|max| bucket["from"].as_f64() <= Some(max));
    let first = buckets.iter().position(begins).unwrap_or(buckets.len());
    let last = buckets.iter().rposition(ends).map_or(0, |last| last + 1);
    buckets.truncate(last);
    buckets.drain(..first.min(last));
}

/// The step of a histogram whose steps begin at times that must be listed.
pub(super) fn step_of(histogram: &Value) -> Option<Step> {
    let zone = zone_of(histogram);
    let interval = |name: &str| histogram.get(name).and_then(Value::as_str);
    match interval("calendar_interval").or_else(|| interval("interval")) {
        Some(interval) => Step::of(interval, &zone),
        None => Step::fixed(interval("fixed_interval")?, &zone),
    }
}

/// The zone of a histogram that was read.
pub(super) fn zone_of(histogram: &Value) -> Zone {
    Zone::read(histogram.get("time_zone")).unwrap_or(Zone::UTC)
}
