//! The sequence model: a variable-order Markov model over tool names (prediction by partial matching).
//!
//! Every context of up to `order` earlier symbols counts what followed it. The probability of a symbol blends
//! the contexts from the shortest to the longest, each trusted as far as it has been seen (Witten and Bell,
//! 1991; the interpolated form of method C of Moffat, 1990):
//! `P_k(s) = (count_k(s) + distinct_k · P_{k-1}(s)) / (total_k + distinct_k)`, `P_{-1} = 1 / (symbols + 1)`.

use rustc_hash::{FxHashMap, FxHashSet};

use super::text::Term;

/// Symbols of no surprise that the steady mean begins with.
const QUIET: f32 = 30.0;
/// Bits of a symbol that are no surprise in a long session.
const EXPECTED: f32 = 1.0;
/// Different symbols that every long session is taken to hold besides its own.
const FEW: f32 = 2.0;

/// Stands before the first symbol and after the last.
const EDGE: Term = 0;

/// How surprising one session was.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Surprise {
    /// Mean over the symbols, in bits.
    pub mean: f32,
    /// The mean of what a symbol has beyond one bit, as if thirty symbols of no surprise had come first: few symbols
    /// make no sure mean.
    pub steady: f32,
    /// `steady` over the number of different symbols. A session that uses many tools is another kind of work, all of
    /// it new; an attack does the same few things in an order of its own.
    pub bent: f32,
    /// Sum over the symbols, in bits.
    pub total: f32,
    /// The largest of one symbol, in bits.
    pub max: f32,
    /// How few normal sessions hold its rarest symbol, in bits.
    pub rarest: f32,
    /// Where the largest is; the length of the sequence if it is the end that surprises.
    pub at: usize,
}

/// A variable-order Markov model. It holds at most `limit` contexts; once full, it only counts in those.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ppm {
    order: usize,
    limit: usize,
    contexts: FxHashMap<u64, Counts>,
    /// Sessions that hold each symbol.
    symbols: FxHashMap<Term, u32>,
    sessions: u32,
}

#[derive(Debug, Clone, Default)]
struct Counts {
    total: u32,
    next: Vec<(Term, u32)>,
}

impl Counts {
    fn of(&self, symbol: Term) -> u32 {
        self.next.iter().find(|(s, _)| *s == symbol).map_or(0, |(_, n)| *n)
    }

    fn add(&mut self, symbol: Term) {
        self.total += 1;
        match self.next.iter_mut().find(|(s, _)| *s == symbol) {
            Some((_, n)) => *n += 1,
            None => self.next.push((symbol, 1)),
        }
    }
}

impl Ppm {
    pub(crate) fn new(order: usize, limit: usize) -> Self {
        Self { order, limit, ..Self::default() }
    }

    /// Learns one whole session.
    pub(crate) fn learn(&mut self, sequence: &[Term]) {
        self.sessions += 1;
        for symbol in distinct(sequence) {
            *self.symbols.entry(symbol).or_default() += 1;
        }
        for at in 0..=sequence.len() {
            let symbol = sequence.get(at).copied().unwrap_or(EDGE);
            for key in contexts(sequence, at, self.order) {
                if self.contexts.len() < self.limit || self.contexts.contains_key(&key) {
                    self.contexts.entry(key).or_default().add(symbol);
                }
            }
        }
    }

    /// Bits of surprise at position `at` of `sequence`; one past the last symbol asks for the end.
    pub(crate) fn bits(&self, sequence: &[Term], at: usize) -> f32 {
        let symbol = sequence.get(at).copied().unwrap_or(EDGE);
        let mut p = 1.0 / (self.symbols.len() as f64 + 1.0);
        for key in contexts(sequence, at, self.order) {
            let Some(counts) = self.contexts.get(&key) else { break };
            let (total, distinct) = (f64::from(counts.total), counts.next.len() as f64);
            p = (f64::from(counts.of(symbol)) + distinct * p) / (total + distinct);
        }
        -p.log2() as f32
    }

