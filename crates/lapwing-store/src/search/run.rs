//! A search over a snapshot: partition by partition in the order of the hits, ending as soon as no later one can
//! change the page.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Instant;

use lapwing_event::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tantivy::columnar::ColumnValues;
use tantivy::query::{EnableScoring, Weight};
use tantivy::schema::Value as _;
use tantivy::{DateTime, DocAddress, DocId, SegmentReader, TantivyDocument};

use super::compile::Compiler;
use super::cursor::Cursor;
use super::scan::{Stop, blocks, documents_of, each_scored};
use super::top::{Candidate, Rank, Top};
use super::{Deadline, Hit, Plan, Relation, Scope, SearchResponse, Sort, Span, Total, highlight};
use crate::partition::View;
use crate::shared::Snapshot;
use crate::{SearchError, StoreConfig, schema};

/// One page of the plan's hits.
pub(crate) fn search(
    snapshot: &Snapshot,
    scope: &Scope,
    plan: &Plan,
    config: &StoreConfig,
    deadline: &Deadline,
) -> Result<SearchResponse, SearchError> {
    let started = Instant::now();
    let mut collector = Collector {
        sort: plan.sort,
        span: plan.span,
        as_of: plan.cursor.as_ref().map_or(snapshot.next_seq, |cursor| cursor.as_of),
        after: plan.cursor.as_ref().map(|cursor| cursor.after),
        // One more than the page, to know whether there is another.
        top: Top::new(plan.size + 1),
        count: 0,
        count_up_to: plan.count_up_to.unwrap_or(config.count_up_to),
        complete: true,
        deadline,
    };
    for at in order(snapshot, plan) {
        let view = &snapshot.views[at];
        let best = view.times.map(|(first, last)| if plan.sort == Sort::OldestFirst { first } else { last });
        if best.is_some_and(|time| collector.is_done(Rank::highest(plan.sort, time))) {
            collector.complete = false;
            break;
        }
        deadline.check()?;
        let query = Compiler { view, scope, config, deadline }.compile(&plan.query)?;
        collector.partition(at, view, query.as_ref())?;
    }

    let total = Total {
        value: collector.count,
        relation: if collector.complete { Relation::Exactly } else { Relation::AtLeast },
    };
    let as_of = collector.as_of;
    let candidates = collector.top.into_sorted();
    let (mut hits, mut bytes) = (Vec::new(), 0);
    for candidate in candidates.iter().take(plan.size) {
        deadline.check()?;
        let score = (plan.sort == Sort::BestFirst).then(|| f32::from_bits(candidate.rank.0 as u32));
        let Candidate { view, address, seq, .. } = *candidate;
        let hit = hit(snapshot, &Place { view, address, seq, score }, plan)?;
        bytes += hit.event.get().len();
        hits.push(hit);
        if bytes >= config.max_page_bytes {
            break;
        }
    }
    let last = hits.len().checked_sub(1).filter(|_| hits.len() < candidates.len());
    let next_cursor = last.map(|last| {
        let (from, to) = (plan.span.from.nanos(), plan.span.to.nanos());
        Cursor { after: candidates[last].rank, as_of, from, to, of: plan.fingerprint() }.encode()
    });
    Ok(SearchResponse { took_ms: started.elapsed().as_millis() as u64, total, hits, next_cursor })
}

/// The partitions that the span touches, the one with the first hits first.
fn order(snapshot: &Snapshot, plan: &Plan) -> Vec<usize> {
    let views = snapshot.views.iter().enumerate();
    let touched = views.filter(|(_, view)| view.times.is_some_and(|times| plan.span.touches(times)));
    let mut order: Vec<usize> = touched.map(|(at, _)| at).collect();
    // Parts of one day overlap, so their names do not tell.
    let times = |at: &usize| snapshot.views[*at].times;
    match plan.sort {
        Sort::OldestFirst => order.sort_by_key(|at| times(at).map(|(first, _)| first)),
        Sort::NewestFirst | Sort::BestFirst => order.sort_by_key(|at| Reverse(times(at).map(|(_, last)| last))),
    }
    order
}

struct Collector<'a> {
    sort: Sort,
    span: Span,
    as_of: u64,
    after: Option<Rank>,
    top: Top,
    count: u64,
    count_up_to: u64,
    /// Whether every match was counted.
    complete: bool,
    deadline: &'a Deadline,
}

/// What is needed of a segment to rank its documents.
struct Columns {
    times: Arc<dyn ColumnValues<DateTime>>,
    seqs: Arc<dyn ColumnValues<u64>>,
    /// The documents of the span.
    documents: Range<DocId>,
}

