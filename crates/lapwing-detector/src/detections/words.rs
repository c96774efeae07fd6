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

/// How much two sets have in common, 0 to 1 (Jaccard).
pub(super) fn likeness(a: &[u32], b: &[u32]) -> f64 {
    let common = a.iter().filter(|hash| b.binary_search(hash).is_ok()).count();
    let all = a.len() + b.len() - common;
    if all == 0 { 0.0 } else { common as f64 / all as f64 }
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
}