    /// How surprising a whole session is.
    pub(crate) fn surprise(&self, sequence: &[Term]) -> Surprise {
        let (mut sum, mut excess) = (0.0, 0.0);
        let mut worst = Surprise::default();
        for at in 0..=sequence.len() {
            let bits = self.bits(sequence, at);
            sum += bits;
            excess += (bits - EXPECTED).max(0.0);
            if bits > worst.max {
                worst = Surprise { max: bits, at, ..worst };
            }
        }
        let (mut rarest, mut kinds) = (0.0f32, FEW);
        for symbol in distinct(sequence) {
            rarest = rarest.max(self.rarity(symbol));
            kinds += 1.0;
        }
        let symbols = (sequence.len() + 1) as f32;
        let steady = excess / (symbols + QUIET);
        Surprise { mean: sum / symbols, steady, bent: steady / kinds, total: sum, rarest, ..worst }
    }

    /// How few sessions hold a symbol, in bits.
    fn rarity(&self, symbol: Term) -> f32 {
        let holding = self.symbols.get(&symbol).copied().unwrap_or(0);
        ((self.sessions as f32 + 1.0) / (holding as f32 + 0.5)).log2().max(0.0)
    }
}

/// Every symbol of a whole session once, with its end.
fn distinct(sequence: &[Term]) -> impl Iterator<Item = Term> {
    let symbols: FxHashSet<Term> = sequence.iter().copied().chain([EDGE]).collect();
    symbols.into_iter()
}

/// Keys of the contexts before position `at`, from the empty one to the longest.
fn contexts(sequence: &[Term], at: usize, order: usize) -> impl Iterator<Item = u64> + '_ {
    let mut key = 0x9e37_79b9_7f4a_7c15;
    (0..=order.min(at + 1)).map(move |length| {
        if length > 0 {
            // One step before the first symbol stands the edge.
            let symbol = if length <= at { sequence[at - length] } else { EDGE };
            key = (key ^ u64::from(symbol)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
        }
        key
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trained() -> Ppm {
        let mut model = Ppm::new(5, 10_000);
        for _ in 0..50 {
            model.learn(&[1, 2, 3, 2, 3, 4]);
            model.learn(&[1, 5, 4]);
        }
        model
    }

    #[test]
    fn what_was_often_seen_is_expected_and_the_rest_surprises() {
        let model = trained();
        let normal = model.surprise(&[1, 2, 3, 2, 3, 4]);
        for strange in [&[1, 2, 3, 5, 4][..], &[4, 1], &[1, 9, 4], &[1, 2]] {
            let s = model.surprise(strange);
            assert!(s.max > normal.max && s.mean > normal.mean, "{strange:?} {s:?} {normal:?}");
        }
        assert_eq!(model.surprise(&[1, 9, 4]).at, 1);
        assert_eq!(model.surprise(&[1, 2]).at, 2);
    }

    #[test]
    fn the_same_surprise_is_bent_more_where_few_tools_are_used() {
        let model = trained();
        let few: Vec<Term> = [1, 4].repeat(20);
        let many: Vec<Term> = (100..140).collect();
        let (few, many) = (model.surprise(&few), model.surprise(&many));
        assert!(few.steady < many.steady && few.bent > many.bent, "{few:?} {many:?}");
    }

    #[test]
    fn probabilities_sum_to_one() {
        let model = trained();
        let symbols: Vec<Term> = model.symbols.keys().copied().collect();
        let sum: f64 = symbols.iter().map(|s| 2f64.powf(-f64::from(model.bits(&[1, 2, *s], 2)))).sum();
        let unknown = 2f64.powf(-f64::from(model.bits(&[1, 2, 77], 2)));
        assert!((sum + unknown - 1.0).abs() < 0.01, "{sum} {unknown}");
    }

    #[test]
    fn the_model_stays_within_its_limit() {
        let mut model = Ppm::new(5, 100);
        for i in 0..1_000 {
            model.learn(&[i, i + 1, i + 2]);
        }
        assert_eq!(model.contexts.len(), 100);
    }
}
