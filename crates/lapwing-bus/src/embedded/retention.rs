//! What retention removes from a partition: the decision, without the disk.

use std::collections::BTreeMap;
use std::ops::Range;

use super::log::{GroupPlace, Tail};

/// How far a partition is to be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// The new first offset.
    pub low: i64,
    /// How many of the removed records some group had not committed.
    pub unread: u64,
}

/// Cuts what is too old and committed by every group, and what is over the size whether committed or not.
pub(super) fn decide(tail: &Tail, too_old_below: i64, too_many_below: i64, committed: Option<i64>) -> Cut {
    let by_age = committed.map_or(too_old_below, |committed| committed.min(too_old_below));
    let low = tail.low.max(by_age).max(too_many_below);
    let unread = committed.map_or(0, |committed| (low - committed.max(tail.low)).max(0));
    Cut { low, unread: unread as u64 }
}

/// The first offset of the range that does not pass the test, where those that pass come first.
pub(super) fn first_not<E>(range: Range<i64>, mut test: impl FnMut(i64) -> Result<bool, E>) -> Result<i64, E> {
    let Range { mut start, mut end } = range;
    while start < end {
        let middle = start + (end - start) / 2;
        if test(middle)? {
            start = middle + 1;
        } else {
            end = middle;
        }
    }
    Ok(start)
}

/// How far the slowest of the groups that read a partition is.
pub(super) fn slowest(groups: &BTreeMap<GroupPlace, i64>, topic: &str, partition: u32) -> Option<i64> {
    groups.iter().filter(|((_, t, p), _)| t == topic && *p == partition).map(|(_, next)| *next).min()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn age_waits_for_groups_and_size_does_not() {
        let check = |(old, many): (i64, i64), committed: Option<i64>, expect: (i64, u64)| {
            let tail = Tail { low: 10, end: 100, ..Tail::default() };
            let Cut { low, unread } = decide(&tail, old, many, committed);
            assert_eq!((low, unread), expect, "old {old} many {many} committed {committed:?}");
        };
        check((10, 10), None, (10, 0));
        check((50, 10), None, (50, 0));
        check((50, 70), None, (70, 0));
        check((50, 10), Some(30), (30, 0));
        check((50, 10), Some(0), (10, 0));
        check((50, 40), Some(30), (40, 10));
        check((50, 40), Some(0), (40, 30));
        check((10, 40), Some(100), (40, 0));
    }

    #[test]
    fn finds_the_first_that_fails() {
        for limit in 0..=9 {
            assert_eq!(first_not(3..8, |at| Ok::<_, ()>(at < limit)).unwrap(), limit.clamp(3, 8));
        }
    }

    #[test]
    fn the_slowest_group_of_the_partition_counts() {
        let place = |group: &str, topic: &str, partition| (group.to_owned(), topic.to_owned(), partition);
        let groups = BTreeMap::from([
            (place("a", "t", 0), 7),
            (place("b", "t", 0), 5),
            (place("b", "t", 1), 1),
            (place("b", "u", 0), 2),
        ]);
        assert_eq!(slowest(&groups, "t", 0), Some(5));
        assert_eq!(slowest(&groups, "u", 1), None);
    }
}
