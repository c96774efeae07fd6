//! The words that the first pass looks for, in a trie over bytes with a filter before it. Compact, since every word of a
//! text is looked up.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::context::{self, Class};
use crate::recognizers::secret::{self, Keyword};

/// What ends at a node of the trie: words of the context, or of secrets. Each has a lead: the signs that stand before its
/// first letter, as in `[at]` and `/home/`.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    /// The classes of the word without a lead.
    pub(crate) class: Class,
    pub(crate) led: Vec<(&'static str, Class)>,
    pub(crate) keywords: Vec<(&'static str, Keyword)>,
}

/// All words of the context, and those of secrets that tell something by themselves.
pub(crate) struct Lexicon {
    words: Dictionary<Entry>,
    filter: Box<[u64; FILTER_BITS / 64]>,
}

pub(crate) static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let mut words: BTreeMap<Vec<u8>, Entry> = BTreeMap::new();
    for (class, word) in context::words() {
        let (lead, rest) = split_lead(word);
        let entry = words.entry(rest.as_bytes().to_ascii_lowercase()).or_default();
        match lead {
            "" => entry.class = entry.class.or(class),
            lead => entry.led.push((lead, class)),
        }
    }
    for (word, keyword) in secret::telling_words() {
        let (lead, rest) = split_lead(word);
        words.entry(rest.as_bytes().to_ascii_lowercase()).or_default().keywords.push((lead, keyword));
    }
    let mut filter = Box::new([0; FILTER_BITS / 64]);
    for word in words.keys() {
        let run = Run::of(word);
        let known = run.bit(run.length);
        let bit = if run.length == word.len() { known.alone() } else { known.before(&word[run.length..]) };
        for bit in [known.0, bit] {
            filter[bit / 64] |= 1 << (bit % 64);
        }
    }
    Lexicon { words: Dictionary::new(words), filter }
});

/// Splits the signs off that stand before the first letter.
fn split_lead(word: &str) -> (&str, &str) {
    word.split_at(word.find(|c: char| c.is_ascii_alphanumeric() || c == '@' || !c.is_ascii()).unwrap_or(0))
}

const FILTER_BITS: usize = 1 << 16;
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// A run of letters, read eight at a time.
pub(crate) struct Run {
    pub(crate) length: usize,
    /// Whether a capital stands behind a small letter.
    pub(crate) humps: bool,
    /// The first eight letters, whatever their case.
    first: u64,
}

impl Run {
    /// The letters that `bytes` begins with.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        const HIGH: u64 = 0x8080_8080_8080_8080;
        const ONES: u64 = 0x0101_0101_0101_0101;
        let mut run = Run { length: 0, humps: false, first: 0 };
        let mut lower_before = 0;
        loop {
            let rest = &bytes[run.length..];
            let eight = match rest.first_chunk::<8>() {
                Some(eight) => u64::from_le_bytes(*eight),
                None => rest.iter().rev().fold(0, |eight, b| eight << 8 | u64::from(*b)),
            };
            // The high bit of each byte tells whether it is a letter; bytes beyond ASCII have one of their own.
            let small = (eight | ONES << 5) & !HIGH;
            let letters = (small + ONES * 0x1f) & !(small + ONES * 0x05) & !eight & HIGH;
            let count = ((letters ^ HIGH).trailing_zeros() / 8) as usize;
            let letters = letters & low_bytes(count);
            let lower = letters & eight << 2;
            run.humps |= letters & !lower & (lower << 8 | lower_before) != 0;
            if run.length == 0 {
                run.first = eight & low_bytes(count) & (ONES * 0x1f);
            }
            run.length += count;
            if count < 8 {
                return run;
            }
            lower_before = lower >> 56;
        }
    }

    /// What the filter knows the first `length` letters by: the first eight and how many there are.
    fn bit(&self, length: usize) -> Bit {
        let folded = self.first & low_bytes(length.min(8)) ^ (length as u64) << 5;
        Bit((folded.wrapping_mul(FACTOR) >> 48) as usize)
    }
}

/// Ones in the lowest `count` bytes, eight at most.
fn low_bytes(count: usize) -> u64 {
    u64::MAX.checked_shr(64 - 8 * count as u32).unwrap_or(0)
}

