//! `NOT`: the documents that another query does not match.
//!
//! Tantivy's own exclusion (0.27) moves the excluded set to documents that it has passed already, which its
//! ranges and phrases do not allow: they panic in debug builds and are undefined in release ones. This one only
//! ever moves forward.

use std::sync::Arc;

use tantivy::query::{ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, DocSet, Score, SegmentReader, TERMINATED, TantivyError};

/// Matches what `inner` does not; all with the same score.
#[derive(Debug, Clone)]
pub(crate) struct Complement {
    inner: Arc<dyn Query>,
}

impl Complement {
    pub fn of(inner: Box<dyn Query>) -> Self {
        Self { inner: inner.into() }
    }
}

impl Query for Complement {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        let scoring = match scoring.searcher() {
            Some(searcher) => EnableScoring::disabled_from_searcher(searcher),
            None => EnableScoring::disabled_from_schema(scoring.schema()),
        };
        Ok(Box::new(ComplementWeight { inner: self.inner.weight(scoring)? }))
    }
}

struct ComplementWeight {
    inner: Box<dyn Weight>,
}

impl Weight for ComplementWeight {
    fn scorer(&self, reader: &SegmentReader, _boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut docs = ComplementDocs { inner: self.inner.scorer(reader, 1.0)?, doc: 0, end: reader.max_doc() };
        docs.settle();
        Ok(Box::new(ConstScorer::new(docs, 0.0)))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Err(TantivyError::InvalidArgument("a negation has no score to explain".to_owned()))
    }
}

struct ComplementDocs {
    inner: Box<dyn Scorer>,
    doc: DocId,
    end: DocId,
}

impl ComplementDocs {
    /// Goes on from `doc`, inclusive, to the first document that is not in the inner set.
    fn settle(&mut self) -> DocId {
        while self.doc < self.end {
            if self.inner.doc() < self.doc {
                self.inner.seek(self.doc);
            }
            if self.inner.doc() > self.doc {
                return self.doc;
            }
            self.doc += 1;
        }
        self.doc = TERMINATED;
        TERMINATED
    }
}

impl DocSet for ComplementDocs {
    fn advance(&mut self) -> DocId {
        if self.doc == TERMINATED {
            return TERMINATED;
        }
        self.doc += 1;
        self.settle()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.doc = self.doc.max(target);
        self.settle()
    }

    fn doc(&self) -> DocId {
        self.doc
    }

    fn size_hint(&self) -> u32 {
        self.end.saturating_sub(self.inner.size_hint())
    }
}
