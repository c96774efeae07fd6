//! The behaviour of one agent: three channels, each calibrated on the agent's own history.
//!
//! A model is fitted to the digests of normal sessions and then never changes; the detector fits a new one when
//! enough sessions have come. Calibration scores are cross-fitted: each session is scored by a model that has
//! not seen its task, so that the promise made for new tasks is kept.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::calibration::{Calibration, Tail};
use super::features::{EXPOSURE, Feature, INPUTS, inputs, logit};
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
    exposure: f32,
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
    sessions: usize,
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
    /// Of long sessions, by the mean surprise alone.
    steady: Calibration,
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
            exposure: digest.exposure,
            consistency: digest.consistency + FAN_OUT * self.habits.fan_out(&digest.fans) + self.unasked(digest),
        }
    }

    /// How far a call acts that neither the prompt nor what the agent does with such prompts explains.
    fn unasked(&self, digest: &Digest) -> f32 {
        if digest.prompt.is_empty() {
            return 0.0;
        }
        let unasked = digest.calls.iter().map(|call| {
            let unexpected = self.habits.unexpected(&digest.prompt, call.tool);
            call.features[Feature::Unasked as usize] * unexpected
        });
        UNASKED * unasked.fold(0.0, f32::max)
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
        let weights = weights(history, by_task);
        let column = |of: &dyn Fn(&Scores) -> f32| {
            Calibration::new(held_out.iter().map(of).zip(weights.iter().copied()).collect())
        };
        let long = median_length(history) > LONG_SESSION;
        let calibration = Channels {
            long,
            steady: column(&|s| s.surprise.steady),
            sequence: column(&|s| strangeness(&s.surprise, long)),
            provenance: column(&|s| s.provenance),
            consistency: column(&|s| s.consistency),
        };
        let combined = column(&|s| combine(&calibration.tails(s)) as f32);
        Self { learned: Learned::fit(history.iter(), config), calibration, combined, sessions: history.len() }
    }

    /// Sessions behind the calibration.
    pub fn sessions(&self) -> usize {
        self.sessions
    }

    /// What the logistic of provenance is given for each call of a session, in the order of [`INPUTS`]: to refit it.
    pub fn inputs(&self, digest: &Digest) -> Vec<[f32; INPUTS.len()]> {
        let habits = &self.learned.habits;
        let of = |c: &CallDigest| inputs(&c.features, habits.unexpected(&digest.prompt, c.tool), habits.rare_edge(c));
        digest.calls.iter().map(of).collect()
    }

    /// Log-odds of one call to serve somebody else than the user, with the agent's habits if there is a model.
    pub(crate) fn call_logit(model: Option<&Self>, prompt: &[Term], call: &CallDigest) -> f32 {
        match model {
            Some(model) => model.learned.logit(prompt, call),
            None => logit(&call.features, 0.5, 0.0),
        }
    }

    /// The calibrated p-value of a session whose highest log-odds these are, and which is normal otherwise.
    pub(crate) fn call_p(model: Option<&Self>, logit: f32) -> f64 {
        match model {
            Some(model) => model.p(combine(&[1.0, blended(&model.calibration.provenance, logit), 1.0])),
            None => at_large(combine(&[1.0, blended(&Calibration::default(), logit), 1.0])),
        }
    }

    /// The p-value of a combined score. With sessions enough for a promise it is the conformal one; below that, the
    /// agent's own is continued beyond its highest score and blended with what the combination promises by itself.
    fn p(&self, score: f64) -> f64 {
        let n = self.combined.size();
        if n >= ENOUGH {
            return self.combined.sure_p(score as f32);
        }
        let own = self.combined.smooth_p(score as f32, Tail::Light);
        (n * own + PRIOR_SESSIONS * at_large(score)) / (n + PRIOR_SESSIONS)
    }

    /// The tails as far as they carry a promise. That an order was never seen in a short history says little of the
    /// order: what one kind of work in ten looks like may not have come yet, and would be kept from learning for good.
    fn promised(&self, mut tails: [f64; 3], sequence: f64) -> [f64; 3] {
        if self.combined.size() < ENOUGH {
            tails[0] = tails[0].max(sequence);
        }
        tails
    }

    /// What the p-value of a session cannot fall below. A long session of which only the order is known must also have
    /// a rare mean: how many tools its kind of work needs is the first thing to change when work changes.
    fn floor(&self, scores: &Scores) -> f64 {
        let order_alone = self.calibration.long && !scores.traceable;
        if order_alone { self.calibration.steady.sure_p(scores.surprise.steady) } else { 0.0 }
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
            p: self.p(combine(&self.promised(tails, sequence))).max(self.floor(&scores)),
            score,
        }
    }
}

