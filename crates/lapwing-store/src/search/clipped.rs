//! A phrase, looked for in the documents of a span alone.
//!
//! What holds the words of a phrase is read word by word to see whether they stand side by side. Left to itself
//! Tantivy does so from the beginning of a segment to its end, for the next match wherever it is, although a span
//! is a range of documents. Here the reading begins and ends with the range.

use std::ops::Range;
use std::sync::Arc;

use tantivy::query::{EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, DocSet, Score, SeekDangerResult, SegmentReader, TERMINATED};

use super::Span;
use super::scan::documents_of;

/// Matches what `inner` does, and of that nothing outside the span.
#[derive(Debug, Clone)]
pub(super) struct Clipped {
    inner: Arc<dyn Query>,
    span: Span,
}

impl Clipped {
    pub fn of(inner: impl Query, span: Span) -> Self {
        Self { inner: Arc::new(inner), span }
    }
}

impl Query for Clipped {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(ClippedWeight { inner: self.inner.weight(scoring)?, span: self.span }))
    }
}

struct ClippedWeight {
    inner: Box<dyn Weight>,
    span: Span,
}

impl Weight for ClippedWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let documents = documents_of(reader, self.span)?;
        if documents == (0..reader.max_doc()) {
            return self.inner.scorer(reader, boost);
        }
        let (first, inner) = self.inner.scorer_danger(reader, documents.start, boost)?;
        let Range { start, end } = documents;
        let mut docs = ClippedDocs { inner, doc: start, end };
        match first {
            SeekDangerResult::Found if start < end => {}
            SeekDangerResult::Found => docs.doc = TERMINATED,
            SeekDangerResult::SeekLowerBound(next) => _ = docs.settle(next),
        }
        Ok(Box::new(docs))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        self.inner.explain(reader, doc)
    }
}

struct ClippedDocs {
    /// Valid only while it stands on `doc`.
    inner: Box<dyn Scorer>,
    doc: DocId,
    end: DocId,
}

impl ClippedDocs {
    /// Goes to the first match from `candidate` on, which lies behind all that was looked at.
    fn settle(&mut self, mut candidate: DocId) -> DocId {
        self.doc = TERMINATED;
        while candidate < self.end {
            match self.inner.seek_danger(candidate) {
                SeekDangerResult::Found => {
                    self.doc = candidate;
                    break;
                }
                SeekDangerResult::SeekLowerBound(next) => candidate = next,
            }
        }
        self.doc
    }
}

impl DocSet for ClippedDocs {
    fn advance(&mut self) -> DocId {
        match self.doc {
            TERMINATED => TERMINATED,
            doc => self.settle(doc + 1),
        }
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if target <= self.doc { self.doc } else { self.settle(target) }
    }

    fn doc(&self) -> DocId {
        self.doc
    }

    fn size_hint(&self) -> u32 {
        self.inner.size_hint()
    }

    fn cost(&self) -> u64 {
        self.inner.cost()
    }
}

impl Scorer for ClippedDocs {
    fn score(&mut self) -> Score {
        self.inner.score()
    }
}
