//! The best few hits of a search over many segments.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use lapwing_event::Timestamp;
use serde::{Deserialize, Serialize};
use tantivy::DocAddress;

use super::Sort;

/// Where an event stands in the order of a search; the greater rank comes first. The second number tells events
/// of the same time or score apart, so that no two ranks are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Rank(pub u64, pub u64);

impl Rank {
    pub fn of(sort: Sort, time: Timestamp, score: f32, seq: u64) -> Self {
        match sort {
            Sort::NewestFirst => Self(ordered(time), seq),
            Sort::OldestFirst => Self(!ordered(time), !seq),
            // Scores are not negative, so their bits are in order.
            Sort::BestFirst => Self(u64::from(score.max(0.0).to_bits()), seq),
        }
    }

    /// The greatest rank that an event of this time can have in an order by time.
    pub fn highest(sort: Sort, time: Timestamp) -> Self {
        match sort {
            Sort::NewestFirst => Self(ordered(time), u64::MAX),
            Sort::OldestFirst => Self(!ordered(time), u64::MAX),
            Sort::BestFirst => Self(u64::MAX, u64::MAX),
        }
    }
}

/// The time as an unsigned number in the same order.
fn ordered(time: Timestamp) -> u64 {
    (time.nanos() as u64) ^ (1 << 63)
}

/// A hit before its document is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    pub rank: Rank,
    pub seq: u64,
    /// The partition, by its place in the snapshot.
    pub view: usize,
    pub address: DocAddress,
}

/// The best `limit` candidates so far.
pub(crate) struct Top {
    limit: usize,
    heap: BinaryHeap<Reverse<Candidate>>,
}

impl Top {
    pub fn new(limit: usize) -> Self {
        Self { limit, heap: BinaryHeap::with_capacity(limit + 1) }
    }

    /// The rank that a candidate must exceed to be among the best, once there are enough of them.
    pub fn floor(&self) -> Option<Rank> {
        self.heap.peek().filter(|_| self.heap.len() >= self.limit).map(|Reverse(worst)| worst.rank)
    }

    /// Whether a candidate of this rank would be among the best.
    pub fn admits(&self, rank: Rank) -> bool {
        self.limit > 0 && self.floor().is_none_or(|floor| rank > floor)
    }

    pub fn push(&mut self, candidate: Candidate) {
        if self.admits(candidate.rank) {
            self.heap.push(Reverse(candidate));
            if self.heap.len() > self.limit {
                self.heap.pop();
            }
        }
    }

    /// The candidates, the best first.
    pub fn into_sorted(self) -> Vec<Candidate> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse(candidate)| candidate).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_follow_the_order_asked_for() {
        let at = |millis| Timestamp::from_millis(millis);
        let rank = |sort, millis, score, seq| Rank::of(sort, at(millis), score, seq);
        assert!(rank(Sort::NewestFirst, 2, 0.0, 1) > rank(Sort::NewestFirst, 1, 9.0, 9));
        assert!(rank(Sort::NewestFirst, 1, 0.0, 2) > rank(Sort::NewestFirst, 1, 0.0, 1));
        assert!(rank(Sort::NewestFirst, 1, 0.0, 0) > rank(Sort::NewestFirst, -1, 0.0, 0));
        assert!(rank(Sort::OldestFirst, 1, 0.0, 9) > rank(Sort::OldestFirst, 2, 0.0, 1));
        assert!(rank(Sort::BestFirst, 1, 2.5, 1) > rank(Sort::BestFirst, 9, 0.5, 9));
        assert!(Rank::highest(Sort::NewestFirst, at(5)) > rank(Sort::NewestFirst, 5, 0.0, 77));
    }

    #[test]
    fn keeps_the_best_in_order() {
        let mut top = Top::new(2);
        for seq in [3, 1, 4, 2] {
            top.push(Candidate { rank: Rank(seq, 0), seq, view: 0, address: DocAddress::new(0, 0) });
        }
        assert_eq!(top.into_sorted().iter().map(|c| c.seq).collect::<Vec<_>>(), [4, 3]);
        assert!(!Top::new(0).admits(Rank(1, 1)));
    }
}
