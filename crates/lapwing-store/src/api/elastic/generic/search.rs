//! Searching generic indices: every match is ranked by the keys of the sort, however many indices it comes from.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use lapwing_event::Timestamp;
use serde_json::{Value, json};
use tantivy::aggregation::agg_req::Aggregations;
use tantivy::aggregation::intermediate_agg_result::IntermediateAggregationResults;
use tantivy::aggregation::{AggContextParams, AggregationLimitsGuard, DistributedAggregationCollector};
use tantivy::collector::{Count, DocSetCollector};
use tantivy::columnar::DynamicColumn;
use tantivy::query::{BooleanQuery, EnableScoring, Query};
use tantivy::{DocAddress, DocId, Score, Searcher, SegmentReader, TERMINATED};

use super::mapping::{Kind, Mapping, Scalar};
use super::query::Generic;
use super::{Index, KEYS, NUMBER, TEXTS, failed};
use crate::api::elastic::aggs::{self, Columns, Document, Documents, Reading};
use crate::api::elastic::ask::{Ask, SortKey, shown};
use crate::api::elastic::date_histogram::spanning_field;
use crate::api::elastic::date_math;
use crate::api::elastic::dsl::read;
use crate::api::elastic::error::ElasticError;
use crate::api::elastic::page::Page;
use crate::api::elastic::source::{date, values};
use crate::search::{SortValue, at_place, bounds, with_filters};

type Boxed = Box<dyn Query>;

/// Memory and buckets of one aggregation.
const AGGREGATION_BYTES: u64 = 64 << 20;
const AGGREGATION_BUCKETS: u32 = 65_000;
/// The documents that an aggregation shows, in bytes.
const SHOWN_BYTES: usize = 32 << 20;

/// Finds a page of documents.
pub fn find(indices: &[Arc<Index>], ask: &Ask, now: Timestamp) -> Result<Page, ElasticError> {
    let began = Instant::now();
    let searches = indices.iter().map(|index| Search::new(index, ask, now)).collect::<Result<Vec<_>, _>>()?;
    let aggregations = ask.aggs.as_ref().map(|aggs| aggregate(&searches, aggs, now)).transpose()?;
    let sort = match ask.sort.as_slice() {
        [] => vec![SortKey::score()],
        keys => keys.to_vec(),
    };
    let known = |key: &SortKey| searches.iter().any(|search| search.mapping.kind(&key.field).is_some());
    let mut unknown = sort.iter().filter(|key| key.field != "_score" && !key.is_tie_break() && !known(key));
    if let Some(key) = unknown.find(|key| !key.unmapped) {
        return Err(ElasticError::illegal(format!("No mapping found for [{}] in order to sort on", key.field)));
    }
    let mut found = Vec::new();
    for (at, search) in searches.iter().enumerate() {
        search.collect(at, &sort, &mut found)?;
    }
    let total = found.len() as u64;
    let scored = sort.iter().any(|key| key.field == "_score");
    let max_score = found.iter().map(|found| found.score).reduce(f32::max).filter(|_| scored);
    if let Some(after) = &ask.search_after {
        let after = after_keys(&searches, &sort, after, now)?;
        found.retain(|found| compare(&sort, &found.keys, &after) == Ordering::Greater);
    }
    found.sort_by(|a, b| compare(&sort, &a.keys, &b.keys).then(a.number.cmp(&b.number)));
    let page = found.iter().skip(ask.from).take(ask.size);
    let hits = page.map(|found| searches[found.search].show(found, ask, scored)).collect::<Result<_, _>>()?;
    let took = began.elapsed().as_millis() as u64;
    Ok(Page { took, total, exact: true, max_score, hits, aggregations })
}

/// How many documents match.
pub fn count(indices: &[Arc<Index>], ask: &Ask, now: Timestamp) -> Result<u64, ElasticError> {
    let count = |index: &Arc<Index>| {
        let search = Search::new(index, ask, now)?;
        Ok(search.searcher.search(search.query.as_ref(), &Count).map_err(failed)? as u64)
    };
    indices.iter().map(count).sum()
}

/// Deletes the documents that match, and says how many there were.
pub fn delete(indices: &[Arc<Index>], ask: &Ask, now: Timestamp) -> Result<u64, ElasticError> {
    let mut deleted = 0;
    for index in indices {
        let search = Search::new(index, ask, now)?;
        for address in search.searcher.search(search.query.as_ref(), &DocSetCollector).map_err(failed)? {
            let (id, _) = index.read(&search.searcher, address)?;
            deleted += u64::from(index.delete(&id)?);
        }
        index.refresh()?;
    }
    Ok(deleted)
}

