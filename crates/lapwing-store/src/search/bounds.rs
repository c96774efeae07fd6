//! What the aggregations of one request may cost, whichever index they are for.

use tantivy::aggregation::agg_req::{AggregationVariants, Aggregations};

/// Aggregations nest at most this deep.
const MAX_DEPTH: usize = 4;
/// The most aggregations of a request, those inside each of several filters counted for each.
const MAX_AGGREGATIONS: usize = 5_000;
/// The most filters of a request: each makes a set of documents for every segment.
const MAX_FILTERS: usize = 200;
/// The last place that `top_hits` reaches, which is Elasticsearch's own bound: the engine makes room for all of them
/// in each bucket.
const MAX_TOP_HITS: u64 = 100;
/// The most documents that all `top_hits` of a request show.
const MAX_SHOWN: usize = 10_000;
/// The most buckets on one page of a composite aggregation.
const MAX_COMPOSITE: u32 = 10_000;

/// Checks what is known of aggregations before they run.
pub(crate) fn check(aggregations: &Aggregations) -> Result<(), String> {
    check_level(aggregations, 1)
}

fn check_level(aggregations: &Aggregations, level: usize) -> Result<(), String> {
    for aggregation in aggregations.values() {
        depth(level)?;
        match &aggregation.agg {
            AggregationVariants::Composite(composite) if composite.size > MAX_COMPOSITE => {
                return Err(format!("composite gives at most {MAX_COMPOSITE} buckets at once; go on with after"));
            }
            AggregationVariants::TopHits(hits) => {
                // Its fields are private, and it is written as it is read.
                let hits = serde_json::to_value(hits).map_err(|error| error.to_string())?;
                top_hits(hits["size"].as_u64().unwrap_or(u64::MAX), hits["from"].as_u64().unwrap_or(0))?;
            }
            _ => {}
        }
        check_level(&aggregation.sub_aggregation, level + 1)?;
    }
    Ok(())
}

/// Whether aggregations may stand at this level, the first of which is 1.
pub(crate) fn depth(level: usize) -> Result<(), String> {
    at_most(level, MAX_DEPTH, "aggregations are nested too deep", "levels")
}

/// Whether a request may have so many aggregations.
pub(crate) fn aggregations(count: usize) -> Result<(), String> {
    at_most(count, MAX_AGGREGATIONS, "there are too many aggregations", "aggregations")
}

/// Whether a request may have so many filters.
pub(crate) fn filters(count: usize) -> Result<(), String> {
    at_most(count, MAX_FILTERS, "there are too many filters in aggregations", "filters")
}

/// Whether so many documents may be shown.
pub(crate) fn shown(count: usize) -> Result<(), String> {
    at_most(count, MAX_SHOWN, "top_hits shows too many documents", "documents in all buckets")
}

/// Whether the documents shown may be so long together.
pub(crate) fn shown_bytes(bytes: usize, most: usize) -> Result<(), String> {
    at_most(bytes, most, "the documents that top_hits shows are too long together", "bytes")
}

/// Whether `top_hits` may reach so far.
pub(crate) fn top_hits(size: u64, from: u64) -> Result<(), String> {
    match size.saturating_add(from) {
        ..=MAX_TOP_HITS => Ok(()),
        last => Err(format!("size and from of top_hits are {last} together; at most {MAX_TOP_HITS} are kept")),
    }
}

fn at_most(count: usize, most: usize, fault: &str, what: &str) -> Result<(), String> {
    match count <= most {
        true => Ok(()),
        false => Err(format!("{fault}; at most {most} {what} are read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_bounded() {
        assert_eq!((shown(10_000), shown_bytes(7, 7)), (Ok(()), Ok(())));
        assert!(shown(10_001).is_err_and(|fault| fault.contains("at most 10000 documents")));
        assert!(shown_bytes(8, 7).is_err_and(|fault| fault.contains("at most 7 bytes")));
    }
}
