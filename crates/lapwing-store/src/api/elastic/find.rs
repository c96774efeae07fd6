//! A search over the index of events.

use lapwing_event::{IndexAs, Timestamp};
use serde_json::{Map, Value, json};

use super::INDEX;
use super::aggs::{Columns, parts, spanning_field};
use super::ask::{Ask, SortKey};
use super::date_math;
use super::dsl::read;
use super::error::ElasticError;
use super::events::Events;
use super::page::Page;
use super::source::{date, values};
use crate::api::audit::apart;
use crate::query::Query;
use crate::search::{Cursor, Plan, Rank};
use crate::{Hit, Relation, Scope, SearchError, Sort, Store};

/// Finds a page of events.
pub(super) async fn find(store: &Store, scope: &Scope, ask: &Ask) -> Result<Page, ElasticError> {
    let query = read(ask.query.as_ref(), &Events::new(scope.now)).map_err(ElasticError::bad)?;
    let order = order(ask, &query)?;
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
    let mut plan = Plan::over_all_time(hits, order);
    plan.size = ask.from + ask.size;
    plan.count_up_to = ask.count_up_to;
    plan.highlight = ask.highlight.clone();
    plan.cursor = cursor(ask, order, scope.now)?;
    let page = store.page(scope, plan).await?;
    let shown = page.hits.iter().skip(ask.from).map(|hit| show(hit, ask)).collect::<Result<Vec<_>, _>>()?;
    Ok(Page {
        took: page.took_ms,
        total: page.total.value,
        exact: page.total.relation == Relation::Exactly,
        max_score: page.hits.first().and_then(|hit| hit.score),
        hits: shown,
        aggregations,
    })
}

/// How many events match.
pub(super) async fn count(store: &Store, scope: &Scope, query: Option<&Value>) -> Result<u64, ElasticError> {
    let query = read(query, &Events::new(scope.now)).map(apart).map_err(ElasticError::bad)?;
    let plan = Plan { size: 0, count_up_to: Some(u64::MAX), ..Plan::over_all_time(query, Sort::NewestFirst) };
    Ok(store.page(scope, plan).await?.total.value)
}

async fn aggregate(store: &Store, scope: &Scope, query: &Query, aggs: &Value) -> Result<Value, ElasticError> {
    let name = |field: &str| field.strip_suffix(".keyword").unwrap_or(field).to_owned();
    let mut columns = Columns { name: &name, is_date: &is_date, now: scope.now, span: None };
    let run =
        |query: Query, aggs: Value| async move { store.aggregate_query(scope, query, Plan::whole_span(), &aggs).await };
    if let Some(field) = spanning_field(aggs) {
        let ends = json!({"first": {"min": {"field": name(&field)}}, "last": {"max": {"field": name(&field)}}});
        let found = run(query.clone(), ends).await?.aggregations;
        let end = |name: &str| found[name]["value"].as_f64().map(|nanos| Timestamp::from_nanos(nanos as i64));
        columns.span = end("first").zip(end("last"));
    }
    let mut answer = Map::new();
    for part in parts(aggs, &columns).map_err(ElasticError::bad)? {
        let filter = part.filter.as_ref().map(|filter| read(Some(filter), &Events::new(scope.now))).transpose();
        let query = match filter.map_err(ElasticError::bad)? {
            Some(filter) => Query::And(vec![query.clone(), filter]),
            None => query.clone(),
        };
        let (results, total) = match &part.aggs {
            Some(aggs) => {
                let answer = run(query, aggs.clone()).await?;
                (answer.aggregations, answer.total)
            }
            None => {
                let plan =
                    Plan { size: 0, count_up_to: Some(u64::MAX), ..Plan::over_all_time(query, Sort::NewestFirst) };
                (json!({}), store.page(scope, plan).await?.total.value)
            }
        };
        part.put(results, total, &mut answer, &columns);
    }
    Ok(Value::Object(answer))
}

fn is_date(field: &str) -> bool {
    lapwing_event::field(field).is_some_and(|field| field.index == IndexAs::Date)
}

/// The engine's order: by time or by score, where equal events stand in the order in which they were stored.
fn order(ask: &Ask, query: &Query) -> Result<Sort, ElasticError> {
    let Some((first, rest)) = ask.sort.split_first() else {
        return Ok(if *query == Query::All { Sort::NewestFirst } else { Sort::BestFirst });
    };
    if let Some(key) =
        rest.iter().find(|key| !key.is_tie_break() && !["@timestamp", "_score"].contains(&key.field.as_str()))
    {
        return Err(unsortable(&key.field));
    }
    match (first.field.as_str(), first.descending) {
        ("@timestamp", true) => Ok(Sort::NewestFirst),
        ("@timestamp", false) => Ok(Sort::OldestFirst),
        ("_score", true) => Ok(Sort::BestFirst),
        _ if first.is_tie_break() => Ok(Sort::NewestFirst),
        (field, _) => Err(unsortable(field)),
    }
}

fn unsortable(field: &str) -> ElasticError {
    ElasticError::illegal(format!(
        "sort by [{field}] in this direction is not supported; use @timestamp, _score desc or _doc"
    ))
}

/// Where the page begins, from the values of the hit before it.
fn cursor(ask: &Ask, order: Sort, now: Timestamp) -> Result<Option<Cursor>, ElasticError> {
    let as_of = ask.as_of.unwrap_or(u64::MAX);
    let at = |after: Rank| Some(Cursor { after, as_of, from: i64::MIN, to: i64::MAX, of: 0 });
    let Some(values) = &ask.search_after else {
        return Ok(if ask.as_of.is_some() { at(Rank(u64::MAX, u64::MAX)) } else { None });
    };
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

fn show(hit: &Hit, ask: &Ask) -> Result<Value, ElasticError> {
    let event: Value = serde_json::from_str(hit.event.get()).map_err(|_| SearchError::Internal)?;
    let mut shown = json!({"_index": INDEX, "_id": event["id"], "_score": hit.score});
    if !ask.sort.is_empty() {
        let time = event["@timestamp"].as_str().and_then(|text| Timestamp::parse(text).ok()).unwrap_or_default();
        let value = |key: &SortKey| match key.field.as_str() {
            "_score" => json!(hit.score),
            "@timestamp" if key.format.is_some() => date(&event["@timestamp"], key.format.as_deref()),
            "@timestamp" => json!(time.millis()),
            _ => json!(place(time, hit.seq)),
        };
        shown["sort"] = ask.sort.iter().map(value).collect();
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
