//! The body of the fuzz target over its corpus and changes of it.
#![allow(clippy::unwrap_used)]

#[path = "../fuzz/fuzz_targets/holds.rs"]
mod holds;

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/item");
    fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
}

#[test]
fn holds_for_the_corpus() {
    corpus().iter().for_each(|bytes| holds::for_any_item(bytes));
}

proptest! {
    #[test]
    fn holds_for_changes_of_the_corpus(file: Index, edits in vec((any::<Index>(), any::<u8>(), 0..4_u8), 1..6)) {
        let files = corpus();
        let mut bytes = file.get(&files).clone();
        for (place, byte, edit) in edits {
            let at = place.index(bytes.len() + 1);
            match edit {
                0 => bytes.insert(at, byte),
                1 => drop(bytes.drain(at..(at + usize::from(byte)).min(bytes.len()))),
                2 => bytes.iter_mut().skip(at).take(1).for_each(|old| *old = byte),
                _ => bytes.extend_from_within(at..),
            }
        }
        holds::for_any_item(&bytes);
    }
}
