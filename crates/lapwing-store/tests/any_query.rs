//! The body of the fuzz target over its corpus and changes of it.
#![allow(clippy::unwrap_used)]

#[path = "../fuzz/fuzz_targets/holds.rs"]
mod holds;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

const CORPUS: &str = include_str!("../fuzz/corpus/query/queries.txt");

#[test]
fn holds_for_the_corpus() {
    CORPUS.lines().for_each(holds::for_any_query);
    holds::for_any_query(CORPUS);
}

proptest! {
    #[test]
    fn holds_for_changes_of_the_corpus(line: Index, edits in vec((any::<Index>(), any::<char>(), 0..4_u8), 1..8)) {
        let lines: Vec<&str> = CORPUS.lines().collect();
        let mut text: Vec<char> = line.get(&lines).chars().collect();
        for (place, character, edit) in edits {
            let at = place.index(text.len() + 1);
            match edit {
                0 => text.insert(at, character),
                1 => text.truncate(at),
                2 => text.insert(at, ['(', ')', '"', ':', '[', '*'][character as usize % 6]),
                _ => text.extend_from_within(at..),
            }
        }
        holds::for_any_query(&text.into_iter().collect::<String>());
    }
}
