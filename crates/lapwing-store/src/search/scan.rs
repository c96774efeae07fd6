//! Walking over the matches of one segment, in blocks, within a span of time and a deadline.
//!
//! Events in a segment are sorted by time, newest first, so a span is a range of documents and needs no filter.

use std::ops::{ControlFlow, Range};

use lapwing_event::Timestamp;
use tantivy::columnar::ColumnValues;
use tantivy::query::Weight;
use tantivy::{COLLECT_BLOCK_BUFFER_LEN, DateTime, DocId, DocSet, Score, SegmentReader};

use super::{Deadline, Span};
use crate::{SearchError, schema};

/// Blocks of documents between two looks at the clock.
const BLOCKS_PER_CHECK: usize = 64;

/// Why a segment was left before its end: Tantivy failed, or the search must end.
pub(super) enum Stop {
    Index(tantivy::TantivyError),
    Search(SearchError),
}

impl Stop {
    /// The error, with Tantivy's put into words by `failed`.
    pub fn into_error(self, failed: impl FnOnce(tantivy::TantivyError) -> SearchError) -> SearchError {
        match self {
            Self::Index(error) => failed(error),
            Self::Search(error) => error,
        }
    }
}

impl From<tantivy::TantivyError> for Stop {
    fn from(error: tantivy::TantivyError) -> Self {
        Self::Index(error)
    }
}

impl From<SearchError> for Stop {
    fn from(error: SearchError) -> Self {
        Self::Search(error)
    }
}

/// The documents of a segment whose time lies in the span.
pub(super) fn documents_of(segment: &SegmentReader, span: Span) -> tantivy::Result<Range<DocId>> {
    let times = segment.fast_fields().date(schema::TIME)?.first_or_default_col(DateTime::from_timestamp_nanos(0));
    let first_before = |limit| first_before(times.as_ref(), limit, segment.max_doc());
    Ok(first_before(span.to)..first_before(span.from))
}

/// The first document that is older than `limit`, in a segment sorted newest first.
fn first_before(times: &dyn ColumnValues<DateTime>, limit: Timestamp, max_doc: DocId) -> DocId {
    let (mut low, mut high) = (0, max_doc);
    while low < high {
        let middle = low + (high - low) / 2;
        match times.get_val(middle).into_timestamp_nanos() >= limit.nanos() {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    low
}

/// Shows the matches among `documents` to `visit`, in order and in blocks, until it breaks.
pub(super) fn blocks(
    weight: &dyn Weight,
    segment: &SegmentReader,
    documents: &Range<DocId>,
    deadline: &Deadline,
    visit: &mut dyn FnMut(&[DocId]) -> ControlFlow<()>,
) -> Result<(), Stop> {
    if documents.is_empty() {
        return Ok(());
    }
    let mut docs = weight.scorer(segment, 1.0)?;
    if docs.doc() < documents.start {
        docs.seek(documents.start);
    }
    let mut block = [0; COLLECT_BLOCK_BUFFER_LEN];
    for number in 1.. {
        let filled = docs.fill_buffer(&mut block);
        let inside = block[..filled].partition_point(|&doc| doc < documents.end);
        let alive = match segment.alive_bitset() {
            None => inside,
            Some(alive) => keep(&mut block[..inside], |doc| alive.is_alive(doc)),
        };
        if visit(&block[..alive]).is_break() || inside < block.len() {
            return Ok(());
        }
        if number % BLOCKS_PER_CHECK == 0 {
            deadline.check()?;
        }
    }
    Ok(())
}

/// Shows the matches among `documents` to `visit` one by one, in order, with their scores.
pub(super) fn each_scored(
    weight: &dyn Weight,
    segment: &SegmentReader,
    documents: &Range<DocId>,
    deadline: &Deadline,
    visit: &mut dyn FnMut(DocId, Score),
) -> Result<(), Stop> {
    let mut docs = weight.scorer(segment, 1.0)?;
    let mut doc = docs.doc();
    if doc < documents.start {
        doc = docs.seek(documents.start);
    }
    let mut visited = 0;
    while doc < documents.end {
        if !segment.is_deleted(doc) {
            visit(doc, docs.score());
        }
        visited += 1;
        if visited % (BLOCKS_PER_CHECK * COLLECT_BLOCK_BUFFER_LEN) == 0 {
            deadline.check()?;
        }
        doc = docs.advance();
    }
    Ok(())
}

/// Moves what is kept to the front, in order, and says how many.
fn keep(docs: &mut [DocId], accepts: impl Fn(DocId) -> bool) -> usize {
    let mut kept = 0;
    for at in 0..docs.len() {
        if accepts(docs[at]) {
            docs[kept] = docs[at];
            kept += 1;
        }
    }
    kept
}
