//! Filters inside aggregations: the engine would read them by a grammar of its own, so they are given to it as
//! queries that are compiled already.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tantivy::TantivyError;
use tantivy::aggregation::agg_req::{Aggregation, AggregationVariants, Aggregations};
use tantivy::aggregation::bucket::{FilterAggregation, QueryBuilder};
use tantivy::query::Query;
use tantivy::schema::Schema;
use tantivy::tokenizer::TokenizerManager;

type Boxed = Box<dyn Query>;

/// A query of one partition. It is never written: the engine asks for it where it runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Compiled {
    #[serde(skip)]
    query: Option<Arc<dyn Query>>,
}

#[typetag::serde(name = "compiled")]
impl QueryBuilder for Compiled {
    fn build_query(&self, _: &Schema, _: &TokenizerManager) -> tantivy::Result<Boxed> {
        let missing = || TantivyError::InvalidArgument("a filter was written instead of compiled".to_owned());
        self.query.as_ref().map(|query| query.box_clone()).ok_or_else(missing)
    }

    fn box_clone(&self) -> Box<dyn QueryBuilder> {
        Box::new(self.clone())
    }
}

/// The aggregations with the queries that their filters stand for. A filter is written as the place of its query
/// in a list, for which `compile` makes it.
pub(crate) fn with_filters<E>(
    aggregations: &Aggregations,
    compile: &dyn Fn(&str) -> Result<Boxed, E>,
) -> Result<Aggregations, E> {
    let one = |(name, aggregation): (&String, &Aggregation)| {
        let agg = match &aggregation.agg {
            AggregationVariants::Filter(filter) => {
                let place = serde_json::to_value(filter).unwrap_or_default();
                let query = compile(place.as_str().unwrap_or_default())?;
                let compiled = Compiled { query: Some(query.into()) };
                AggregationVariants::Filter(FilterAggregation::new_with_builder(Box::new(compiled)))
            }
            other => other.clone(),
        };
        let sub_aggregation = with_filters(&aggregation.sub_aggregation, compile)?;
        Ok((name.clone(), Aggregation { agg, sub_aggregation }))
    };
    aggregations.iter().map(one).collect()
}

/// What stands at a place in the list.
pub(crate) fn at_place<'a, T>(list: &'a [T], place: &str) -> Option<&'a T> {
    list.get(place.parse::<usize>().ok()?)
}
