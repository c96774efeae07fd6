//! A histogram of numbers with bins of equal relative width, for the median and the quartiles: an outlier moves
//! neither. Bins as in DDSketch (Masson, Rim and Lee, 2019); counts are whole, so order does not matter.

use serde::{Deserialize, Serialize};

/// A bin is 10 % wide, so that an estimate is within 5 %.
const LOG_WIDTH: f64 = 0.095_310_179_804_324_87;
/// Smaller numbers are zero.
const SMALLEST: f64 = 1e-6;
/// Bins that are kept; beyond them a number falls into the nearest.
const MAX_BINS: usize = 256;

/// Counts by bin, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Histogram {
    bins: Vec<(i16, u32)>,
}

impl Histogram {
    pub(super) fn add(&mut self, value: f64) {
        self.add_bin(bin(value), 1);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.bins.iter().for_each(|(bin, count)| self.add_bin(*bin, *count));
    }

    fn add_bin(&mut self, bin: i16, count: u32) {
        match self.bins.binary_search_by_key(&bin, |(bin, _)| *bin) {
            Ok(at) => self.bins[at].1 = self.bins[at].1.saturating_add(count),
            Err(at) if self.bins.len() < MAX_BINS => self.bins.insert(at, (bin, count)),
            Err(at) => {
                let nearest = &mut self.bins[at.min(MAX_BINS - 1)].1;
                *nearest = nearest.saturating_add(count);
            }
        }
    }

    /// Median, and half the width between the quartiles as the deviation that a normal distribution would have.
    pub(super) fn robust(&self) -> Option<(f64, f64)> {
        let median = self.quantile(0.5)?;
        let width = self.quantile(0.75)? - self.quantile(0.25)?;
        Some((median, width / 1.349))
    }

    fn quantile(&self, share: f64) -> Option<f64> {
        let total: u64 = self.bins.iter().map(|(_, count)| u64::from(*count)).sum();
        let rank = (share * total.checked_sub(1)? as f64).round() as u64;
        let mut seen = 0;
        let found = self.bins.iter().find(|(_, count)| {
            seen += u64::from(*count);
            seen > rank
        });
        found.map(|(bin, _)| middle(*bin))
    }
}

fn bin(value: f64) -> i16 {
    let size = value.abs();
    if size < SMALLEST {
        return 0;
    }
    // From 1 on, so that zero has a bin of its own between the negative and the positive numbers.
    let index = ((size / SMALLEST).ln() / LOG_WIDTH).floor().clamp(0.0, 32_000.0) as i16 + 1;
    if value < 0.0 { -index } else { index }
}

fn middle(bin: i16) -> f64 {
    if bin == 0 {
        return 0.0;
    }
    let size = SMALLEST * ((f64::from(bin.unsigned_abs()) - 0.5) * LOG_WIDTH).exp();
    if bin < 0 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outlier_moves_neither_median_nor_spread() {
        let fill = |values: &[f64]| {
            let mut histogram = Histogram::default();
            values.iter().for_each(|value| histogram.add(*value));
            histogram.robust()
        };
        let mut values: Vec<f64> = (0..101).map(|i| 100.0 + f64::from(i)).collect();
        let Some((median, spread)) = fill(&values) else { panic!("there are numbers") };
        assert!((median - 150.0).abs() < 8.0 && (spread - 37.0).abs() < 8.0, "{median} {spread}");
        values.extend([1e9; 5]);
        let Some((again, _)) = fill(&values) else { panic!("there are numbers") };
        assert!((again - median).abs() < 16.0);
        assert_eq!(fill(&[]), None);
        assert_eq!(fill(&[0.0, 0.0, 0.0]), Some((0.0, 0.0)));
        assert!(fill(&[-5.0, -5.0, -5.0]).is_some_and(|(median, _)| (median + 5.0).abs() < 0.3));
    }
}