/// One index, its state and the query.
struct Search<'a> {
    index: &'a Index,
    grammar: Generic<'a>,
    mapping: Mapping,
    searcher: Searcher,
    query: Boxed,
    /// What the hits must match besides, and the aggregations need not.
    post_filter: Option<Boxed>,
}

/// A match.
struct Found {
    /// Which search it is of.
    search: usize,
    address: DocAddress,
    score: Score,
    number: u64,
    keys: Vec<SortValue>,
}

impl<'a> Search<'a> {
    fn new(index: &'a Index, ask: &Ask, now: Timestamp) -> Result<Self, ElasticError> {
        let grammar = Generic::new(index, now);
        let query = read(ask.query.as_ref(), &grammar).map_err(ElasticError::bad)?;
        let post_filter = ask.post_filter.as_ref().map(|filter| read(Some(filter), &grammar)).transpose();
        let post_filter = post_filter.map_err(ElasticError::bad)?;
        Ok(Self { index, grammar, mapping: index.mapping(), searcher: index.searcher(), query, post_filter })
    }

    fn collect(&self, at: usize, sort: &[SortKey], into: &mut Vec<Found>) -> Result<(), ElasticError> {
        let query: Boxed = match &self.post_filter {
            Some(filter) => Box::new(BooleanQuery::intersection(vec![self.query.box_clone(), filter.box_clone()])),
            None => self.query.box_clone(),
        };
        let weight = query.weight(EnableScoring::enabled_from_searcher(&self.searcher)).map_err(failed)?;
        for (ord, segment) in self.searcher.segment_readers().iter().enumerate() {
            let columns = sort.iter().map(|key| self.column(segment, key)).collect::<Result<Vec<_>, _>>()?;
            let numbers = segment.fast_fields().u64(NUMBER).map_err(failed)?.first_or_default_col(0);
            let mut docs = weight.scorer(segment, 1.0).map_err(failed)?;
            let mut doc = docs.doc();
            while doc != TERMINATED {
                if !segment.is_deleted(doc) {
                    let (score, number) = (docs.score(), numbers.get_val(doc));
                    let keys = columns.iter().zip(sort).map(|(column, key)| column.value(doc, score, number, key));
                    let address = DocAddress::new(ord as u32, doc);
                    into.push(Found { search: at, address, score, number, keys: keys.collect() });
                }
                doc = docs.advance();
            }
        }
        Ok(())
    }

    fn column(&self, segment: &SegmentReader, key: &SortKey) -> Result<SortColumn, ElasticError> {
        if key.field == "_score" {
            return Ok(SortColumn::Score);
        }
        if key.is_tie_break() {
            return Ok(SortColumn::Number);
        }
        let place = match self.mapping.kind(&key.field) {
            None => return Ok(SortColumn::Values(Vec::new())),
            Some(Kind::Text { fielddata: false }) => return Err(uncountable(&key.field)),
            Some(Kind::Text { .. }) => TEXTS,
            Some(_) => KEYS,
        };
        let handles = segment.fast_fields().dynamic_column_handles(&format!("{place}.{}", key.field));
        let columns = handles.map_err(failed)?.into_iter().map(|handle| handle.open());
        let columns = columns.collect::<std::io::Result<Vec<_>>>();
        columns.map(SortColumn::Values).map_err(|error| ElasticError::illegal(error.to_string()))
    }

    fn show(&self, found: &Found, ask: &Ask, scored: bool) -> Result<Value, ElasticError> {
        let (id, source) = self.index.read(&self.searcher, found.address)?;
        let mut hit = json!({"_index": self.index.name, "_id": id, "_score": scored.then_some(found.score)});
        if !ask.sort.is_empty() {
            let value = |(key, value): (&SortKey, &SortValue)| match (value, &key.format) {
                (SortValue::Whole(millis), Some(format)) if self.is_date(&key.field) => {
                    date(&json!(millis), Some(format))
                }
                (value, _) => shown(value),
            };
            hit["sort"] = ask.sort.iter().zip(&found.keys).map(value).collect();
        }
        let fields = [&ask.fields[..], &ask.docvalue_fields[..]].concat();
        if !fields.is_empty() {
            hit["fields"] = Value::Object(values(&source, &fields, |field| self.is_date(field)));
        }
        if let Some(source) = ask.source.apply(source) {
            hit["_source"] = source;
        }
        Ok(hit)
    }