/// A place in the filter.
#[derive(Clone, Copy)]
struct Bit(usize);

impl Bit {
    /// That of the letters as a whole word.
    fn alone(self) -> usize {
        self.0 ^ 0x5a5a
    }

    /// That of the letters with the next two bytes.
    fn before(self, rest: &[u8]) -> usize {
        let next = |i: usize| rest.get(i).map_or(0, |b| u64::from(b.to_ascii_lowercase()));
        let key = (self.0 as u64) << 16 | next(0) << 8 | next(1);
        (key.wrapping_mul(FACTOR) >> 48) as usize
    }
}

impl Lexicon {
    /// Whether some word begins with `byte`.
    pub(crate) fn begins_with(&self, byte: u8) -> bool {
        self.words.trie.next(ROOT, byte).is_some()
    }

    /// Whether a word may begin with `run`, the letters at the beginning of `bytes`, and then end or go on as they do.
    pub(crate) fn may_hold(&self, run: &Run, bytes: &[u8]) -> bool {
        let letters = &bytes[..run.length];
        let has = |bit: usize| self.filter[bit / 64] >> (bit % 64) & 1 == 1;
        let known = run.bit(run.length);
        if has(known.0) {
            let rest = &bytes[run.length..];
            // A word may go on with one more byte, or with two.
            if has(known.alone()) || has(known.before(rest)) || has(known.before(&rest[..rest.len().min(1)])) {
                return true;
            }
        }
        matches!(letters, [_, .., b's']) && has(run.bit(run.length - 1).alone())
    }

    /// See [`Dictionary::words_at`].
    pub(crate) fn words_at<'l>(&'l self, bytes: &[u8], found: impl FnMut(&'l Entry, usize)) {
        self.words.words_at(bytes, found);
    }
}

/// Words in lower case, each with a value.
pub(crate) struct Dictionary<T> {
    trie: Trie,
    values: Vec<T>,
}

impl<T> Dictionary<T> {
    pub(crate) fn new(words: BTreeMap<Vec<u8>, T>) -> Self {
        let trie = Trie::new(&words.keys().map(Vec::as_slice).collect::<Vec<_>>());
        Self { trie, values: words.into_values().collect() }
    }

    /// Calls `found` with the value of every word that `bytes` begins with, the shortest first, and the word's length.
    pub(crate) fn words_at<'d>(&'d self, bytes: &[u8], mut found: impl FnMut(&'d T, usize)) {
        let mut node = ROOT;
        for (i, &byte) in bytes.iter().enumerate() {
            let Some(next) = self.trie.next(node, byte) else { return };
            node = next;
            if let Some(word) = self.trie.word(node) {
                found(&self.values[word], i + 1);
            }
        }
    }
}

const ROOT: usize = 0;
const NONE: u32 = u32::MAX;

/// A trie in one array: the child of a node by a byte stands at the node's base plus the byte's code, and names its
/// parent. (Aoe, "An efficient digital search algorithm by using a double-array structure", 1989.)
struct Trie {
    /// The code of each byte; zero for bytes that are in no word. Capitals have the code of their letters.
    codes: [u8; 256],
    slots: Vec<Slot>,
}

#[derive(Clone, Copy)]
struct Slot {
    base: u32,
    parent: u32,
    /// The number of the word that ends here.
    word: u32,
}

const FREE: Slot = Slot { base: 0, parent: NONE, word: NONE };

