//! Conformal calibration: from a score to the share of normal sessions that score as high.
//!
//! With `n` held-out normal scores, `p = (1 + #{scores ≥ s}) / (n + 1)` holds its promise for any score
//! function, as long as normal sessions keep coming from where the held-out ones came from (Vovk, Gammerman
//! and Shafer, 2005). Between held-out scores and beyond the highest, `p` is made continuous so that ties
//! are broken by the score; beyond the highest it falls off as the highest tenth did, no further than `floor`.

/// Held-out scores of normal sessions.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Calibration {
    sorted: Vec<f32>,
    tail: f32,
}

/// Below this many scores the tail's shape is not estimated.
const MIN_TAIL: usize = 10;

impl Calibration {
    /// From the scores of normal sessions that the scoring model has not learned from.
    pub(crate) fn new(mut scores: Vec<f32>) -> Self {
        scores.retain(|s| s.is_finite());
        scores.sort_by(f32::total_cmp);
        let tail = tail_scale(&scores);
        Self { sorted: scores, tail }
    }

    /// How many scores it holds.
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// The conformal p-value: valid, with ties counted against the alarm.
    pub(crate) fn p(&self, score: f32) -> f64 {
        let at_least = self.sorted.len() - self.sorted.partition_point(|s| *s < score);
        (at_least as f64 + 1.0) / (self.sorted.len() as f64 + 1.0)
    }

    /// A continuous, strictly falling version of [`Self::p`]: at most as large, never below `floor`.
    pub(crate) fn smooth_p(&self, score: f32, floor: f64) -> f64 {
        let n = self.sorted.len();
        let above = self.sorted.partition_point(|s| *s <= score);
        if above == n {
            let excess = self.sorted.last().map_or(score.max(0.0), |last| score - last);
            let p = (-f64::from(excess / self.tail.max(1e-6))).exp() / (n as f64 + 1.0);
            return p.max(floor);
        }
        let upper = self.sorted[above];
        let lower = if above == 0 { score.min(upper - 1.0) } else { self.sorted[above - 1] };
        let within = if upper > lower { f64::from((upper - score) / (upper - lower)) } else { 0.0 };
        ((n - above) as f64 + within.clamp(0.0, 1.0)) / (n as f64 + 1.0)
    }

    /// The score that `p ≤ alpha` asks for, if there are scores enough to tell.
    pub(crate) fn threshold(&self, alpha: f64) -> Option<f32> {
        let n = self.sorted.len();
        let allowed = (alpha * (n as f64 + 1.0)).floor() as usize;
        (allowed >= 1 && allowed <= n).then(|| self.sorted[n - allowed])
    }
}

/// Mean excess of the highest tenth over its lowest: the scale of an exponential tail.
fn tail_scale(sorted: &[f32]) -> f32 {
    let n = sorted.len();
    if n < MIN_TAIL {
        return 1.0;
    }
    let tail = &sorted[n - (n / 10).max(3)..];
    let base = tail[0];
    let mean = tail.iter().map(|s| s - base).sum::<f32>() / (tail.len() - 1) as f32;
    mean.max(0.05)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn p_counts_what_scores_as_high() {
        let c = Calibration::new((1..=99).map(|i| i as f32).collect());
        for (score, p) in [(0.0, 1.0), (50.0, 0.51), (99.0, 0.02), (100.0, 0.01)] {
            assert!((c.p(score) - p).abs() < 1e-9, "{score}");
        }
        assert_eq!(c.threshold(0.05), Some(95.0));
        assert_eq!(c.threshold(0.001), None);
    }

    #[test]
    fn an_empty_calibration_decides_nothing() {
        let c = Calibration::new(vec![f32::NAN]);
        assert_eq!((c.len(), c.p(9.0), c.threshold(0.5)), (0, 1.0, None));
    }

    proptest! {
        #[test]
        fn smooth_p_falls_and_never_exceeds_p(scores in proptest::collection::vec(-10f32..10.0, 0..60), a in -20f32..20.0, b in -20f32..20.0) {
            let c = Calibration::new(scores);
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(c.smooth_p(high, 0.0) <= c.smooth_p(low, 0.0) + 1e-9);
            prop_assert!(c.smooth_p(a, 0.0) <= c.p(a) + 1e-9);
        }
    }
}
