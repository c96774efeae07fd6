//! What is known of one agent: the sessions that are normal for it, those that are attacks for sure, and its model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::behaviour::{AgentModel, Digest, Term, nearest};
use crate::config::BehaviourConfig;
use crate::metrics::DetectorMetrics;

use super::words::alarms;

/// What is known of one agent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Agent {
    /// Sessions the model was fitted to.
    history: Vec<Digest>,
    /// Sessions since.
    pending: Vec<Digest>,
    /// Sessions that a reviewer called attacks, the newest.
    confirmed: Vec<Digest>,
    quota: Quota,
    /// Fitted to `history`; not written down, since fitting again gives the same.
    #[serde(skip)]
    model: Option<AgentModel>,
}

/// Confirmed attacks kept of one agent.
const MAX_CONFIRMED: usize = 50;

impl Agent {
    pub(super) fn model(&self) -> Option<&AgentModel> {
        self.model.as_ref()
    }

    /// The id of the normal session that resembles this one most.
    pub(super) fn nearest(&self, digest: &Digest) -> Option<&str> {
        let key = &nearest(digest, &self.history)?.session;
        Some(key.split_once('\u{1f}').map_or(key, |(_tenant, id)| id))
    }

    /// Adds a normal session of `user`, and fits a new model when there are a tenth more of them.
    pub(super) fn learn(
        &mut self,
        digest: Digest,
        user: Term,
        nanos: i64,
        config: &BehaviourConfig,
        metrics: &mut DetectorMetrics,
    ) {
        if !self.quota.admits(user, nanos, config.max_per_user) {
            metrics.sessions_over_quota += 1;
            return;
        }
        self.pending.push(digest);
        let due = (self.history.len() / 10).max(5);
        if self.pending.len() < due || self.history.len() + self.pending.len() < config.min_history {
            return;
        }
        self.history = self.with_pending(config);
        self.pending.clear();
        self.refit(config);
        metrics.models_fitted += 1;
    }

    /// Adds a session that a reviewer called benign. The model that knows it takes effect at once, unless a session
    /// that a reviewer called an attack alarms now and would not any more: then it is not learned.
    pub(super) fn learn_reviewed(&mut self, digest: Digest, config: &BehaviourConfig, metrics: &mut DetectorMetrics) {
        self.confirmed.retain(|attack| attack.session != digest.session);
        self.pending.push(digest);
        let Some(in_force) = &self.model else { return };
        let history = self.with_pending(config);
        let candidate = AgentModel::fit(&history, &config.model);
        let passes = |attack: &Digest| alarms(in_force, attack, config) && !alarms(&candidate, attack, config);
        if self.confirmed.iter().any(passes) {
            self.pending.pop();
            metrics.reviews_refused += 1;
            return;
        }
        self.history = history;
        self.pending.clear();
        self.model = Some(candidate);
        metrics.reviews_learned += 1;
        metrics.models_fitted += 1;
    }

    /// Remembers a session that a reviewer called an attack.
    pub(super) fn confirm(&mut self, digest: &Digest) {
        if self.confirmed.iter().all(|attack| attack.session != digest.session) {
            self.confirmed.push(digest.clone());
            let over = self.confirmed.len().saturating_sub(MAX_CONFIRMED);
            self.confirmed.drain(..over);
        }
    }

    /// Fits the model to the history that is there.
    pub(super) fn refit(&mut self, config: &BehaviourConfig) {
        self.model = (!self.history.is_empty()).then(|| AgentModel::fit(&self.history, &config.model));
    }

    /// The history with the sessions since, the newest of them.
    fn with_pending(&self, config: &BehaviourConfig) -> Vec<Digest> {
        let over = (self.history.len() + self.pending.len()).saturating_sub(config.max_history);
        self.history.iter().chain(&self.pending).skip(over).cloned().collect()
    }
}

/// How many sessions of each user were learned in the hour of the newest.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Quota {
    hour: i64,
    learned: BTreeMap<Term, u32>,
}

/// Nanoseconds of an hour.
const HOUR: i64 = 3_600_000_000_000;
/// Users whose sessions are counted in an hour; what others did in it is not learned.
const MAX_USERS: usize = 10_000;

impl Quota {
    /// Whether one more session of `user` may be learned; if so, it is counted.
    fn admits(&mut self, user: Term, nanos: i64, limit: u32) -> bool {
        let hour = nanos.div_euclid(HOUR);
        if hour > self.hour {
            *self = Self { hour, learned: BTreeMap::new() };
        }
        if self.learned.len() >= MAX_USERS && !self.learned.contains_key(&user) {
            return false;
        }
        let learned = self.learned.entry(user).or_default();
        *learned = learned.saturating_add(1);
        *learned <= limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_teaches_so_much_an_hour_and_others_still_can() {
        let mut quota = Quota::default();
        assert!((0..3).all(|i| quota.admits(1, i, 3)));
        assert!(!quota.admits(1, 5, 3));
        assert!(quota.admits(2, 5, 3));
        assert!(!quota.admits(1, HOUR - 1, 3));
        assert!(quota.admits(1, HOUR, 3), "a new hour");
        assert!((0..2 * MAX_USERS as u32).filter(|user| quota.admits(*user, HOUR, 3)).count() <= MAX_USERS);
    }
}