impl Trie {
    /// The trie of `words`, which are distinct, sorted and in lower case.
    fn new(words: &[&[u8]]) -> Self {
        let mut codes = [0u8; 256];
        let mut last = 0;
        for &byte in words.iter().copied().flatten() {
            let code = &mut codes[usize::from(byte)];
            if *code == 0 {
                last += 1;
                *code = last;
            }
        }
        for letter in b'A'..=b'Z' {
            codes[usize::from(letter)] = codes[usize::from(letter.to_ascii_lowercase())];
        }
        let mut trie = Self { codes, slots: vec![Slot { parent: 0, ..FREE }] };
        // No base is lower than this: all slots before it are taken.
        let mut lowest = 0;
        let mut pending = vec![(ROOT, 0..words.len(), 0)];
        while let Some((node, mut range, depth)) = pending.pop() {
            if words[range.start].len() == depth {
                trie.slots[node].word = range.start as u32;
                range.start += 1;
            }
            let groups = words[range.clone()].chunk_by(|a, b| a[depth] == b[depth]);
            let children: Vec<(usize, usize)> =
                groups.map(|group| (usize::from(codes[usize::from(group[0][depth])]), group.len())).collect();
            while trie.slots.get(lowest).is_some_and(|slot| slot.parent != NONE) {
                lowest += 1;
            }
            let free = |base: usize| {
                children.iter().all(|(code, _)| trie.slots.get(base + code).is_none_or(|slot| slot.parent == NONE))
            };
            let smallest = children.iter().map(|(code, _)| *code).min().unwrap_or(0);
            let base = (lowest.saturating_sub(smallest)..).find(|base| free(*base)).expect("the array grows");
            trie.slots[node].base = base as u32;
            let mut start = range.start;
            for (code, count) in children {
                let child = base + code;
                if trie.slots.len() <= child {
                    trie.slots.resize(child + 1, FREE);
                }
                trie.slots[child].parent = node as u32;
                pending.push((child, start..start + count, depth + 1));
                start += count;
            }
        }
        trie
    }

    fn next(&self, node: usize, byte: u8) -> Option<usize> {
        let code = self.codes[usize::from(byte)];
        let child = self.slots[node].base as usize + usize::from(code);
        (code != 0 && self.slots.get(child)?.parent as usize == node).then_some(child)
    }

    /// The number of the word that ends at `node`.
    fn word(&self, node: usize) -> Option<usize> {
        let word = self.slots[node].word;
        (word != NONE).then_some(word as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_and_no_other_is_in_the_trie() {
        let words: [&[u8]; 6] = [b"a/c", b"at", b"at sign", b"car", b"card", "t\u{e9}l".as_bytes()];
        let trie = Trie::new(&words);
        let check = |text: &str, expect: Option<usize>| {
            let node = text.bytes().try_fold(ROOT, |node, byte| trie.next(node, byte));
            assert_eq!(node.and_then(|node| trie.word(node)), expect, "{text}");
        };
        for (number, word) in words.iter().enumerate() {
            check(&String::from_utf8_lossy(word), Some(number));
        }
        check("CARD", Some(4));
        for text in ["", "a", "cards", "cd", "t", "at sig", "\0", "zat"] {
            check(text, None);
        }
    }

    #[test]
    fn letters_are_read_as_one_by_one() {
        let check = |text: &str| {
            let run = Run::of(text.as_bytes());
            let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
            let pairs = &text.as_bytes()[..length];
            let humps = pairs.windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
            assert_eq!((run.length, run.humps), (length, humps), "{text:?}");
        };
        let letters = "abcdefgHIJklmnopqrstuvwxYZ";
        for start in 0..letters.len() {
            for end in start..=letters.len() {
                for rest in ["", " ", "@", "[", "`", "{", "1", "\0", "\u{e9}", "-Abc", "\u{fffd}zZzZzZzZ"] {
                    check(&format!("{}{rest}", &letters[start..end]));
                }
            }
        }
    }

    #[test]
    fn the_filter_lets_every_word_through() {
        for (_, word) in context::words() {
            let (_, rest) = split_lead(word);
            let upper = rest.to_ascii_uppercase();
            for text in [rest.to_owned(), format!("{rest}."), format!("{rest} x"), format!("{upper}: ")] {
                assert!(LEXICON.may_hold(&Run::of(text.as_bytes()), text.as_bytes()), "{text:?}");
            }
        }
        let check = |text: &str, expect| {
            assert_eq!(LEXICON.may_hold(&Run::of(text.as_bytes()), text.as_bytes()), expect, "{text}");
        };
        check("passports ", true);
        check("mein name ist", true);
        check("mein zebra", false);
    }

    #[test]
    fn the_trie_stays_in_the_processors_cache() {
        let bytes = LEXICON.words.trie.slots.len() * size_of::<Slot>();
        assert!(bytes < 256 << 10, "{bytes}");
    }
}