impl Collector<'_> {
    /// Whether nothing of this rank or less can change the page or the count.
    fn is_done(&self, rank: Rank) -> bool {
        self.sort != Sort::BestFirst && self.count >= self.count_up_to && !self.top.admits(rank)
    }

    fn partition(&mut self, at: usize, view: &View, query: &dyn tantivy::query::Query) -> Result<(), SearchError> {
        let failed = |source| SearchError::Index { partition: view.id.to_string(), source };
        let scoring = match self.sort {
            Sort::BestFirst => EnableScoring::enabled_from_searcher(&view.searcher),
            _ => EnableScoring::disabled_from_searcher(&view.searcher),
        };
        let weight = query.weight(scoring).map_err(failed)?;
        for (ord, segment) in view.searcher.segment_readers().iter().enumerate() {
            let columns = columns(segment, self.span).map_err(failed)?;
            let place = (at, ord as u32);
            match self.sort {
                Sort::BestFirst => self.scored(place, weight.as_ref(), segment, &columns),
                _ => self.timed(place, weight.as_ref(), segment, &columns),
            }
            .map_err(|stop| stop.into_error(failed))?;
        }
        Ok(())
    }

    /// Documents by time, in blocks.
    fn timed(
        &mut self,
        place: (usize, u32),
        weight: &dyn Weight,
        segment: &SegmentReader,
        columns: &Columns,
    ) -> Result<(), Stop> {
        blocks(weight, segment, &columns.documents, self.deadline, &mut |docs| {
            for &doc in docs {
                let highest = self.visit(place, doc, 0.0, columns);
                if self.sort == Sort::NewestFirst && self.is_done(highest) {
                    self.complete = false;
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })
    }

    /// Documents with their scores, one by one.
    fn scored(
        &mut self,
        place: (usize, u32),
        weight: &dyn Weight,
        segment: &SegmentReader,
        columns: &Columns,
    ) -> Result<(), Stop> {
        each_scored(weight, segment, &columns.documents, self.deadline, &mut |doc, score| {
            self.visit(place, doc, score, columns);
        })
    }

    /// Counts a match and keeps it if it belongs on the page. Gives the highest rank that documents behind it can
    /// have in the order by newest.
    fn visit(&mut self, (view, segment): (usize, u32), doc: u32, score: f32, columns: &Columns) -> Rank {
        let time = Timestamp::from_nanos(columns.times.get_val(doc).into_timestamp_nanos());
        let highest = Rank::highest(self.sort, time);
        let seq = columns.seqs.get_val(doc);
        if seq >= self.as_of {
            return highest;
        }
        self.count += 1;
        let rank = Rank::of(self.sort, time, score, seq);
        if self.after.is_none_or(|after| rank < after) {
            self.top.push(Candidate { rank, seq, view, address: DocAddress::new(segment, doc) });
        }
        highest
    }
}

fn columns(segment: &SegmentReader, span: Span) -> tantivy::Result<Columns> {
    let fast = segment.fast_fields();
    Ok(Columns {
        times: fast.date(schema::TIME)?.first_or_default_col(DateTime::from_timestamp_nanos(0)),
        seqs: fast.u64(schema::SEQ)?.first_or_default_col(0),
        documents: documents_of(segment, span)?,
    })
}

/// Where a hit is, and what the search found out about it.
pub(super) struct Place {
    /// The partition, by its place in the snapshot.
    pub view: usize,
    pub address: DocAddress,
    pub seq: u64,
    pub score: Option<f32>,
}

/// Reads a hit as the plan wants it shown.
pub(super) fn hit(snapshot: &Snapshot, place: &Place, plan: &Plan) -> Result<Hit, SearchError> {
    let view = &snapshot.views[place.view];
    let score = place.score;
    let hit = read_hit(view, place.address, place.seq)?;
    if plan.fields.is_none() && plan.highlight.is_none() {
        return Ok(Hit { score, ..hit });
    }
    let event: Value = serde_json::from_str(hit.event.get()).map_err(|_| corrupt(view))?;
    let marked = plan.highlight.as_ref().map_or_else(BTreeMap::new, |how| highlight(&plan.query, &event, how));
    let event = match &plan.fields {
        Some(paths) => RawValue::from_string(project(&event, paths).to_string()).map_err(|_| corrupt(view))?,
        None => hit.event,
    };
    Ok(Hit { seq: hit.seq, score, event, highlight: marked })
}

/// Reads an event back.
pub(crate) fn read_hit(view: &View, address: DocAddress, seq: u64) -> Result<Hit, SearchError> {
    let failed = |source| SearchError::Index { partition: view.id.to_string(), source };
    let document: TantivyDocument = view.searcher.doc(address).map_err(failed)?;
    let source = document.get_first(view.fields.source).and_then(|value| value.as_str().map(str::to_owned));
    let event = source.and_then(|source| RawValue::from_string(source).ok()).ok_or_else(|| corrupt(view))?;
    Ok(Hit { seq, score: None, event, highlight: BTreeMap::new() })
}

fn corrupt(view: &View) -> SearchError {
    let source = tantivy::TantivyError::InternalError("document without its event".to_owned());
    SearchError::Index { partition: view.id.to_string(), source }
}

/// The event with only these paths.
fn project(event: &Value, paths: &[String]) -> Value {
    let mut kept = Map::new();
    for path in paths {
        if let Some(value) = event.pointer(&format!("/{}", path.replace('.', "/"))) {
            insert(&mut kept, path, value.clone());
        }
    }
    Value::Object(kept)
}

fn insert(into: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(into.insert(path.to_owned(), value)),
        Some((name, rest)) => {
            let inner = into.entry(name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projection_keeps_paths_and_nesting() {
        let check = |paths: &[&str], expect: &str| {
            let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
            let event = serde_json::json!({"a": {"b": 1, "c": 2}, "d": 3});
            assert_eq!(project(&event, &paths).to_string(), expect, "{paths:?}");
        };
        check(&["a.b"], r#"{"a":{"b":1}}"#);
        check(&["a.b", "a.c", "x.y"], r#"{"a":{"b":1,"c":2}}"#);
        check(&["a", "a.b", "d.x"], r#"{"a":{"b":1,"c":2}}"#);
        check(&["d"], r#"{"d":3}"#);
        check(&[], "{}");
    }
}
