//! The keys of an order, and the values that hits have in it: what comes first, and where what has no value goes.

use std::cmp::Ordering;

use lapwing_event::Field;

use crate::schema;

/// What hits are ordered by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By {
    /// A field that has a column.
    Field(&'static Field),
    /// A field that no event has.
    Nothing,
    /// Relevance.
    Score,
    /// The order of being stored.
    Stored,
}

/// One key of an order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub by: By,
    pub direction: Direction,
}

/// Which values come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Direction {
    pub descending: bool,
    /// Whether what has no value comes first; it is last otherwise.
    pub missing_first: bool,
}

/// A value of a hit in an order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SortValue {
    Missing,
    /// A whole number; a time in milliseconds.
    Whole(i64),
    Number(f64),
    Text(String),
    Boolean(bool),
}

impl By {
    /// The order by a field of this path; nothing if it has no column.
    pub fn field(path: &str) -> Option<Self> {
        lapwing_event::field(path).filter(|field| schema::has_column(field.path)).map(Self::Field)
    }

    /// The score of a hit, if this value is that.
    pub fn score(self, value: &SortValue) -> Option<f32> {
        match (self, value) {
            (Self::Score, SortValue::Number(score)) => Some(*score as f32),
            _ => None,
        }
    }
}

impl SortValue {
    fn number(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            Self::Missing | Self::Text(_) | Self::Boolean(_) => None,
        }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            _ => self.number().zip(other.number()).map_or(Ordering::Equal, |(a, b)| a.total_cmp(&b)),
        }
    }
}

/// What comes first in the order is less.
pub(crate) fn compare(directions: impl Iterator<Item = Direction>, a: &[SortValue], b: &[SortValue]) -> Ordering {
    let one = |((direction, a), b): ((Direction, &SortValue), &SortValue)| match (a, b) {
        (SortValue::Missing, SortValue::Missing) => Ordering::Equal,
        (SortValue::Missing, _) if direction.missing_first => Ordering::Less,
        (SortValue::Missing, _) => Ordering::Greater,
        (_, SortValue::Missing) if direction.missing_first => Ordering::Greater,
        (_, SortValue::Missing) => Ordering::Less,
        (a, b) if direction.descending => b.cmp(a),
        (a, b) => a.cmp(b),
    };
    directions.zip(a).zip(b).map(one).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_last_in_both_directions_unless_it_is_to_be_first() {
        let values = [SortValue::Missing, SortValue::Number(2.5), SortValue::Whole(-1), SortValue::Whole(3)];
        let check = |descending, missing_first, expect: [usize; 4]| {
            let direction = Direction { descending, missing_first };
            let mut order = [0, 1, 2, 3];
            order.sort_by(|a, b| compare([direction].into_iter(), &values[*a..=*a], &values[*b..=*b]));
            assert_eq!(order, expect, "{direction:?}");
        };
        check(false, false, [2, 1, 3, 0]);
        check(true, false, [3, 1, 2, 0]);
        check(false, true, [0, 2, 1, 3]);
        check(true, true, [0, 3, 1, 2]);
    }

    #[test]
    fn the_next_key_decides_between_equals() {
        let text = |text: &str| SortValue::Text(text.to_owned());
        let directions = || [Direction::default(), Direction { descending: true, missing_first: false }].into_iter();
        let check = |a: [SortValue; 2], b: [SortValue; 2], expect| assert_eq!(compare(directions(), &a, &b), expect);
        check([text("a"), SortValue::Whole(1)], [text("b"), SortValue::Whole(2)], Ordering::Less);
        check([text("a"), SortValue::Whole(1)], [text("a"), SortValue::Whole(2)], Ordering::Greater);
        check([text("a"), SortValue::Boolean(true)], [text("a"), SortValue::Boolean(true)], Ordering::Equal);
    }
}
