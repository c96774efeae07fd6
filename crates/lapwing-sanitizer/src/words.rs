//! Tables of fixed words in which a word is looked up with one step: small enough to stay in the processor's cache.

/// Words in lower case, each with a value above zero. A word is known by 56 bits of a hash of it, so the table holds no
/// text; a test shows that no two words of a list have one hash.
pub(crate) struct WordTable {
    slots: Box<[u64]>,
}

/// Bits of a slot that hold the value.
const VALUE: u64 = 0xff;

impl WordTable {
    /// A table of `words`; `merge` joins the values of a word that is listed twice.
    pub(crate) fn new<'w>(words: impl Iterator<Item = (&'w str, u8)> + Clone, merge: fn(u8, u8) -> u8) -> Self {
        let capacity = (words.clone().count() * 3 / 2 + 1).next_power_of_two();
        let mut table = Self { slots: vec![0; capacity].into() };
        for (word, value) in words {
            debug_assert!(value > 0, "{word} has a value");
            let hash = hash(word.as_bytes());
            let at = table.slot_of(hash);
            let slot = table.slots[at];
            let value = if slot == 0 { value } else { merge((slot & VALUE) as u8, value) };
            table.slots[at] = hash & !VALUE | u64::from(value);
        }
        table
    }

    /// A table of the words of a list that is parted by blanks.
    pub(crate) fn of(list: &'static str) -> Self {
        Self::new(list.split_whitespace().map(|word| (word, 1)), |old, _| old)
    }

    /// Whether `word` of at most 32 bytes is in the table, whatever its case.
    pub(crate) fn lists(&self, word: &str) -> bool {
        let mut buffer = [0; 32];
        let Some(lower) = buffer.get_mut(..word.len()) else { return false };
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        self.get(lower) > 0
    }

    /// The value of `word`; zero if it is not in the table.
    pub(crate) fn get(&self, word: &[u8]) -> u8 {
        (self.slots[self.slot_of(hash(word))] & VALUE) as u8
    }

    /// The slot of a hash, or the free one where it would stand.
    fn slot_of(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = (hash >> 32) as usize & mask;
        while self.slots[at] != 0 && (self.slots[at] ^ hash) & !VALUE != 0 {
            at = (at + 1) & mask;
        }
        at
    }
}

/// Eight bytes a step; the words are fixed, so nobody can choose them to collide.
fn hash(word: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = 0u64;
    let (chunks, rest) = word.as_chunks::<8>();
    for chunk in chunks {
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(*chunk)).wrapping_mul(FACTOR);
    }
    let tail = rest.iter().rev().fold(0u64, |tail, b| tail << 8 | u64::from(*b));
    hash = (hash.rotate_left(23) ^ tail).wrapping_mul(FACTOR);
    (hash ^ hash >> 29).wrapping_mul(FACTOR)
}

/// Endings of words, with a filter by their last two bytes before them.
pub(crate) struct Endings<const N: usize> {
    all: [&'static str; N],
    /// By the last byte, the bytes before it. Five bits each tell, whatever the case.
    pairs: [u32; 32],
}

impl<const N: usize> Endings<N> {
    /// `all` of at least two bytes, in lower case.
    pub(crate) const fn new(all: [&'static str; N]) -> Self {
        let mut pairs = [0; 32];
        let mut i = 0;
        while i < N {
            if let [.., before, last] = all[i].as_bytes() {
                pairs[(*last & 31) as usize] |= 1 << (*before & 31);
            }
            i += 1;
        }
        Self { all, pairs }
    }

    /// Whether some ending may be that of `word`, whatever its case.
    pub(crate) fn may_end(&self, word: &[u8]) -> bool {
        matches!(word, [.., before, last] if self.pairs[usize::from(last & 31)] >> (before & 31) & 1 == 1)
    }

    /// Whether one of the endings is that of `word` and `least` bytes or more stand before it.
    pub(crate) fn ends(&self, word: &[u8], least: usize) -> bool {
        let is_end = |ending: &&str| word.len() >= ending.len() + least && word.ends_with(ending.as_bytes());
        self.may_end(word) && self.all.iter().any(is_end)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    /// Checks that the hashes tell the words apart.
    pub(crate) fn check_distinct<'w>(words: impl Iterator<Item = &'w str>) {
        let mut seen = std::collections::HashMap::new();
        for word in words {
            let known = seen.insert(super::hash(word.as_bytes()) & !super::VALUE, word);
            assert!(known.is_none_or(|known| known == word), "{word} and {known:?} have one hash");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_with_their_values() {
        let words = [("a", 1), ("elephant", 2), ("elephants", 4), ("a", 8)];
        let table = WordTable::new(words.into_iter(), |old, new| old | new);
        let check = |word: &str, expect| assert_eq!(table.get(word.as_bytes()), expect, "{word}");
        check("a", 9);
        check("elephant", 2);
        check("elephants", 4);
        check("elephan", 0);
        check("", 0);
    }

    #[test]
    fn endings_need_something_before_them() {
        let endings = Endings::new(["nen", "sson", "stra\u{df}e"]);
        let check = |word: &str, expect| assert_eq!(endings.ends(word.as_bytes(), 2), expect, "{word}");
        check("jarvinen", true);
        check("anen", false);
        check("larsson", true);
        check("person", false);
        check("lindenstra\u{df}e", true);
        check("", false);
        assert!(endings.may_end(b"JARVINEN"));
    }

    #[test]
    fn a_list_is_known_whatever_the_case() {
        let table = WordTable::of(" null none ");
        assert!(table.lists("None") && !table.lists("non") && !table.lists(&"n".repeat(99)));
    }
}
