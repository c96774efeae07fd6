//! Counting and measuring matches: Tantivy's aggregations over every partition of the span, merged, within
//! bounds of buckets and memory.

use std::ops::ControlFlow;
use std::time::Instant;

use lapwing_event::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tantivy::TantivyError;
use tantivy::aggregation::agg_req::{Aggregations, get_fast_field_names};
use tantivy::aggregation::intermediate_agg_result::IntermediateAggregationResults;
use tantivy::aggregation::{AggContextParams, AggregationLimitsGuard, AggregationSegmentCollector};
use tantivy::collector::SegmentCollector;
use tantivy::query::EnableScoring;

use super::compile::Compiler;
use super::filtered::{at_place, with_filters};
use super::plan::span;
use super::scan::{blocks, documents_of};
use super::{Deadline, Scope, Span, bounds};
use crate::partition::View;
use crate::query::{Query, nearest, parse_query};
use crate::shared::Snapshot;
use crate::{SearchError, Store, StoreConfig, schema};

/// What to count and measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AggregateRequest {
    /// The query, see [`crate::parse_query`].
    #[serde(default, alias = "query")]
    pub q: String,
    /// As in a search.
    #[serde(default)]
    pub from: Option<String>,
    /// As in a search.
    #[serde(default)]
    pub to: Option<String>,
    /// The aggregations by name, in Elasticsearch's form: `terms`, `multi_terms`, `date_histogram`, `histogram`,
    /// `range`, `composite`, `top_hits`, `filter` with a query as in `q`, and the metrics `avg`, `min`, `max`, `sum`,
    /// `value_count`, `stats`, `extended_stats`, `percentiles`, `cardinality`, each with `aggs` inside.
    #[serde(alias = "aggregations")]
    pub aggs: Value,
}

/// What was counted and measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AggregateResponse {
    /// How long it took.
    pub took_ms: u64,
    /// How many events matched.
    pub total: u64,
    /// The results by name.
    pub aggregations: Value,
}

impl Store {
    /// Counts and measures the tenant's events that match.
    pub async fn aggregate(&self, scope: &Scope, request: &AggregateRequest) -> Result<AggregateResponse, SearchError> {
        let query = parse_query(&request.q, scope.now)?;
        let span = span(request.from.as_deref(), request.to.as_deref(), scope.now)?;
        let (aggs, filters) = filters_of(request.aggs.clone(), scope.now)?;
        self.aggregate_query(scope, query, span, (&aggs, filters)).await
    }

    /// Aggregations, and the queries that their filters name by their places.
    pub(crate) async fn aggregate_query(
        &self,
        scope: &Scope,
        query: Query,
        span: Span,
        (aggs, filters): (&Value, Vec<Query>),
    ) -> Result<AggregateResponse, SearchError> {
        let aggregations = read(aggs)?;
        let (scope, config) = (scope.clone(), self.config.clone());
        self.within_limits(scope.tenant.clone(), move |snapshot, deadline| {
            let mut aggregator = Aggregator::new(&scope, &config, deadline, (aggregations, filters));
            aggregator.snapshot(snapshot, &query, span)
        })
        .await
    }
}

/// Reads the queries of filters, and puts their places into the aggregations instead.
pub(crate) fn filters_of(mut aggs: Value, now: Timestamp) -> Result<(Value, Vec<Query>), SearchError> {
    let mut filters = Vec::new();
    take_filters(&mut aggs, now, &mut filters)?;
    Ok((aggs, filters))
}

fn take_filters(aggs: &mut Value, now: Timestamp, filters: &mut Vec<Query>) -> Result<(), SearchError> {
    for agg in aggs.as_object_mut().into_iter().flat_map(|aggs| aggs.values_mut()) {
        if let Some(filter) = agg.get_mut("filter") {
            let text = filter.as_str().ok_or_else(|| fault("filter must be a query, as in q".to_owned()))?;
            filters.push(parse_query(text, now)?);
            bounds::filters(filters.len()).map_err(fault)?;
            *filter = Value::String((filters.len() - 1).to_string());
        }
        for below in ["aggs", "aggregations"] {
            agg.get_mut(below).map_or(Ok(()), |below| take_filters(below, now, filters))?;
        }
    }
    Ok(())
}

