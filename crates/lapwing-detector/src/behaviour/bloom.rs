//! A small Bloom filter over terms: what is left of a set when there is room for a few bits a member only.

use serde::{Deserialize, Serialize};

use super::text::Term;

/// A set of terms that may take a stranger for a member (at most about one in a hundred), never the other way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bloom {
    /// Bytes and not words, since this is written down as it is.
    #[serde(with = "serde_bytes")]
    bits: Vec<u8>,
    members: u16,
}

/// Bits for one member, and probes that are best for as many.
const BITS: usize = 10;
const PROBES: u32 = 5;

impl Bloom {
    /// Adds terms while there is room: `bytes` hold a member for ten bits.
    pub(crate) fn fill(&mut self, terms: impl Iterator<Item = Term>, bytes: usize) {
        for term in terms {
            if usize::from(self.members) * BITS >= bytes * 8 {
                return;
            }
            self.bits.resize(bytes, 0);
            for bit in probes(term, self.bits.len()) {
                self.bits[bit / 8] |= 1 << (bit % 8);
            }
            self.members += 1;
        }
    }

    /// Whether a term may be a member.
    pub(crate) fn holds(&self, term: Term) -> bool {
        !self.bits.is_empty() && probes(term, self.bits.len()).all(|bit| self.bits[bit / 8] & (1 << (bit % 8)) != 0)
    }
}

/// The bits of a term, by double hashing (Kirsch and Mitzenmacher, 2006).
fn probes(term: Term, bytes: usize) -> impl Iterator<Item = usize> {
    let (first, step) = (term.wrapping_mul(0x9e37_79b1), term.rotate_left(15).wrapping_mul(0x85eb_ca77) | 1);
    (0..PROBES).map(move |i| first.wrapping_add(step.wrapping_mul(i)) as usize % (bytes * 8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::text::term_of;

    #[test]
    fn members_are_found_and_few_strangers_are() {
        let mut bloom = Bloom::default();
        assert!(!bloom.holds(7));
        let term = |i: u32| term_of(&format!("word-{i}"));
        bloom.fill((0..1_000).map(term), 250);
        assert!((0..200).map(term).all(|t| bloom.holds(t)));
        let strangers = (5_000..15_000).map(term).filter(|t| bloom.holds(*t)).count();
        assert!(strangers < 200, "{strangers} of 10000");
    }
}
