//! Count, mean and deviation from exact sums: whatever order numbers come in, the sums are the same to the last bit.

use serde::{Deserialize, Serialize};

/// Steps of the fixed-point form in one unit.
const SCALE: f64 = 65_536.0;
/// Larger numbers count as this.
const LARGEST: f64 = 1e12;
/// The smallest deviation that counts, as a share of the mean: numbers that never vary may vary this much.
const MIN_RELATIVE_DEVIATION: f64 = 0.05;

/// The sums of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Moments {
    pub(super) count: u64,
    sum: i128,
    squares: i128,
}

impl Moments {
    pub(super) fn add(&mut self, value: f64) {
        let fixed = (value.clamp(-LARGEST, LARGEST) * SCALE) as i128;
        self.count += 1;
        self.sum = self.sum.saturating_add(fixed);
        self.squares = self.squares.saturating_add(fixed * fixed);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.squares = self.squares.saturating_add(other.squares);
    }

    /// As many numbers as the share says, with the same mean and about the same spread, for what fades.
    pub(super) fn faded(&self, numerator: u64, denominator: u64) -> Self {
        let count = self.count * numerator / denominator;
        let fade = |sum: i128| sum / i128::from(self.count.max(1)) * i128::from(count);
        Self { count, sum: fade(self.sum), squares: fade(self.squares) }
    }

    pub(super) fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / SCALE / self.count as f64 }
    }

    /// The sample's standard deviation, not below a share of the mean.
    pub(super) fn deviation(&self) -> f64 {
        let mean = self.mean();
        let spread = match self.count {
            0 | 1 => 0.0,
            n => {
                let squares = self.squares as f64 / (SCALE * SCALE);
                ((squares - n as f64 * mean * mean).max(0.0) / (n - 1) as f64).sqrt()
            }
        };
        floor(spread, mean)
    }
}

/// A deviation not below a share of the mean.
pub(super) fn floor(deviation: f64, mean: f64) -> f64 {
    deviation.max(MIN_RELATIVE_DEVIATION * mean.abs()).max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_those_of_the_textbook_in_any_order(values in proptest::collection::vec(-1e6f64..1e6, 2..60), at in 0usize..60) {
            let fill = |values: &[f64]| {
                let mut moments = Moments::default();
                values.iter().for_each(|value| moments.add(*value));
                moments
            };
            let all = fill(&values);
            let (a, b) = values.split_at(at.min(values.len()));
            let mut parts = fill(b);
            parts.merge(&fill(a));
            prop_assert_eq!(all, parts);
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64;
            prop_assert!((all.mean() - mean).abs() < 1e-3);
            prop_assert!((all.deviation() - floor(variance.sqrt(), mean)).abs() < 1e-3 * (1.0 + variance.sqrt()));
        }
    }
}
