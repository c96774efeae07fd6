//! The behaviour of one agent: three channels, each calibrated on the agent's own history.
//!
//! A model is fitted to the digests of normal sessions and then never changes; the detector fits a new one when
//! enough sessions have come. Calibration scores are cross-fitted: each session is scored by a model that has
//! not seen its task, so that the promise made for new tasks is kept.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::calibration::{Calibration, Tail};
use super::features::{EXPOSURE, logit};
use super::habits::Habits;
use super::sequence::{Ppm, Surprise};
use super::text::Term;
use super::trace::{CallDigest, Digest};

/// How the behaviour models learn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// Longest context of the sequence model, in calls. Default 6.
    pub sequence_order: usize,
    /// Contexts the sequence model of one agent may hold. Default 100,000.
    pub sequence_contexts: usize,
    /// Parts the history is cut into for cross-fitting. Default 5.
    pub folds: usize,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self { sequence_order: 6, sequence_contexts: 100_000, folds: 5 }
    }
}

/// The parts of the behaviour detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// The order of tool calls.
    Sequence,
    /// The origins of arguments.
    Provenance,
    /// Whether the session holds together.
    Consistency,
}

/// A session's raw scores.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Scores {
    surprise: Surprise,
    /// Largest logit of a call.
    provenance: f32,
    /// The call with that logit.
    call: usize,
    /// Whether there was anything whose origin could be asked for.
    traceable: bool,
    consistency: f32,
}

/// What the model says of a session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assessment {
    /// The channel that speaks loudest.
    pub channel: Channel,
    /// How surprising the order of its calls is.
    pub surprise: Surprise,
    /// The largest log-odds of a call to serve somebody else than the user.
    pub provenance: f32,
    /// The call that has them.
    pub call: usize,
    /// How little the session holds together.
    pub consistency: f32,
    /// p-values by channel: sequence, provenance, consistency.
    pub p_channels: [f64; 3],
    /// Calibrated p-value of the channels together.
    pub p: f64,
    /// The channels together: larger is stranger, continuous, comparable between agents.
    pub score: f64,
}

/// A fitted model of one agent.
#[derive(Debug, Clone)]
pub struct AgentModel {
    learned: Learned,
    calibration: Channels,
    combined: Calibration,
}

#[derive(Debug, Clone)]
struct Learned {
    sequence: Ppm,
    habits: Habits,
}

#[derive(Debug, Clone)]
struct Channels {
    /// Whether the agent's sessions are long: then the mean surprise counts, else the largest with it.
    long: bool,
    sequence: Calibration,
    provenance: Calibration,
    consistency: Calibration,
}

impl Learned {
    fn fit<'a>(history: impl Iterator<Item = &'a Digest>, config: &ModelConfig) -> Self {
        let mut sequence = Ppm::new(config.sequence_order, config.sequence_contexts);
        let mut habits = Habits::default();
        for digest in history {
            sequence.learn(&tools(digest));
            habits.learn(digest);
        }
        Self { sequence, habits }
    }

    fn logit(&self, prompt: &[Term], call: &CallDigest) -> f32 {
        logit(&call.features, self.habits.unexpected(prompt, call.tool), self.habits.rare_edge(call))
    }

    fn scores(&self, digest: &Digest) -> Scores {
        let logits = digest.calls.iter().map(|c| self.logit(&digest.prompt, c));
        let (call, provenance) = logits.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, -20.0));
        let provenance = provenance + EXPOSURE * digest.exposure;
        Scores {
            surprise: self.sequence.surprise(&tools(digest)),
            provenance,
            call,
            traceable: !digest.prompt.is_empty() || digest.calls.iter().any(|c| !c.edges.is_empty()),
            consistency: digest.consistency,
        }
    }
}

fn tools(digest: &Digest) -> Vec<Term> {
    digest.calls.iter().map(|c| c.tool).collect()
}

impl AgentModel {
    /// Fits a model to an agent's normal sessions; none at all is a valid history.
    pub fn fit(history: &[Digest], config: &ModelConfig) -> Self {
        let folds = config.folds.max(2);
        let tasks: BTreeSet<Term> = history.iter().filter_map(Digest::task).collect();
        // An agent that only ever does a handful of tasks will go on doing these: then a session is left out, not
        // a task, or every calibration score would be that of a task never seen.
        let by_task = tasks.len() >= folds;
        let fold = |at: usize| history[at].task().filter(|_| by_task).map_or(at, |t| t as usize) % folds;
        let mut held_out = vec![Scores::default(); history.len()];
        for out in 0..folds {
            let rest = history.iter().enumerate().filter(|(at, _)| fold(*at) != out).map(|(_, d)| d);
            let learned = Learned::fit(rest, config);
            for (at, digest) in history.iter().enumerate().filter(|(at, _)| fold(*at) == out) {
                held_out[at] = learned.scores(digest);
            }
        }
        let column = |of: fn(&Scores) -> f32| Calibration::new(held_out.iter().map(of).collect());
        let long = median_length(history) > LONG_SESSION;
        let sequence = held_out.iter().map(|s| strangeness(&s.surprise, long)).collect();
        let calibration = Channels {
            long,
            sequence: Calibration::new(sequence),
            provenance: column(|s| s.provenance),
            consistency: column(|s| s.consistency),
        };
        let combined = held_out.iter().map(|s| combine(&calibration.tails(s)) as f32).collect();
        Self { learned: Learned::fit(history.iter(), config), calibration, combined: Calibration::new(combined) }
    }

