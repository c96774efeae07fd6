//! What came since a sequence number: the step that a live tail takes at every commit.

use tantivy::query::EnableScoring;
use tantivy::{DocAddress, DocSet, TERMINATED};

use super::compile::Compiler;
use super::plan::all_time;
use super::run::read_hit;
use super::top::{Candidate, Rank, Top};
use super::{Deadline, Hit, Scope};
use crate::partition::View;
use crate::query::Query;
use crate::shared::Snapshot;
use crate::{SearchError, StoreConfig, schema};

/// Documents between two looks at the clock.
const DOCUMENTS_PER_CHECK: usize = 4_096;

/// Matches in the order in which they were stored, and where to go on.
pub(crate) struct Step {
    pub hits: Vec<Hit>,
    /// The sequence number to ask for next.
    pub next_seq: u64,
    /// Whether the snapshot may hold more than fitted.
    pub more: bool,
}

/// The first `limit` matches from `from_seq` on.
pub(crate) fn follow(
    snapshot: &Snapshot,
    scope: &Scope,
    query: &Query,
    from_seq: u64,
    limit: usize,
    config: &StoreConfig,
    deadline: &Deadline,
) -> Result<Step, SearchError> {
    let mut top = Top::new(limit);
    for (at, view) in snapshot.views.iter().enumerate() {
        let failed = |source| SearchError::Index { partition: view.id.to_string(), source };
        // Only the few partitions that took new events are searched.
        if latest_seq(view).map_err(failed)?.is_some_and(|seq| seq >= from_seq) {
            let query = Compiler { view, scope, config, deadline, span: all_time() }.compile(query)?;
            collect(at, view, query.as_ref(), from_seq, &mut top, deadline)?;
        }
    }
    let candidates = top.into_sorted();
    let more = candidates.len() == limit;
    let next_seq = if more { candidates.last().map_or(from_seq, |last| last.seq + 1) } else { snapshot.next_seq };
    let hits = candidates.iter().map(|candidate| {
        let view = &snapshot.views[candidate.view];
        read_hit(view, candidate.address, candidate.seq)
    });
    Ok(Step { hits: hits.collect::<Result<_, _>>()?, next_seq: next_seq.max(from_seq), more })
}

fn latest_seq(view: &View) -> tantivy::Result<Option<u64>> {
    let segments = view.searcher.segment_readers().iter();
    let latest = segments.map(|segment| Ok(segment.fast_fields().u64(schema::SEQ)?.max_value()));
    latest.reduce(|a: tantivy::Result<u64>, b| Ok(a?.max(b?))).transpose()
}

fn collect(
    at: usize,
    view: &View,
    query: &dyn tantivy::query::Query,
    from_seq: u64,
    top: &mut Top,
    deadline: &Deadline,
) -> Result<(), SearchError> {
    let failed = |source| SearchError::Index { partition: view.id.to_string(), source };
    let weight = query.weight(EnableScoring::disabled_from_searcher(&view.searcher)).map_err(failed)?;
    for (ord, segment) in view.searcher.segment_readers().iter().enumerate() {
        let seqs = segment.fast_fields().u64(schema::SEQ).map_err(failed)?;
        if seqs.max_value() < from_seq {
            continue;
        }
        let seqs = seqs.first_or_default_col(0);
        let mut docs = weight.scorer(segment, 1.0).map_err(failed)?;
        let (mut doc, mut visited) = (docs.doc(), 0);
        while doc != TERMINATED {
            let seq = seqs.get_val(doc);
            if seq >= from_seq && !segment.is_deleted(doc) {
                // The least sequence number has the greatest rank.
                top.push(Candidate { rank: Rank(!seq, 0), seq, view: at, address: DocAddress::new(ord as u32, doc) });
            }
            visited += 1;
            if visited % DOCUMENTS_PER_CHECK == 0 {
                deadline.check()?;
            }
            doc = docs.advance();
        }
    }
    Ok(())
}
