//! A search over the index of events.

use std::collections::BTreeMap;

use lapwing_event::{IndexAs, Timestamp};
use serde_json::{Value, json};

use super::INDEX;
use super::aggs::{self, Columns, Document, Documents};
use super::ask::{self, Ask, SortKey};
use super::date_histogram::spanning_field;
use super::date_math;
use super::dsl::read;
use super::error::ElasticError;
use super::events::Events;
use super::page::Page;
use super::source::{date, values};
use crate::api::audit::apart;
use crate::query::{Query, nearest};
use crate::search::{By, Cursor, Key, Order, Plan, Rank, SortValue, all_time};
use crate::{Hit, Relation, Scope, SearchError, Sort, Store, schema};

/// Finds a page of events.
pub(super) async fn find(store: &Store, scope: &Scope, ask: &Ask) -> Result<Page, ElasticError> {
    let query = read(ask.query.as_ref(), &Events::new(scope.now)).map_err(ElasticError::bad)?;
    let arrangement = arrangement(ask, &query)?;
    let query = apart(query);
    let aggregations = match &ask.aggs {
        Some(aggs) => Some(aggregate(store, scope, &query, aggs).await?),
        None => None,
    };
    let hits = match &ask.post_filter {
        Some(filter) => {
            Query::And(vec![query, read(Some(filter), &Events::new(scope.now)).map_err(ElasticError::bad)?])
        }
        None => query,
    };
    let page = match arrangement {
        Arrangement::Sort(sort) => {
            let mut plan = Plan::over_all_time(hits, sort);
            plan.cursor = cursor(ask, sort, scope.now)?;
            in_engines_order(store, scope, ask, plan).await?
        }
        Arrangement::Keys(keys) => {
            let mut plan = Plan::over_all_time(hits, Sort::NewestFirst);
            plan.cursor = ask.as_of.map(as_of);
            in_order_of(store, scope, ask, plan, keys).await?
        }
    };
    Ok(Page { aggregations, ..page })
}

async fn in_engines_order(store: &Store, scope: &Scope, ask: &Ask, plan: Plan) -> Result<Page, ElasticError> {
    let page = store.page(scope, sized(plan, ask)).await?;
    let shown = page.hits.iter().skip(ask.from).map(|hit| show(hit, ask, None)).collect::<Result<Vec<_>, _>>()?;
    Ok(Page {
        took: page.took_ms,
        total: page.total.value,
        exact: page.total.relation == Relation::Exactly,
        max_score: page.hits.first().and_then(|hit| hit.score),
        hits: shown,
        aggregations: None,
    })
}

async fn in_order_of(
    store: &Store,
    scope: &Scope,
    ask: &Ask,
    plan: Plan,
    keys: Vec<Key>,
) -> Result<Page, ElasticError> {
    let started = std::time::Instant::now();
    let after = ask.search_after.as_ref().map(|values| after(&keys, values, scope.now)).transpose()?;
    let found = store.ordered(scope, sized(plan, ask), Order { keys, after }).await?;
    let hits = found.hits.iter().skip(ask.from);
    Ok(Page {
        took: started.elapsed().as_millis() as u64,
        total: found.total,
        exact: true,
        max_score: None,
        hits: hits.map(|(hit, values)| show(hit, ask, Some(values))).collect::<Result<_, _>>()?,
        aggregations: None,
    })
}

fn sized(plan: Plan, ask: &Ask) -> Plan {
    Plan { size: ask.from + ask.size, count_up_to: ask.count_up_to, highlight: ask.highlight.clone(), ..plan }
}

/// How many events match.
pub(super) async fn count(store: &Store, scope: &Scope, query: Option<&Value>) -> Result<u64, ElasticError> {
    let query = read(query, &Events::new(scope.now)).map(apart).map_err(ElasticError::bad)?;
    let plan = Plan { size: 0, count_up_to: Some(u64::MAX), ..Plan::over_all_time(query, Sort::NewestFirst) };
    Ok(store.page(scope, plan).await?.total.value)
}

async fn aggregate(store: &Store, scope: &Scope, query: &Query, aggs: &Value) -> Result<Value, ElasticError> {
    let name = |field: &str| field.strip_suffix(".keyword").unwrap_or(field).to_owned();
    let mut columns = Columns { name: &name, is_date: &is_date, now: scope.now, number: schema::SEQ, span: None };
    let run = |aggs: Value, filters: Vec<Query>| async move {
        store.aggregate_query(scope, query.clone(), all_time(), (&aggs, filters)).await
    };
    if let Some(field) = spanning_field(aggs).map_err(ElasticError::bad)? {
        let ends = json!({"first": {"min": {"field": name(field)}}, "last": {"max": {"field": name(field)}}});
        let found = run(ends, Vec::new()).await?.aggregations;
        let end = |name: &str| found[name]["value"].as_f64().map(|nanos| Timestamp::from_nanos(nanos as i64));
        columns.span = end("first").zip(end("last"));
    }
    let reading = aggs::read(aggs, &columns).map_err(ElasticError::bad)?;
    let filters = reading.filters.iter().map(|filter| read(Some(filter), &Events::new(scope.now)));
    let filters = filters.collect::<Result<_, _>>().map_err(ElasticError::bad)?;
    let results = run(reading.aggs, filters).await?.aggregations;
    let documents = documents(store, scope, aggs::numbers_in(&results, &columns)).await?;
    Ok(aggs::answer(results, aggs, &columns, &documents))
}

