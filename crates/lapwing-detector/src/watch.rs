//! The behaviour watch: sessions in progress, the agents' histories and models, and what becomes an alarm.
//!
//! One budget: at most `false_alarm_rate` of an agent's normal sessions may alarm, over all channels together.
//! A call whose provenance alone passes the calibrated threshold alarms at once; order and consistency are
//! judged when the session is over. What alarms is not learned.

use lapwing_event::{Kind, SanitizedEvent};
use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::behaviour::Digest;
use crate::config::BehaviourConfig;
use crate::metrics::DetectorMetrics;
use crate::recent::Recent;
use crate::session::{Asleep, Session};

mod agent;
mod words;

use agent::Agent;
use words::{explain_call, explain_session, speaks};

/// Sessions and agents.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Watch {
    /// Sessions that were heard of lately.
    sessions: Recent<String, Session>,
    /// Sessions that may go on but have been silent for a while.
    asleep: Recent<String, Asleep>,
    agents: Recent<String, Agent>,
    /// Closed sessions that alarmed, with their agents: learned once a reviewer calls them benign.
    held: Recent<String, (String, Digest)>,
}

/// A session that is silent for so long falls asleep: a minute of event time.
const SLEEP_AFTER: i64 = 60_000_000_000;
/// Sessions awake at a time; past this the one silent longest falls asleep early.
const MAX_AWAKE: usize = 1_000;
/// Sessions held back from learning; past this the oldest are forgotten.
const MAX_HELD: usize = 1_000;

impl Watch {
    /// Takes in an event; an alert if a tool call follows untrusted text. `watermark` is the time that the stream has
    /// reached: a session whose events are late is silent from then on, not from their own time.
    pub(crate) fn observe(
        &mut self,
        event: &SanitizedEvent,
        watermark: i64,
        config: &BehaviourConfig,
        metrics: &mut DetectorMetrics,
    ) -> Vec<Alert> {
        if !matches!(event.kind, Kind::Llm | Kind::Tool | Kind::Retrieval) {
            return Vec::new();
        }
        let heard = event.timestamp.nanos().max(watermark);
        let agent = format!("{}\u{1f}{}", event.tenant.id, event.agent_key());
        let key = event.partition_key();
        let asleep = &mut self.asleep;
        let make = || {
            let woken = asleep.remove(&key).and_then(|session| session.wake());
            woken.unwrap_or_else(|| Session::new(agent, event, config.limits))
        };
        let session = self.sessions.touch(&key, heard, make);
        session.heard = session.heard.max(heard);
        let mut alerts = Vec::new();
        if let Some(reading) = session.take(event) {
            let agent = self.agents.get(&session.agent);
            if let Some(verdict) = words::provenance(&reading, session, agent.and_then(Agent::model), config) {
                session.alarmed = true;
                let nearest = agent.and_then(|agent| agent.nearest(&session.trace.digest()));
                alerts.push(explain_call(&verdict, &reading, session, nearest, event));
            }
        }
        self.put_to_sleep(watermark.saturating_sub(SLEEP_AFTER));
        while let Some((key, session)) = self.pop_over(config.max_sessions) {
            metrics.sessions_evicted += 1;
            alerts.extend(self.close(&key, session, config, metrics));
        }
        metrics.sessions_live = (self.sessions.len() + self.asleep.len()) as u64;
        alerts
    }

    fn put_to_sleep(&mut self, silent_since: i64) {
        let next = |sessions: &mut Recent<String, Session>| {
            sessions.pop_before(silent_since).or_else(|| sessions.pop_over(MAX_AWAKE))
        };
        while let Some((key, session)) = next(&mut self.sessions) {
            let heard = session.heard;
            self.asleep.touch(&key, heard, || session.sleep());
        }
    }

    /// Takes out the session that was silent longest, if there are more than `limit`.
    fn pop_over(&mut self, limit: usize) -> Option<(String, Session)> {
        if self.sessions.len() + self.asleep.len() <= limit {
            return None;
        }
        while let Some((key, asleep)) = self.asleep.pop_over(0) {
            if let Some(session) = asleep.wake() {
                return Some((key, session));
            }
        }
        self.sessions.pop_over(limit)
    }

