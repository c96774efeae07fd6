//! The values of one segment that hits are ordered by, as numbers in the same order.

use std::io;
use std::sync::Arc;

use lapwing_event::IndexAs;
use tantivy::columnar::{Column, ColumnValues, StrColumn, TermOrdHit};
use tantivy::{DateTime, DocId, Score, SegmentReader, f64_to_u64, i64_to_u64, u64_to_f64, u64_to_i64};

use super::order::{By, SortValue};
use crate::schema;

/// One key's values in a segment.
pub(super) enum RankedColumn {
    /// No event of the segment has one.
    Nothing,
    Score,
    Stored(Arc<dyn ColumnValues<u64>>),
    Numbers(Column<f64>),
    Booleans(Column<bool>),
    Times(Column<DateTime>),
    Words(StrColumn),
}

impl RankedColumn {
    pub fn of(segment: &SegmentReader, by: By) -> tantivy::Result<Self> {
        let fast = segment.fast_fields();
        let field = match by {
            By::Nothing => return Ok(Self::Nothing),
            By::Score => return Ok(Self::Score),
            By::Stored => return Ok(Self::Stored(fast.u64(schema::SEQ)?.first_or_default_col(0))),
            By::Field(field) => field,
        };
        Ok(match field.index {
            IndexAs::Number => fast.column_opt(field.path)?.map_or(Self::Nothing, Self::Numbers),
            IndexAs::Bool => fast.column_opt(field.path)?.map_or(Self::Nothing, Self::Booleans),
            IndexAs::Date => fast.column_opt(field.path)?.map_or(Self::Nothing, Self::Times),
            IndexAs::Keyword => fast.str(field.path)?.map_or(Self::Nothing, Self::Words),
            IndexAs::Text | IndexAs::Json | IndexAs::Stored => Self::Nothing,
        })
    }

    /// The document's value as a number; of several, the one that comes first in the order.
    pub fn rank(&self, doc: DocId, score: Score, descending: bool) -> Option<u64> {
        fn first(values: impl Iterator<Item = u64>, descending: bool) -> Option<u64> {
            if descending { values.max() } else { values.min() }
        }
        match self {
            Self::Nothing => None,
            Self::Score => Some(f64_to_u64(f64::from(score))),
            Self::Stored(column) => Some(column.get_val(doc)),
            Self::Numbers(column) => first(column.values_for_doc(doc).map(f64_to_u64), descending),
            Self::Booleans(column) => first(column.values_for_doc(doc).map(u64::from), descending),
            Self::Times(column) => {
                first(column.values_for_doc(doc).map(|time| i64_to_u64(time.into_timestamp_millis())), descending)
            }
            Self::Words(column) => first(column.term_ords(doc).map(rank_of_ordinal), descending),
        }
    }

    /// The value that has this rank.
    pub fn value(&self, rank: u64) -> io::Result<SortValue> {
        Ok(match self {
            Self::Nothing => SortValue::Missing,
            Self::Score | Self::Numbers(_) => SortValue::Number(u64_to_f64(rank)),
            Self::Stored(_) => SortValue::Whole(rank as i64),
            Self::Booleans(_) => SortValue::Boolean(rank == 1),
            Self::Times(_) => SortValue::Whole(u64_to_i64(rank)),
            Self::Words(column) => {
                let mut word = String::new();
                column.ord_to_str(rank / 2, &mut word)?;
                SortValue::Text(word)
            }
        })
    }

    /// The rank that a value from elsewhere has or would have here.
    pub fn rank_of(&self, value: &SortValue) -> io::Result<Option<u64>> {
        Ok(match (self, value) {
            (_, SortValue::Missing) => None,
            (Self::Score | Self::Numbers(_), SortValue::Number(number)) => Some(f64_to_u64(*number)),
            (Self::Stored(_), SortValue::Whole(number)) => Some(*number as u64),
            (Self::Times(_), SortValue::Whole(number)) => Some(i64_to_u64(*number)),
            (Self::Booleans(_), SortValue::Boolean(value)) => Some(u64::from(*value)),
            (Self::Words(column), SortValue::Text(word)) => Some(match column.dictionary().term_ord_or_next(word)? {
                TermOrdHit::Exact(ordinal) => rank_of_ordinal(ordinal),
                // Between two words: less than the next one.
                TermOrdHit::Next(ordinal) => rank_of_ordinal(ordinal.min(column.num_terms() as u64)) - 1,
            }),
            // Nothing here compares with it; whatever has no value is behind or before it.
            _ => Some(0),
        })
    }
}

/// Odd, so that there is a number between any two.
fn rank_of_ordinal(ordinal: u64) -> u64 {
    2 * ordinal + 1
}
