//! Conformal calibration: from a score to the share of normal sessions that score as high.
//!
//! With `n` held-out normal scores, `p = (1 + #{scores ≥ s}) / (n + 1)` holds its promise for any score
//! function, as long as normal sessions keep coming from where the held-out ones came from (Vovk, Gammerman
//! and Shafer, 2005). Sessions of one task resemble each other, and the next session may be of a task never seen:
//! then tasks are what must be exchangeable, and each task counts as one, its sessions as parts of one
//! (hierarchical conformal prediction: Dunn, Wasserman and Ramdas, 2023). Between held-out scores and beyond the
//! highest, `p` is made continuous so that ties are broken by the score.

/// Held-out scores of normal sessions.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Calibration {
    sorted: Vec<f32>,
    /// By position in `sorted`: the weight of this score and all above it.
    above: Vec<f64>,
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

/// Standard deviations that bound the count of a tail in 49 of 50 samples.
const SURE: f64 = 2.0;
/// The scale on which a score that means something by itself does: a factor of ten for 1 in a sum of logarithms, or of
/// nearly three in log-odds. However alike the highest of a history are, its tail falls no faster.
const MEANING: f64 = 0.43;
/// Below this many scores the tail's shape is not estimated.
const MIN_TAIL: usize = 10;

impl Calibration {
    /// From the scores of normal sessions that the scoring model has not learned from, with the weight of each: one
    /// over the sessions of its task.
    pub(crate) fn new(mut scores: Vec<(f32, f64)>) -> Self {
        scores.retain(|(s, _)| s.is_finite());
        scores.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut above: Vec<f64> = scores.iter().map(|(_, weight)| *weight).collect();
        for at in (1..above.len()).rev() {
            above[at - 1] += above[at];
        }
        let sorted: Vec<f32> = scores.iter().map(|(s, _)| *s).collect();
        let scale = tail_scale(&sorted);
        Self { sorted, above, scale }
    }

    /// The tasks behind it, or sessions where these have no tasks.
    pub(crate) fn size(&self) -> f64 {
        self.above.first().copied().unwrap_or(0.0)
    }

    /// The weight of the scores from position `at` on.
    fn from(&self, at: usize) -> f64 {
        self.above.get(at).copied().unwrap_or(0.0)
    }

    fn at_least(&self, score: f32) -> f64 {
        self.from(self.sorted.partition_point(|s| *s < score))
    }

    /// The conformal p-value: valid, with ties counted against the alarm.
    pub(crate) fn p(&self, score: f32) -> f64 {
        (self.at_least(score) + 1.0) / (self.size() + 1.0)
    }

    /// As [`Self::p`], but for this history and not for the average one: the history is a sample, and with chance in its
    /// favour the promise would be broken for as long as it is in force (training-conditional validity: Vovk, 2012).
    /// The upper bound of the count, which holds in 49 of 50 histories.
    pub(crate) fn sure_p(&self, score: f32) -> f64 {
        let (size, above) = (self.size(), self.at_least(score));
        let spread = (above * (1.0 - above / size.max(above).max(1.0))).max(0.0).sqrt();
        ((above + SURE * spread + 1.0) / (size + 1.0)).min(1.0)
    }

    /// A continuous version of [`Self::p`]: ties count in full, between two scores it is interpolated, and beyond
    /// the highest it falls off on the scale of the highest tenth, as fast as `tail` says.
    pub(crate) fn smooth_p(&self, score: f32, tail: Tail) -> f64 {
        let size = self.size() + 1.0;
        let next = self.sorted.partition_point(|s| *s < score);
        let above = self.from(next);
        if next == self.sorted.len() {
            let excess = self.sorted.last().map_or(0.0, |last| f64::from(score - last));
            let scale = f64::from(self.scale.max(1e-6));
            let falls = match tail {
                Tail::Light => (-excess / scale.max(MEANING)).exp(),
                Tail::Heavy => 1.0 / (1.0 + excess / scale),
            };
            return self.above.last().map_or(1.0, |last| last.min(1.0)) * falls / size;
        }
        if next == 0 || self.sorted[next] == score {
            return above / size;
        }
        let (lower, upper) = (self.sorted[next - 1], self.sorted[next]);
        let share = f64::from((score - lower) / (upper - lower));
        (self.at_least(lower) * (1.0 - share) + above * share) / size
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

    fn alike(scores: impl IntoIterator<Item = f32>) -> Calibration {
        Calibration::new(scores.into_iter().map(|s| (s, 1.0)).collect())
    }

    #[test]
    fn p_counts_what_scores_as_high() {
        let c = alike((1..=99).map(|i| i as f32));
        for (score, p) in [(0.0, 1.0), (50.0, 0.51), (99.0, 0.02), (100.0, 0.01)] {
            assert!((c.p(score) - p).abs() < 1e-9, "{score}");
        }
    }

    #[test]
    fn the_sure_p_is_above_the_other_and_can_be_as_small() {
        let c = alike((1..=999).map(|i| i as f32));
        for score in [1.0, 500.0, 980.0, 999.0] {
            assert!(c.sure_p(score) >= c.p(score) && c.sure_p(score) <= 1.0, "{score}");
        }
        assert!((c.sure_p(980.0) - (20.0 + SURE * 19.6f64.sqrt() + 1.0) / 1000.0).abs() < 1e-4);
        assert_eq!(c.sure_p(1000.0), c.p(1000.0));
    }

    #[test]
    fn a_task_counts_once_however_often_it_was_done() {
        let often = (0..50).map(|i| (5.0 + i as f32 / 100.0, 1.0 / 50.0));
        let once = (0..9).map(|i| (i as f32 / 10.0, 1.0));
        let c = Calibration::new(often.chain(once).collect());
        assert!((c.size() - 10.0).abs() < 1e-9);
        assert!((c.p(5.0) - 2.0 / 11.0).abs() < 1e-9);
        assert!((c.p(9.0) - 1.0 / 11.0).abs() < 1e-9);
    }

    #[test]
    fn what_every_session_scores_is_not_rare() {
        let c = alike([0.0; 99]);
        assert!((c.smooth_p(0.0, Tail::Heavy) - 0.99).abs() < 1e-9);
        assert!(c.smooth_p(1.0, Tail::Heavy) < 0.01);
    }

    #[test]
    fn an_empty_calibration_decides_nothing() {
        let c = alike([f32::NAN]);
        assert_eq!((c.size(), c.p(9.0), c.smooth_p(9.0, Tail::Light)), (0.0, 1.0, 1.0));
    }

    proptest! {
        #[test]
        fn smooth_p_falls_with_the_score(scores in proptest::collection::vec((-10f32..10.0, 0.01f64..1.0), 0..60), a in -20f32..20.0, b in -20f32..20.0) {
            let c = Calibration::new(scores);
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            for tail in [Tail::Light, Tail::Heavy] {
                prop_assert!(c.smooth_p(high, tail) <= c.smooth_p(low, tail) + 1e-9);
                prop_assert!((0.0..=1.0).contains(&c.smooth_p(a, tail)));
            }
        }
    }
}