    /// Closes and scores the sessions that were last heard of before `nanos`.
    pub(crate) fn close_idle(
        &mut self,
        nanos: i64,
        config: &BehaviourConfig,
        metrics: &mut DetectorMetrics,
    ) -> Vec<Alert> {
        let mut alerts = Vec::new();
        while let Some((key, asleep)) = self.asleep.pop_before(nanos) {
            if let Some(session) = asleep.wake() {
                alerts.extend(self.close(&key, session, config, metrics));
            }
        }
        while let Some((key, session)) = self.sessions.pop_before(nanos) {
            alerts.extend(self.close(&key, session, config, metrics));
        }
        metrics.sessions_live = (self.sessions.len() + self.asleep.len()) as u64;
        alerts
    }

    fn close(
        &mut self,
        key: &str,
        session: Session,
        config: &BehaviourConfig,
        metrics: &mut DetectorMetrics,
    ) -> Option<Alert> {
        metrics.sessions_closed += 1;
        if !session.acted() {
            return None;
        }
        let digest = session.trace.digest().of_session(key);
        let agent = self.agents.touch(&session.agent, session.last, Agent::default);
        let mut alert = None;
        if let Some(assessment) = agent.model().map(|m| m.assess(&digest)) {
            metrics.sessions_calibrated += 1;
            let rate = config.false_alarm_rate;
            if !session.alarmed && assessment.p <= rate && speaks(&assessment, config) {
                alert = Some(explain_session(&session, &digest, &assessment, agent.nearest(&digest), rate));
            }
            metrics.sessions_alarmed += u64::from(session.alarmed || alert.is_some());
        }
        if alert.is_none() && !session.alarmed {
            agent.learn(digest, session.user(), session.last, config, metrics);
        } else {
            if session.confirmed {
                agent.confirm(&digest);
            }
            self.held.touch(&key.to_owned(), session.last, || (session.agent.clone(), digest));
            while self.held.pop_over(MAX_HELD).is_some() {}
        }
        while self.agents.pop_over(config.max_agents).is_some() {
            metrics.agents_evicted += 1;
        }
        metrics.agents_live = self.agents.len() as u64;
        alert
    }

    /// Learns a session that alarmed, or will once it is over: a reviewer calls it benign.
    pub(crate) fn release(&mut self, key: &str, config: &BehaviourConfig, metrics: &mut DetectorMetrics) {
        self.judge(key, |session| (session.alarmed, session.confirmed) = (false, false));
        if let Some((agent, digest)) = self.held.remove(&key.to_owned()) {
            let last = self.agents.last_touch(&agent).unwrap_or_default();
            self.agents.touch(&agent, last, Agent::default).learn_reviewed(digest, config, metrics);
        }
    }

    /// Remembers a session that alarmed, or will once it is over: a reviewer calls it an attack.
    pub(crate) fn confirm(&mut self, key: &str) {
        self.judge(key, |session| session.confirmed = true);
        if let Some((agent, digest)) = self.held.get(&key.to_owned())
            && let Some(agent) = self.agents.get_mut(agent)
        {
            agent.confirm(digest);
        }
    }

    /// Changes a session in progress, be it awake or asleep.
    fn judge(&mut self, key: &str, change: impl Fn(&mut Session)) {
        let key = key.to_owned();
        self.sessions.get_mut(&key).into_iter().for_each(&change);
        if let Some(mut session) = self.asleep.remove(&key).and_then(|asleep| asleep.wake()) {
            change(&mut session);
            let heard = session.heard;
            self.asleep.touch(&key, heard, || session.sleep());
        }
    }

    /// Fits the models again after a snapshot was read.
    pub(crate) fn refit(&mut self, config: &BehaviourConfig) {
        for agent in self.agents.values_mut() {
            agent.refit(config);
        }
    }
}