/// The tail probability of a combined score among the normal sessions of agents at large. A harmonic mean promises
/// `10^-score`; that all three channels are high at once, it counts too often.
fn at_large(score: f64) -> f64 {
    0.7 * 10f64.powf(-score)
}

/// Tasks from which a conformal p-value can be 1 %.
const ENOUGH: f64 = 99.0;

/// One over the sessions of each session's task; one where tasks are not told apart.
fn weights(history: &[Digest], by_task: bool) -> Vec<f64> {
    let mut sessions: FxHashMap<Term, f64> = FxHashMap::default();
    for task in history.iter().filter_map(Digest::task) {
        *sessions.entry(task).or_default() += 1.0;
    }
    let of = |digest: &Digest| digest.task().filter(|_| by_task).map_or(1.0, |task| 1.0 / sessions[&task]);
    history.iter().map(of).collect()
}

/// Median calls of a session from which an agent's sessions are long.
const LONG_SESSION: usize = 40;

fn median_length(history: &[Digest]) -> usize {
    let mut lengths: Vec<usize> = history.iter().map(|d| d.calls.len()).collect();
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied().unwrap_or(0)
}

/// One number for the surprise of a session: a rigid workflow is broken by one step or by a tool that it seldom
/// holds, while a long session always has a step never seen before, and only all of its steps together tell.
fn strangeness(surprise: &Surprise, long: bool) -> f32 {
    if long { surprise.bent } else { surprise.max + surprise.rarest + 0.2 * surprise.total }
}

/// What an argument that goes through `e` times as many targets as usual adds to the consistency score.
const FAN_OUT: f32 = 1.0;
/// What an act that nothing explains adds to it, at most.
const UNASKED: f32 = 1.5;

/// Shares of the false-alarm budget: sequence, provenance, consistency.
const WEIGHTS: [f64; 3] = [0.15, 0.55, 0.3];

impl Channels {
    /// Smooth tail probabilities of sequence, provenance and consistency.
    fn tails(&self, s: &Scores) -> [f64; 3] {
        let sequence = self.sequence.smooth_p(strangeness(&s.surprise, self.long), Tail::Heavy);
        let provenance = if s.traceable { blended(&self.provenance, s.provenance) } else { 1.0 };
        let provenance = provenance.min(TURNED_AWAY.powf(s.exposure.into()));
        let consistency = blend(&self.consistency, s.consistency, Tail::Heavy, consistency_prior(s.consistency));
        [sequence, provenance, consistency]
    }
}

/// The tail probability of a session that was turned away from its task and did nothing that shows it: too high to
/// alarm, low enough to rank it above those that saw no order at all.
const TURNED_AWAY: f64 = 0.06;

/// Sessions that the built-in idea of a normal logit counts for, next to the agent's own.
const PRIOR_SESSIONS: f64 = 60.0;

/// The tail probability of a logit: the agent's own and what is normal for agents at large, their logarithms
/// weighted by the sessions behind them, so that an agent with little history is judged by the features that
/// need none, and a logit that is high for any agent stays telling for one that knows such values.
fn blended(own: &Calibration, logit: f32) -> f64 {
    let prior = 1.0 / (1.0 + (PRIOR_SLOPE * f64::from(logit - PRIOR_MIDDLE)).exp());
    blend(own, logit, Tail::Light, prior)
}

fn blend(own: &Calibration, score: f32, tail: Tail, prior: f64) -> f64 {
    let n = own.size();
    ((n * own.smooth_p(score, tail).ln() + PRIOR_SESSIONS * prior.ln()) / (n + PRIOR_SESSIONS)).exp()
}

/// The consistency of normal sessions falls off about like this.
fn consistency_prior(score: f32) -> f64 {
    (-PRIOR_FALL * f64::from(score)).exp()
}
const PRIOR_FALL: f64 = 1.5;

/// The largest logit of a normal session follows about this logistic distribution.
const PRIOR_MIDDLE: f32 = -0.3;
const PRIOR_SLOPE: f64 = 1.5;

/// The combined score: `-log10` of the weighted harmonic mean of the tail probabilities (Wilson, 2019). The
/// smallest decides, the others break ties, and a channel that sees nothing leaves the order of the rest alone.
fn combine(tails: &[f64; 3]) -> f64 {
    let inverse: f64 = tails.iter().zip(WEIGHTS).map(|(p, w)| w / p.max(1e-30)).sum();
    inverse.log10()
}