    /// Sessions behind the calibration.
    pub fn sessions(&self) -> usize {
        self.combined.len()
    }

    /// Log-odds of one call to serve somebody else than the user, with the agent's habits if there is a model.
    pub(crate) fn call_logit(model: Option<&Self>, prompt: &[Term], call: &CallDigest) -> f32 {
        match model {
            Some(model) => model.learned.logit(prompt, call),
            None => logit(&call.features, 0.5, 0.0),
        }
    }

    /// The calibrated p-value of a call's log-odds, as the highest of its session.
    pub(crate) fn provenance_p(&self, logit: f32) -> f64 {
        self.calibration.provenance.p(logit)
    }

    /// The combined score that a call's log-odds give alone.
    pub(crate) fn provenance_score(&self, logit: f32) -> f64 {
        combine(&[1.0, blended(&self.calibration.provenance, logit), 1.0])
    }

    /// The combined score above which at most `rate` of normal sessions lie, if there are enough to tell.
    pub(crate) fn threshold(&self, rate: f64) -> Option<f64> {
        self.combined.threshold(rate).map(f64::from)
    }

    /// Scores a whole session.
    pub fn assess(&self, digest: &Digest) -> Assessment {
        let scores = self.learned.scores(digest);
        let tails = self.calibration.tails(&scores);
        let score = combine(&tails);
        let c = &self.calibration;
        let sequence = c.sequence.p(strangeness(&scores.surprise, c.long));
        let p_channels = [sequence, c.provenance.p(scores.provenance), c.consistency.p(scores.consistency)];
        let loudest =
            (0..3).min_by(|a, b| (tails[*a] / WEIGHTS[*a]).total_cmp(&(tails[*b] / WEIGHTS[*b]))).unwrap_or(1);
        let channel = [Channel::Sequence, Channel::Provenance, Channel::Consistency][loudest];
        Assessment {
            channel,
            surprise: scores.surprise,
            provenance: scores.provenance,
            call: scores.call,
            consistency: scores.consistency,
            p_channels,
            p: self.combined.p(score as f32),
            score,
        }
    }
}

/// Median calls of a session from which an agent's sessions are long.
const LONG_SESSION: usize = 40;

fn median_length(history: &[Digest]) -> usize {
    let mut lengths: Vec<usize> = history.iter().map(|d| d.calls.len()).collect();
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied().unwrap_or(0)
}

/// One number for the surprise of a session: a rigid workflow is broken by one step, while a long session
/// always has a step never seen before, and only its mean tells.
fn strangeness(surprise: &Surprise, long: bool) -> f32 {
    if long { surprise.mean } else { surprise.max + 0.2 * surprise.total }
}

/// Shares of the false-alarm budget: sequence, provenance, consistency.
const WEIGHTS: [f64; 3] = [0.15, 0.7, 0.15];

impl Channels {
    /// Smooth tail probabilities of sequence, provenance and consistency.
    fn tails(&self, s: &Scores) -> [f64; 3] {
        let sequence = self.sequence.smooth_p(strangeness(&s.surprise, self.long), Tail::Heavy);
        let provenance = if s.traceable { blended(&self.provenance, s.provenance) } else { 1.0 };
        [sequence, provenance, self.consistency.smooth_p(s.consistency, Tail::Heavy)]
    }
}

/// Sessions that the built-in idea of a normal logit counts for, next to the agent's own.
const PRIOR_SESSIONS: f64 = 60.0;

/// The tail probability of a logit: the agent's own, blended with what is normal for agents at large, so that
/// an agent with little history is judged by the features that need none.
fn blended(own: &Calibration, logit: f32) -> f64 {
    let n = own.len() as f64;
    let prior = 1.0 / (1.0 + (2.0 * f64::from(logit + 1.0)).exp());
    (n * own.smooth_p(logit, Tail::Light) + PRIOR_SESSIONS * prior) / (n + PRIOR_SESSIONS)
}

/// The combined score: `-log10` of the weighted harmonic mean of the tail probabilities (Wilson, 2019). The
/// smallest decides, the others break ties, and a channel that sees nothing leaves the order of the rest alone.
fn combine(tails: &[f64; 3]) -> f64 {
    let inverse: f64 = tails.iter().zip(WEIGHTS).map(|(p, w)| w / p.max(1e-30)).sum();
    inverse.log10()
}