/// The events that an aggregation shows.
async fn documents(store: &Store, scope: &Scope, numbers: BTreeMap<u64, usize>) -> Result<Documents, ElasticError> {
    if numbers.is_empty() {
        return Ok(Documents::new());
    }
    let read = |(number, hit): (u64, Hit)| {
        let source: Value = serde_json::from_str(hit.event.get()).map_err(|_| SearchError::Internal)?;
        Ok((number, Document { index: INDEX.to_owned(), id: source["id"].clone(), source }))
    };
    store.stored(scope, numbers).await?.into_iter().map(read).collect()
}

fn is_date(field: &str) -> bool {
    lapwing_event::field(field).is_some_and(|field| field.index == IndexAs::Date)
}

/// How hits are ordered.
enum Arrangement {
    /// As the engine does by itself: by time or by score, where equal events stand in the order in which they were
    /// stored. It ends early.
    Sort(Sort),
    /// By the values of columns, for which every match is looked at.
    Keys(Vec<Key>),
}

fn arrangement(ask: &Ask, query: &Query) -> Result<Arrangement, ElasticError> {
    let Some((first, rest)) = ask.sort.split_first() else {
        let sort = if *query == Query::All { Sort::NewestFirst } else { Sort::BestFirst };
        return Ok(Arrangement::Sort(sort));
    };
    // Times are to the nanosecond: what follows decides nothing.
    let decides = |key: &SortKey| match first.field.as_str() {
        "@timestamp" => !key.is_tie_break() && !["@timestamp", "_score"].contains(&key.field.as_str()),
        _ => !key.is_tie_break(),
    };
    let sort = match (first.field.as_str(), first.direction.descending) {
        _ if rest.iter().any(decides) => None,
        ("@timestamp", true) => Some(Sort::NewestFirst),
        ("@timestamp", false) => Some(Sort::OldestFirst),
        ("_score", true) => Some(Sort::BestFirst),
        _ if first.is_tie_break() => Some(Sort::NewestFirst),
        _ => None,
    };
    match sort {
        Some(sort) => Ok(Arrangement::Sort(sort)),
        None => Ok(Arrangement::Keys(ask.sort.iter().map(key).collect::<Result<_, _>>()?)),
    }
}

fn key(key: &SortKey) -> Result<Key, ElasticError> {
    let name = key.field.strip_suffix(".keyword").unwrap_or(&key.field);
    let by = match (name, By::field(name)) {
        ("_score", _) => By::Score,
        _ if key.is_tie_break() => By::Stored,
        (_, Some(by)) => by,
        (name, None) if lapwing_event::field(name).is_some() => {
            return Err(ElasticError::illegal(format!(
                "Fielddata is disabled on [{name}]: it has no column to sort by; sort by a keyword, a number or a time"
            )));
        }
        _ if key.unmapped => By::Nothing,
        (name, None) => {
            let hint = nearest(name).map(|known| format!("; did you mean {known:?}?")).unwrap_or_default();
            return Err(ElasticError::illegal(format!("No mapping found for [{name}] in order to sort on{hint}")));
        }
    };
    Ok(Key { by, direction: key.direction })
}

/// The values of the hit before the page.
fn after(keys: &[Key], values: &[Value], now: Timestamp) -> Result<Vec<SortValue>, ElasticError> {
    let read = |(key, value): (&Key, &Value)| {
        let fault = || ElasticError::bad(format!("search_after has {value}, which is not of its key's type"));
        sort_value(key.by, value, now).ok_or_else(fault)
    };
    keys.iter().zip(values).map(read).collect()
}

fn sort_value(by: By, value: &Value, now: Timestamp) -> Option<SortValue> {
    let number = || value.as_f64().or_else(|| value.as_str()?.parse().ok());
    Some(match (by, value) {
        (_, Value::Null) | (By::Nothing, _) => SortValue::Missing,
        (By::Score, _) => SortValue::Number(number()?),
        (By::Stored, value) => SortValue::Whole(value.as_i64()?),
        (By::Field(field), value) => match field.index {
            IndexAs::Number => SortValue::Number(number()?),
            IndexAs::Bool => SortValue::Boolean(value.as_bool().or_else(|| value.as_str()?.parse().ok())?),
            IndexAs::Date => SortValue::Whole(millisecond(value, now)?.millis()),
            IndexAs::Keyword | IndexAs::Text | IndexAs::Json | IndexAs::Stored => {
                SortValue::Text(value.as_str()?.to_owned())
            }
        },
    })
}

