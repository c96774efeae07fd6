//! Which partition a record goes to.

use crate::Record;

/// The partition of a record: by its key, or the next in turn if it has none. Records on disk depend on it, so it
/// never changes. The hash is FNV-1a, 32 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>).
pub(super) fn partition_of(record: &Record, partitions: u32, turn: &mut u32) -> u32 {
    let hash = match &record.key {
        Some(key) => key.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)),
        None => {
            *turn = turn.wrapping_add(1);
            *turn
        }
    };
    hash % partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_published_hash() {
        let check = |key: &str, hash: u32| {
            let record = Record { key: Some(key.to_owned().into()), ..Record::default() };
            assert_eq!(partition_of(&record, u32::MAX, &mut 0), hash);
        };
        check("", 0x811c_9dc5);
        check("a", 0xe40c_292c);
        check("foobar", 0xbf9c_f968);
    }

    #[test]
    fn takes_turns_without_a_key() {
        let mut turn = 0;
        let partitions: Vec<u32> = (0..4).map(|_| partition_of(&Record::default(), 3, &mut turn)).collect();
        assert_eq!(partitions, [1, 2, 0, 1]);
    }
}