    fn is_date(&self, field: &str) -> bool {
        self.mapping.kind(field) == Some(Kind::Date)
    }
}

/// Where a sort's values come from.
enum SortColumn {
    Score,
    Number,
    Values(Vec<DynamicColumn>),
}

impl SortColumn {
    /// The document's value; of several, the one that comes first in the order.
    fn value(&self, doc: DocId, score: Score, number: u64, key: &SortKey) -> SortValue {
        match self {
            Self::Score => SortValue::Number(f64::from(score)),
            Self::Number => SortValue::Whole(number as i64),
            Self::Values(columns) => {
                let keys = columns.iter().flat_map(|column| keys_of(column, doc));
                let first = |a: SortValue, b: SortValue| match compare(
                    std::slice::from_ref(key),
                    std::slice::from_ref(&a),
                    std::slice::from_ref(&b),
                ) {
                    Ordering::Greater => b,
                    Ordering::Less | Ordering::Equal => a,
                };
                keys.reduce(first).unwrap_or(SortValue::Missing)
            }
        }
    }
}

fn keys_of(column: &DynamicColumn, doc: DocId) -> Vec<SortValue> {
    match column {
        DynamicColumn::Bool(column) => column.values_for_doc(doc).map(SortValue::Boolean).collect(),
        DynamicColumn::I64(column) => column.values_for_doc(doc).map(SortValue::Whole).collect(),
        DynamicColumn::U64(column) => {
            column.values_for_doc(doc).map(|number| SortValue::Whole(number as i64)).collect()
        }
        DynamicColumn::F64(column) => column.values_for_doc(doc).map(SortValue::Number).collect(),
        DynamicColumn::DateTime(column) => {
            column.values_for_doc(doc).map(|time| SortValue::Whole(time.into_timestamp_millis())).collect()
        }
        DynamicColumn::Str(column) => {
            let text = |ord| {
                let mut text = String::new();
                column.ord_to_str(ord, &mut text).ok().filter(|found| *found).map(|_| SortValue::Text(text))
            };
            column.term_ords(doc).filter_map(text).collect()
        }
        DynamicColumn::IpAddr(_) | DynamicColumn::Bytes(_) => Vec::new(),
    }
}

fn value_of(scalar: Scalar) -> SortValue {
    match scalar {
        Scalar::Text(text) => SortValue::Text(text),
        Scalar::Long(number) => SortValue::Whole(number),
        Scalar::Double(number) => SortValue::Number(number),
        Scalar::Boolean(value) => SortValue::Boolean(value),
        Scalar::Date(time) => SortValue::Whole(time.millis()),
    }
}

/// What comes first in the order is less.
fn compare(sort: &[SortKey], a: &[SortValue], b: &[SortValue]) -> Ordering {
    crate::search::compare(sort.iter().map(|key| key.direction), a, b)
}

