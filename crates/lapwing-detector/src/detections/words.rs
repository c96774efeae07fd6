//! Texts as hashes of their words, so that what is remembered of a text is small and cannot be read.

use crate::behaviour::{group, term_of};

/// Words of one text that are looked at.
const MAX_WORDS: usize = 4_096;

/// The hashes of the lowercase words of a text, in order.
pub(super) fn words(text: &str) -> Vec<u32> {
    let split = text.split(|c: char| !c.is_alphanumeric());
    split.filter(|word| !word.is_empty()).take(MAX_WORDS).map(term_of).collect()
}

/// As [`words`], with one hash for every word that has a digit: two texts that differ in their numbers are one.
pub(super) fn words_without_numbers(text: &str) -> Vec<u32> {
    let split = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(MAX_WORDS);
    split.map(|word| if word.bytes().any(|byte| byte.is_ascii_digit()) { 0 } else { term_of(word) }).collect()
}

/// Hashes sorted and each once.
pub(super) fn set(mut hashes: Vec<u32>) -> Vec<u32> {
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// Hashes of a sketch.
const SKETCH: usize = 48;

/// What is kept of a set, to be compared by [`likeness`]: its smallest hashes, a fair sample of it.
pub(super) fn sketch(hashes: Vec<u32>) -> Vec<u32> {
    let mut sketch = set(hashes.into_iter().map(mix).collect());
    sketch.truncate(SKETCH);
    sketch.shrink_to_fit();
    sketch
}

/// Spreads a hash, since those of like words are near each other (the last step of MurmurHash3).
fn mix(mut hash: u32) -> u32 {
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// How much the sets of two sketches have in common, 0 to 1 (Jaccard). Exact for texts of few words; for longer ones
/// an estimate from the smallest hashes of both together (k minimum values), with a standard error of at most 0.07.
pub(super) fn likeness(a: &[u32], b: &[u32]) -> f64 {
    let all = set([a, b].concat());
    let all = &all[..all.len().min(SKETCH)];
    let common = all.iter().filter(|hash| a.binary_search(hash).is_ok() && b.binary_search(hash).is_ok()).count();
    if all.is_empty() { 0.0 } else { common as f64 / all.len() as f64 }
}

/// The hash of every run of `n` words.
pub(super) fn runs(words: &[u32], n: usize) -> impl Iterator<Item = u32> + '_ {
    words.windows(n).map(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_marks_do_not_count() {
        assert_eq!(words("Hello, World!"), words("hello world"));
        assert_eq!(words_without_numbers("order 17 of A4"), words_without_numbers("Order 99 of B5"));
        let (a, b) = (set(words("a b c d")), set(words("b c d e")));
        assert!((likeness(&a, &b) - 0.6).abs() < 1e-9);
        assert_eq!(runs(&words("a b c"), 2).count(), 2);
    }

    #[test]
    fn sketches_of_long_texts_are_about_as_alike_as_the_texts() {
        let text = |from: usize| (from..from + 1_000).map(|i| format!("w{i} ")).collect::<String>();
        for (shift, exact) in [(0, 1.0), (100, 900.0 / 1_100.0), (333, 667.0 / 1_333.0), (1_000, 0.0)] {
            let [a, b] = [0, shift].map(|from| sketch(words(&text(from))));
            assert!(a.len() <= SKETCH);
            assert!((likeness(&a, &b) - exact).abs() < 0.15, "{shift}: {} for {exact}", likeness(&a, &b));
        }
    }
}