/// Reads and checks aggregations.
fn read(aggs: &Value) -> Result<Aggregations, SearchError> {
    let aggregations: Aggregations = serde_json::from_value(aggs.clone()).map_err(|error| fault(error.to_string()))?;
    if aggregations.is_empty() {
        return Err(fault("names no aggregation".to_owned()));
    }
    bounds::check(&aggregations).map_err(fault)?;
    for name in get_fast_field_names(&aggregations) {
        if !schema::has_column(&name) && name != schema::SEQ && !name.starts_with("sanitization.counts.") {
            let hint = nearest(&name).map(|known| format!("; did you mean {known:?}?")).unwrap_or_default();
            return Err(fault(format!("field {name:?} has no column to count{hint}")));
        }
    }
    Ok(aggregations)
}

pub(super) fn fault(reason: String) -> SearchError {
    SearchError::Parameter { parameter: "aggs", reason }
}

struct Aggregator<'a> {
    scope: &'a Scope,
    config: &'a StoreConfig,
    deadline: &'a Deadline,
    aggregations: Aggregations,
    filters: Vec<Query>,
    limits: AggregationLimitsGuard,
    total: u64,
}

impl<'a> Aggregator<'a> {
    fn new(
        scope: &'a Scope,
        config: &'a StoreConfig,
        deadline: &'a Deadline,
        (aggregations, filters): (Aggregations, Vec<Query>),
    ) -> Self {
        let memory = config.max_aggregation_bytes as u64;
        let limits = AggregationLimitsGuard::new(Some(memory), Some(config.max_aggregation_buckets));
        Self { scope, config, deadline, aggregations, filters, limits, total: 0 }
    }

    fn snapshot(&mut self, snapshot: &Snapshot, query: &Query, span: Span) -> Result<AggregateResponse, SearchError> {
        let started = Instant::now();
        let mut merged: Option<IntermediateAggregationResults> = None;
        for view in snapshot.views.iter().filter(|view| view.times.is_some_and(|times| span.touches(times))) {
            for fruit in self.partition(view, query, span)? {
                match &mut merged {
                    None => merged = Some(fruit),
                    Some(merged) => merged.merge_fruits(fruit).map_err(|error| self.failed(view, error))?,
                }
            }
        }
        let last = merged.unwrap_or_default().into_final_result(self.aggregations.clone(), self.limits.clone());
        let aggregations = last.and_then(|results| Ok(serde_json::to_value(results)?)).map_err(out_of_bounds)?;
        Ok(AggregateResponse { took_ms: started.elapsed().as_millis() as u64, total: self.total, aggregations })
    }

    fn partition(
        &mut self,
        view: &View,
        query: &Query,
        span: Span,
    ) -> Result<Vec<IntermediateAggregationResults>, SearchError> {
        let (scope, config, deadline) = (self.scope, self.config, self.deadline);
        let compiler = Compiler { view, scope, config, deadline, span };
        let aggregations = with_filters(&self.aggregations, &|place| {
            compiler.compile(at_place(&self.filters, place).ok_or(SearchError::Internal)?)
        })?;
        let query = compiler.compile(query)?;
        let weight = query.weight(EnableScoring::disabled_from_searcher(&view.searcher));
        let weight = weight.map_err(|error| self.failed(view, error))?;
        let tokenizers = view.searcher.index().tokenizers().clone();
        let context = AggContextParams::new(self.limits.clone(), tokenizers);
        let mut fruits = Vec::new();
        for (ord, segment) in view.searcher.segment_readers().iter().enumerate() {
            let documents = documents_of(segment, span).map_err(|error| self.failed(view, error))?;
            // A collector looks for all that its filters match.
            deadline.check()?;
            let collector =
                AggregationSegmentCollector::from_agg_req_and_reader(&aggregations, segment, ord as u32, &context);
            let mut collector = collector.map_err(|error| self.failed(view, error))?;
            let mut total = 0;
            blocks(weight.as_ref(), segment, &documents, deadline, &mut |docs| {
                total += docs.len() as u64;
                collector.collect_block(docs);
                ControlFlow::Continue(())
            })
            .map_err(|stop| stop.into_error(|error| self.failed(view, error)))?;
            self.total += total;
            fruits.push(collector.harvest().map_err(|error| self.failed(view, error))?);
        }
        Ok(fruits)
    }

    fn failed(&self, view: &View, error: TantivyError) -> SearchError {
        match error {
            TantivyError::AggregationError(_) | TantivyError::InvalidArgument(_) => out_of_bounds(error),
            source => SearchError::Index { partition: view.id.to_string(), source },
        }
    }
}

/// A bound of memory or buckets was reached, or an aggregation does not fit its field.
fn out_of_bounds(error: TantivyError) -> SearchError {
    fault(error.to_string())
}