fn after_keys(
    searches: &[Search<'_>],
    sort: &[SortKey],
    after: &[Value],
    now: Timestamp,
) -> Result<Vec<SortValue>, ElasticError> {
    let read = |(key, value): (&SortKey, &Value)| {
        if value.is_null() {
            return Ok(SortValue::Missing);
        }
        let kind = match key.field.as_str() {
            "_score" => Kind::Double,
            _ if key.is_tie_break() => Kind::Long,
            field => searches.iter().find_map(|search| search.mapping.kind(field)).unwrap_or(Kind::Keyword),
        };
        let relative = || value.as_str().and_then(|text| date_math::instant(text, now, false)).map(Scalar::Date);
        let scalar = Scalar::read(kind, value).or_else(relative);
        let fault = || ElasticError::bad(format!("search_after has a value that is not of [{}]'s type", key.field));
        scalar.map(value_of).ok_or_else(fault)
    };
    sort.iter().zip(after).map(read).collect()
}

fn aggregate(searches: &[Search<'_>], aggs: &Value, now: Timestamp) -> Result<Value, ElasticError> {
    let kind = |field: &str| searches.iter().find_map(|search| search.mapping.kind(field));
    let name = |field: &str| match kind(field) {
        Some(Kind::Text { .. }) => format!("{TEXTS}.{field}"),
        _ => format!("{KEYS}.{field}"),
    };
    let is_date = |field: &str| kind(field) == Some(Kind::Date);
    if let Some(field) = uncountable_field(aggs, &kind) {
        return Err(uncountable(&field));
    }
    let mut columns = Columns { name: &name, is_date: &is_date, now, number: NUMBER, span: None };
    if let Some(field) = spanning_field(aggs).map_err(ElasticError::bad)? {
        let ends = json!({"first": {"min": {"field": name(field)}}, "last": {"max": {"field": name(field)}}});
        let found = run(searches, Reading { aggs: ends, filters: Vec::new() })?;
        let end = |name: &str| found[name]["value"].as_f64().map(|nanos| Timestamp::from_nanos(nanos as i64));
        columns.span = end("first").zip(end("last"));
    }
    let reading = aggs::read(aggs, &columns).map_err(ElasticError::bad)?;
    let results = run(searches, reading)?;
    let documents = documents(searches, &aggs::numbers_in(&results, &columns))?;
    Ok(aggs::answer(results, aggs, &columns, &documents))
}

/// The documents that an aggregation shows, by numbers that tell those of one index apart.
fn documents(searches: &[Search<'_>], numbers: &BTreeMap<u64, usize>) -> Result<Documents, ElasticError> {
    let (mut documents, mut bytes) = (Documents::new(), 0);
    if numbers.is_empty() {
        return Ok(documents);
    }
    let [search] = searches else { return Err(ElasticError::bad("top_hits shows documents of one index at a time")) };
    bounds::shown(numbers.values().sum()).map_err(ElasticError::bad)?;
    for (ord, segment) in search.searcher.segment_readers().iter().enumerate() {
        let column = segment.fast_fields().u64(NUMBER).map_err(failed)?.first_or_default_col(0);
        for doc in segment.doc_ids_alive() {
            let number = column.get_val(doc);
            let Some(times) = numbers.get(&number) else { continue };
            let (id, source) = search.index.read(&search.searcher, DocAddress::new(ord as u32, doc))?;
            bytes += source.to_string().len() * times;
            bounds::shown_bytes(bytes, SHOWN_BYTES).map_err(ElasticError::bad)?;
            documents.insert(number, Document { index: search.index.name.clone(), id: json!(id), source });
        }
    }
    Ok(documents)
}

/// Aggregates over every index.
fn run(searches: &[Search<'_>], reading: Reading) -> Result<Value, ElasticError> {
    let aggs: Aggregations =
        serde_json::from_value(reading.aggs).map_err(|error| ElasticError::bad(error.to_string()))?;
    bounds::check(&aggs).map_err(ElasticError::bad)?;
    let limits = AggregationLimitsGuard::new(Some(AGGREGATION_BYTES), Some(AGGREGATION_BUCKETS));
    let mut merged: Option<IntermediateAggregationResults> = None;
    for search in searches {
        let compile = |place: &str| read(at_place(&reading.filters, place), &search.grammar).map_err(ElasticError::bad);
        let filtered = with_filters(&aggs, &compile)?;
        let context = AggContextParams::new(limits.clone(), search.searcher.index().tokenizers().clone());
        let collector = DistributedAggregationCollector::from_aggs(filtered, context);
        let fruit = search.searcher.search(search.query.as_ref(), &collector).map_err(failed)?;
        match &mut merged {
            None => merged = Some(fruit),
            Some(merged) => merged.merge_fruits(fruit).map_err(failed)?,
        }
    }
    let results = merged.unwrap_or_default().into_final_result(aggs, limits).map_err(failed)?;
    serde_json::to_value(results).map_err(|error| ElasticError::illegal(error.to_string()))
}

/// The first field of an aggregation that is text without its words being kept for it.
fn uncountable_field(aggs: &Value, kind: &dyn Fn(&str) -> Option<Kind>) -> Option<String> {
    match aggs {
        Value::Object(map) => map.iter().find_map(|(name, value)| match (name.as_str(), value) {
            ("field", Value::String(field)) if kind(field) == Some(Kind::Text { fielddata: false }) => {
                Some(field.clone())
            }
            // What stands there is a query, or is not counted.
            ("filter" | "filters" | "missing", _) => None,
            (_, value) => uncountable_field(value, kind),
        }),
        Value::Array(values) => values.iter().find_map(|value| uncountable_field(value, kind)),
        _ => None,
    }
}

fn uncountable(field: &str) -> ElasticError {
    ElasticError::illegal(format!(
        "Fielddata is disabled on [{field}]. Text fields are not optimised for operations that require per-document \
         field data like aggregations and sorting; use a keyword field"
    ))
}
