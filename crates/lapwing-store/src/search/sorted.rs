//! A page of hits in the order of any columns: numbers, keywords, times, the score, the order of being stored.
//!
//! Within a segment every value is a number in the order of the values, a keyword its ordinal; so a segment keeps its
//! best matches without reading a word. Only those are turned into values that compare across segments.

use std::collections::BinaryHeap;
use std::io;
use std::sync::Arc;

use tantivy::columnar::ColumnValues;
use tantivy::query::EnableScoring;
use tantivy::{DocAddress, DocId, Score, SegmentReader};

use super::column::RankedColumn;
use super::compile::Compiler;
use super::order::{By, Direction, Key, SortValue, compare};
use super::run::{Place, hit};
use super::scan::{documents_of, each_scored};
use super::{Deadline, Hit, Plan, Scope};
use crate::partition::io_error;
use crate::shared::Snapshot;
use crate::{SearchError, StoreConfig, schema};

/// A page in an order.
#[derive(Debug)]
pub(crate) struct Ordered {
    /// How many events match.
    pub total: u64,
    /// The hits, each with its value of every key.
    pub hits: Vec<(Hit, Vec<SortValue>)>,
}

/// Where a page stands in an order.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub keys: Vec<Key>,
    /// The values of the hit before it.
    pub after: Option<Vec<SortValue>>,
}

/// The first matches of the plan's query in an order. Of the plan's cursor only the state of the store counts.
pub(super) fn ordered(
    snapshot: &Snapshot,
    scope: &Scope,
    (plan, order): (&Plan, &Order),
    config: &StoreConfig,
    deadline: &Deadline,
) -> Result<Ordered, SearchError> {
    let keys = order.keys.as_slice();
    let as_of = plan.cursor.as_ref().map_or(snapshot.next_seq, |cursor| cursor.as_of);
    let (mut best, mut total) = (Best { keys, limit: plan.size, found: Vec::new() }, 0);
    for (at, view) in snapshot.views.iter().enumerate() {
        if !view.times.is_some_and(|times| plan.span.touches(times)) {
            continue;
        }
        deadline.check()?;
        let failed = |source| SearchError::Index { partition: view.id.to_string(), source };
        let query = Compiler { view, scope, config, deadline, span: plan.span }.compile(&plan.query)?;
        let scoring = match keys.iter().any(|key| matches!(key.by, By::Score)) {
            true => EnableScoring::enabled_from_searcher(&view.searcher),
            false => EnableScoring::disabled_from_searcher(&view.searcher),
        };
        let weight = query.weight(scoring).map_err(failed)?;
        for (ord, segment) in view.searcher.segment_readers().iter().enumerate() {
            let part = Part::of(segment, keys, order.after.as_deref()).map_err(failed)?;
            let documents = documents_of(segment, plan.span).map_err(failed)?;
            let mut heap = Heap { limit: plan.size, entries: BinaryHeap::new() };
            each_scored(weight.as_ref(), segment, &documents, deadline, &mut |doc, score| {
                let seq = part.seqs.get_val(doc);
                if seq < as_of {
                    total += 1;
                    part.visit(doc, score, seq, &mut heap);
                }
            })
            .map_err(|stop| stop.into_error(failed))?;
            best.take(part.found(heap, (at, ord as u32)).map_err(|error| failed(io_error(error)))?);
        }
    }
    best.cut();
    let (mut hits, mut bytes) = (Vec::with_capacity(best.found.len()), 0);
    for Found { place, values } in best.found {
        deadline.check()?;
        let hit = hit(snapshot, &place, plan)?;
        bytes += hit.event.get().len();
        hits.push((hit, values));
        if bytes >= config.max_page_bytes {
            break;
        }
    }
    Ok(Ordered { total, hits })
}

/// A match, comparable with those of other segments.
struct Found {
    values: Vec<SortValue>,
    place: Place,
}

/// The best matches of all segments.
struct Best<'a> {
    keys: &'a [Key],
    limit: usize,
    found: Vec<Found>,
}

