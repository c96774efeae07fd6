//! Where a reader may begin, given what a partition holds: the decision, without the network.

use crate::BusError;

/// What a partition holds, and where a reader is in it if it has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    pub position: Option<i64>,
    pub low: i64,
    pub end: i64,
}

/// What to do with a reader's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// It is there.
    At(i64),
    /// Retention removed what was next; go on from what is left.
    Behind { first: i64, next: i64 },
    /// The partition ends before it.
    Above { end: i64 },
}

pub(super) fn start(View { position, low, end }: View) -> Start {
    match position {
        None => Start::At(low),
        Some(next) if next < low => Start::Behind { first: next, next: low },
        Some(next) if next > end => Start::Above { end },
        Some(next) => Start::At(next),
    }
}

pub(super) fn above(topic: &str, partition: i32, position: Option<i64>, end: i64) -> BusError {
    let position = position.map_or_else(String::new, |position| format!(" but the reader was at {position} before"));
    BusError::OutOfRange(format!(
        "{topic} partition {partition} ends at offset {end}{position}: the topic was made anew; start without the old \
         checkpoint (the store's: lapwing store forget-position; the detector's: remove detector/state; a group's: \
         reset its offsets)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_there_or_behind_or_above() {
        let check = |position, low, end| start(View { position, low, end });
        assert_eq!(check(None, 3, 9), Start::At(3));
        assert_eq!(check(Some(3), 3, 9), Start::At(3));
        assert_eq!(check(Some(9), 3, 9), Start::At(9));
        assert_eq!(check(Some(1), 3, 9), Start::Behind { first: 1, next: 3 });
        assert_eq!(check(Some(10), 3, 9), Start::Above { end: 9 });
        assert_eq!(check(Some(0), 0, 0), Start::At(0));
    }
}