/// The beginning, of a state of the store.
fn as_of(as_of: u64) -> Cursor {
    Cursor { after: Rank(u64::MAX, u64::MAX), as_of, from: i64::MIN, to: i64::MAX, of: 0 }
}

/// Where the page begins, from the values of the hit before it.
fn cursor(ask: &Ask, order: Sort, now: Timestamp) -> Result<Option<Cursor>, ElasticError> {
    let at = |after: Rank| Some(Cursor { after, ..as_of(ask.as_of.unwrap_or(u64::MAX)) });
    let Some(values) = &ask.search_after else { return Ok(ask.as_of.map(as_of)) };
    let bad = |what: &str| ElasticError::bad(format!("search_after has a value that is not {what}"));
    let value = |wanted: &dyn Fn(&SortKey) -> bool| {
        ask.sort.iter().zip(values).find(|(key, _)| wanted(key)).map(|(_, value)| value)
    };
    let score = match value(&|key| key.field == "_score") {
        Some(value) => value.as_f64().ok_or_else(|| bad("a score"))? as f32,
        None => 0.0,
    };
    if let Some(place) = value(&SortKey::is_tie_break) {
        let (time, seq) = place.as_str().and_then(read_place).ok_or_else(|| bad("the place of an event"))?;
        return Ok(at(Rank::of(order, time, score, seq)));
    }
    if order == Sort::BestFirst {
        return Ok(at(Rank::of(order, Timestamp::default(), score, 0)));
    }
    // Without a place, whatever is of the same millisecond is passed over, as Elasticsearch does.
    let time = values.first().and_then(|value| millisecond(value, now)).ok_or_else(|| bad("a time"))?;
    Ok(at(match order {
        Sort::OldestFirst => {
            Rank(Rank::highest(order, Timestamp::from_millis(time.millis() + 1)).0.saturating_add(1), 0)
        }
        _ => Rank::of(order, time, 0.0, 0),
    }))
}

fn millisecond(value: &Value, now: Timestamp) -> Option<Timestamp> {
    match value {
        Value::Number(number) => number.as_i64().map(Timestamp::from_millis),
        Value::String(text) => date_math::instant(text, now, false),
        _ => None,
    }
}

/// An event's place in the index: its time to the nanosecond, and its number.
fn place(time: Timestamp, seq: u64) -> String {
    format!("{}:{seq}", time.nanos())
}

fn read_place(text: &str) -> Option<(Timestamp, u64)> {
    let (nanos, seq) = text.split_once(':')?;
    Some((Timestamp::from_nanos(nanos.parse().ok()?), seq.parse().ok()?))
}

/// A hit as the client wants it; `values` are those of the sort, where the engine has them.
fn show(hit: &Hit, ask: &Ask, ranked: Option<&Vec<SortValue>>) -> Result<Value, ElasticError> {
    let event: Value = serde_json::from_str(hit.event.get()).map_err(|_| SearchError::Internal)?;
    let mut shown = json!({"_index": INDEX, "_id": event["id"], "_score": hit.score});
    if !ask.sort.is_empty() {
        shown["sort"] = match ranked {
            Some(values) => ask.sort.iter().zip(values).map(|(key, value)| sort_shown(key, value)).collect(),
            None => engines_sort(hit, &event, ask),
        };
    }
    if !hit.highlight.is_empty() {
        shown["highlight"] = json!(hit.highlight);
    }
    let fields = [&ask.fields[..], &ask.docvalue_fields[..]].concat();
    if !fields.is_empty() {
        shown["fields"] = Value::Object(values(&event, &fields, is_date));
    }
    if let Some(source) = ask.source.apply(event) {
        shown["_source"] = source;
    }
    Ok(shown)
}

fn sort_shown(key: &SortKey, value: &SortValue) -> Value {
    match (value, &key.format) {
        (SortValue::Whole(millis), Some(format)) if is_date(&key.field) => date(&json!(millis), Some(format)),
        (value, _) => ask::shown(value),
    }
}

/// The values of a sort that the engine has its own rank for.
fn engines_sort(hit: &Hit, event: &Value, ask: &Ask) -> Value {
    let time = event["@timestamp"].as_str().and_then(|text| Timestamp::parse(text).ok()).unwrap_or_default();
    let value = |key: &SortKey| match key.field.as_str() {
        "_score" => json!(hit.score),
        "@timestamp" if key.format.is_some() => date(&event["@timestamp"], key.format.as_deref()),
        "@timestamp" => json!(time.millis()),
        _ => json!(place(time, hit.seq)),
    };
    ask.sort.iter().map(value).collect()
}