impl Best<'_> {
    fn take(&mut self, found: Vec<Found>) {
        self.found.extend(found);
        if self.found.len() > 2 * self.limit {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let directions = || self.keys.iter().map(|key| key.direction);
        self.found.sort_by(|a, b| compare(directions(), &a.values, &b.values).then(a.place.seq.cmp(&b.place.seq)));
        self.found.truncate(self.limit);
    }
}

/// Where a value stands within a segment: what has none is before or behind all others.
type Spot = (u8, u64);
const BEFORE: u8 = 0;
const PRESENT: u8 = 1;
const BEHIND: u8 = 2;

impl Direction {
    fn spot(self, rank: Option<u64>) -> Spot {
        match rank {
            Some(rank) => (PRESENT, self.turn(rank)),
            None if self.missing_first => (BEFORE, 0),
            None => (BEHIND, 0),
        }
    }

    fn rank(self, (class, turned): Spot) -> Option<u64> {
        (class == PRESENT).then(|| self.turn(turned))
    }

    /// The greatest first, or as it is.
    fn turn(self, rank: u64) -> u64 {
        if self.descending { !rank } else { rank }
    }
}

/// The best matches of one segment; what is greatest comes last in the order.
struct Heap {
    limit: usize,
    entries: BinaryHeap<(Vec<Spot>, u64, DocId)>,
}

/// A segment as the order sees it.
struct Part<'a> {
    keys: &'a [Key],
    columns: Vec<RankedColumn>,
    seqs: Arc<dyn ColumnValues<u64>>,
    after: Option<Vec<Spot>>,
}

impl<'a> Part<'a> {
    fn of(segment: &SegmentReader, keys: &'a [Key], after: Option<&[SortValue]>) -> tantivy::Result<Self> {
        let columns = keys.iter().map(|key| RankedColumn::of(segment, key.by)).collect::<tantivy::Result<Vec<_>>>()?;
        let spot = |((key, column), value): ((&Key, &RankedColumn), &SortValue)| {
            Ok(key.direction.spot(column.rank_of(value)?))
        };
        let after = after.map(|values| keys.iter().zip(&columns).zip(values).map(spot).collect::<io::Result<_>>());
        let seqs = segment.fast_fields().u64(schema::SEQ)?.first_or_default_col(0);
        Ok(Self { keys, columns, seqs, after: after.transpose().map_err(io_error)? })
    }

    fn visit(&self, doc: DocId, score: Score, seq: u64, heap: &mut Heap) {
        let spot = |(key, column): (&Key, &RankedColumn)| {
            key.direction.spot(column.rank(doc, score, key.direction.descending))
        };
        let spots = || self.keys.iter().zip(&self.columns).map(spot);
        let full = heap.entries.len() >= heap.limit;
        // Nearly all are out by their first key.
        let is_out = |(worst, _, _): &(Vec<Spot>, _, _)| spots().next() > worst.first().copied();
        if heap.limit == 0 || full && heap.entries.peek().is_some_and(is_out) {
            return;
        }
        let spots: Vec<Spot> = spots().collect();
        if self.after.as_ref().is_some_and(|after| spots <= *after) {
            return;
        }
        heap.entries.push((spots, seq, doc));
        if full {
            heap.entries.pop();
        }
    }

    fn found(&self, heap: Heap, (view, segment): (usize, u32)) -> io::Result<Vec<Found>> {
        let found = |(spots, seq, doc): (Vec<Spot>, u64, DocId)| {
            let value = |((key, column), spot): ((&Key, &RankedColumn), Spot)| match key.direction.rank(spot) {
                Some(rank) => column.value(rank),
                None => Ok(SortValue::Missing),
            };
            let values = self.keys.iter().zip(&self.columns).zip(spots).map(value).collect::<io::Result<Vec<_>>>()?;
            let score = self.keys.iter().zip(&values).find_map(|(key, value)| key.by.score(value));
            Ok(Found { values, place: Place { view, address: DocAddress::new(segment, doc), seq, score } })
        };
        heap.entries.into_iter().map(found).collect()
    }
}
