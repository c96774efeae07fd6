//! Conformal calibration: from a score to the share of normal sessions that score as high.
//!
//! With `n` held-out normal scores, `p = (1 + #{scores ≥ s}) / (n + 1)` holds its promise for any score
//! function, as long as normal sessions keep coming from where the held-out ones came from (Vovk, Gammerman
//! and Shafer, 2005). Between held-out scores and beyond the highest, `p` is made continuous so that ties
//! are broken by the score.

/// Held-out scores of normal sessions.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Calibration {
    sorted: Vec<f32>,
    scale: f32,
}

/// How fast the probability falls beyond the highest score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Exponentially: for a score that means something by itself.
    Light,
    /// As its inverse: for a score of which being rare is all that is known.
    Heavy,
}

/// Below this many scores the tail's shape is not estimated.
const MIN_TAIL: usize = 10;

impl Calibration {
    /// From the scores of normal sessions that the scoring model has not learned from.
    pub(crate) fn new(mut scores: Vec<f32>) -> Self {
        scores.retain(|s| s.is_finite());
        scores.sort_by(f32::total_cmp);
        let scale = tail_scale(&scores);
        Self { sorted: scores, scale }
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

    /// A continuous version of [`Self::p`]: ties count in full, between two scores it is interpolated, and beyond
    /// the highest it falls off on the scale of the highest tenth, as fast as `tail` says.
    pub(crate) fn smooth_p(&self, score: f32, tail: Tail) -> f64 {
        let n = self.sorted.len();
        let size = n as f64 + 1.0;
        let at_least = |s: f32| (n - self.sorted.partition_point(|x| *x < s)) as f64;
        let above = at_least(score);
        if above == 0.0 {
            let excess = self.sorted.last().map_or(0.0, |last| f64::from((score - last) / self.scale.max(1e-6)));
            return match tail {
                Tail::Light => (-excess).exp() / size,
                Tail::Heavy => 1.0 / (1.0 + excess) / size,
            };
        }
        let next = n - above as usize;
        if next == 0 || self.sorted[next] == score {
            return above / size;
        }
        let (lower, upper) = (self.sorted[next - 1], self.sorted[next]);
        let share = f64::from((score - lower) / (upper - lower));
        (at_least(lower) * (1.0 - share) + above * share) / size
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
    fn what_every_session_scores_is_not_rare() {
        let c = Calibration::new(vec![0.0; 99]);
        assert_eq!(c.smooth_p(0.0, Tail::Heavy), 0.99);
        assert!(c.smooth_p(1.0, Tail::Heavy) < 0.01);
    }

    #[test]
    fn an_empty_calibration_decides_nothing() {
        let c = Calibration::new(vec![f32::NAN]);
        assert_eq!((c.len(), c.p(9.0), c.threshold(0.5)), (0, 1.0, None));
    }

    proptest! {
        #[test]
        fn smooth_p_falls_with_the_score(scores in proptest::collection::vec(-10f32..10.0, 0..60), a in -20f32..20.0, b in -20f32..20.0) {
            let c = Calibration::new(scores);
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            for tail in [Tail::Light, Tail::Heavy] {
                prop_assert!(c.smooth_p(high, tail) <= c.smooth_p(low, tail) + 1e-9);
                prop_assert!((0.0..=1.0).contains(&c.smooth_p(a, tail)));
            }
        }
    }
}
