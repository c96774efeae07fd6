//! Patterns and ranges of terms, expanded against a partition's dictionaries into the terms that exist.
//!
//! Tantivy would expand them inside its scorers, out of reach of any bound.

use std::collections::BTreeSet;
use std::ops::Bound;

use tantivy::schema::Field;
use tantivy::termdict::TermDictionary;
use tantivy::{Searcher, Term};

use super::Deadline;
use crate::SearchError;
use crate::partition::{PartitionId, io_error};
use crate::query::{Condition, Pattern, QueryError};

/// How many terms of a dictionary are looked at between two looks at the clock.
const TERMS_PER_CHECK: usize = 4_096;

/// Expands within one partition.
pub(super) struct Expansion<'a> {
    pub partition: &'a PartitionId,
    pub searcher: &'a Searcher,
    pub max_terms: usize,
    pub deadline: &'a Deadline,
}

impl Expansion<'_> {
    /// The terms below `base` that match the pattern; `base` is empty but for the path of a JSON field.
    pub fn pattern(&self, base: &Term, pattern: &Pattern, of: &Condition) -> Result<Vec<Term>, SearchError> {
        let base_bytes = base.serialized_value_bytes();
        let start = [base_bytes, pattern.literal_prefix().as_bytes()].concat();
        let prefix = start.clone();
        let accepts = |bytes: &[u8]| match bytes.starts_with(&prefix) {
            false => Found::End,
            true => match std::str::from_utf8(&bytes[base_bytes.len()..]) {
                Ok(text) if pattern.matches(text) => Found::Match,
                _ => Found::Pass,
            },
        };
        self.terms(base, &Bound::Included(start), accepts, of)
    }

    /// The keywords between these.
    pub fn range(
        &self,
        field: Field,
        (lower, upper): (&Bound<String>, &Bound<String>),
        of: &Condition,
    ) -> Result<Vec<Term>, SearchError> {
        let start = lower.as_ref().map(|text| text.as_bytes().to_vec());
        let accepts = |bytes: &[u8]| {
            let inside = match upper {
                Bound::Included(end) => bytes <= end.as_bytes(),
                Bound::Excluded(end) => bytes < end.as_bytes(),
                Bound::Unbounded => true,
            };
            if inside { Found::Match } else { Found::End }
        };
        self.terms(&Term::from_field_text(field, ""), &start, accepts, of)
    }

    fn terms(
        &self,
        base: &Term,
        start: &Bound<Vec<u8>>,
        accepts: impl Fn(&[u8]) -> Found,
        of: &Condition,
    ) -> Result<Vec<Term>, SearchError> {
        let mut terms = BTreeSet::new();
        for segment in self.searcher.segment_readers() {
            let inverted = segment.inverted_index(base.field()).map_err(|source| self.failed(source))?;
            self.scan(inverted.terms(), start, &accepts, &mut terms, of)?;
        }
        let term = |bytes: Vec<u8>| {
            let mut term = base.clone();
            term.set_bytes(&bytes);
            term
        };
        Ok(terms.into_iter().map(term).collect())
    }

    fn scan(
        &self,
        dictionary: &TermDictionary,
        start: &Bound<Vec<u8>>,
        accepts: &impl Fn(&[u8]) -> Found,
        terms: &mut BTreeSet<Vec<u8>>,
        of: &Condition,
    ) -> Result<(), SearchError> {
        let range = match start {
            Bound::Included(start) => dictionary.range().ge(start),
            Bound::Excluded(start) => dictionary.range().gt(start),
            Bound::Unbounded => dictionary.range(),
        };
        let mut stream = range.into_stream().map_err(|error| self.failed(io_error(error)))?;
        let mut scanned = 0;
        while stream.advance() {
            match accepts(stream.key()) {
                Found::End => break,
                Found::Pass => {}
                Found::Match => {
                    terms.insert(stream.key().to_vec());
                }
            }
            if terms.len() > self.max_terms {
                let message = format!("stands for more than {} terms; make it more specific", self.max_terms);
                return Err(QueryError { position: of.position, message, suggestion: None }.into());
            }
            scanned += 1;
            if scanned % TERMS_PER_CHECK == 0 {
                self.deadline.check()?;
            }
        }
        Ok(())
    }

    fn failed(&self, source: tantivy::TantivyError) -> SearchError {
        SearchError::Index { partition: self.partition.to_string(), source }
    }
}

/// What a scan makes of a term.
enum Found {
    Match,
    Pass,
    End,
}
