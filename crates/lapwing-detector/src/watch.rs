//! The behaviour watch: sessions in progress, the agents' histories and models, and what becomes an alarm.
//!
//! One budget: at most `false_alarm_rate` of an agent's normal sessions may alarm, over all channels together.
//! A call whose provenance alone passes the calibrated threshold alarms at once; order and consistency are
//! judged when the session is over. What alarms is not learned.

use lapwing_event::{Kind, SanitizedEvent};
use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Draft};
use crate::behaviour::{AgentModel, Assessment, Channel, Digest, Origin, Reading};
use crate::config::BehaviourConfig;
use crate::metrics::DetectorMetrics;
use crate::recent::Recent;
use crate::session::{Asleep, Session};

/// What is known of one agent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Agent {
    /// Sessions the model was fitted to.
    history: Vec<Digest>,
    /// Sessions since.
    pending: Vec<Digest>,
    /// Fitted to `history`; not written down, since fitting again gives the same.
    #[serde(skip)]
    model: Option<AgentModel>,
}

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
            let model = self.agents.get(&session.agent).and_then(|a| a.model.as_ref());
            if let Some(verdict) = provenance(&reading, session, model, config) {
                session.alarmed = true;
                alerts.push(Alert::new(explain_call(&verdict, &reading, session, event), event.timestamp, event));
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
        let digest = session.trace.digest();
        let agent = self.agents.touch(&session.agent, session.last, Agent::default);
        let mut alert = None;
        if let Some(assessment) = agent.model.as_ref().map(|m| m.assess(&digest)) {
            metrics.sessions_calibrated += 1;
            let rate = config.false_alarm_rate;
            if !session.alarmed && assessment.p <= rate && speaks(&assessment, config) {
                alert = Some(session.alert(explain_session(key, &session, &digest, &assessment, rate)));
            }
            metrics.sessions_alarmed += u64::from(session.alarmed || alert.is_some());
        }
        if alert.is_none() && !session.alarmed {
            agent.learn(digest, config, metrics);
        } else {
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
        let key = key.to_owned();
        if let Some(session) = self.sessions.get_mut(&key) {
            session.alarmed = false;
        }
        if let Some(mut session) = self.asleep.remove(&key).and_then(|asleep| asleep.wake()) {
            session.alarmed = false;
            let heard = session.heard;
            self.asleep.touch(&key, heard, || session.sleep());
        }
        if let Some((agent, digest)) = self.held.remove(&key) {
            let last = self.agents.last_touch(&agent).unwrap_or_default();
            self.agents.touch(&agent, last, Agent::default).learn(digest, config, metrics);
        }
    }

    /// Fits the models again after a snapshot was read.
    pub(crate) fn refit(&mut self, config: &BehaviourConfig) {
        for agent in self.agents.values_mut() {
            agent.model = (!agent.history.is_empty()).then(|| AgentModel::fit(&agent.history, &config.model));
        }
    }
}

impl Agent {
    /// Adds a normal session, and fits a new model when there are a tenth more of them.
    fn learn(&mut self, digest: Digest, config: &BehaviourConfig, metrics: &mut DetectorMetrics) {
        self.pending.push(digest);
        let due = (self.history.len() / 10).max(5);
        if self.pending.len() < due || self.history.len() + self.pending.len() < config.min_history {
            return;
        }
        self.history.append(&mut self.pending);
        let over = self.history.len().saturating_sub(config.max_history);
        self.history.drain(..over);
        self.model = Some(AgentModel::fit(&self.history, &config.model));
        metrics.models_fitted += 1;
    }
}

/// Why a call alarms.
struct Verdict {
    probability: f64,
    threshold: f64,
    p: f64,
    /// The agent's sessions behind the p-value; none if it rests on what is normal for agents at large.
    sessions: usize,
}

fn provenance(
    reading: &Reading<'_>,
    session: &Session,
    model: Option<&AgentModel>,
    config: &BehaviourConfig,
) -> Option<Verdict> {
    let logit = AgentModel::call_logit(model, session.trace.prompt_stems(), &reading.digest);
    let probability = 1.0 / (1.0 + (-f64::from(logit)).exp());
    let p = AgentModel::call_p(model, logit);
    let threshold = if model.is_some() { config.min_probability } else { config.cold_probability };
    let sessions = model.map_or(0, AgentModel::sessions);
    (p <= config.false_alarm_rate && probability >= threshold).then_some(Verdict {
        probability,
        threshold,
        p,
        sessions,
    })
}

/// Whether the channel that speaks loudest has something to say beyond being rare.
fn speaks(assessment: &Assessment, config: &BehaviourConfig) -> bool {
    match assessment.channel {
        Channel::Provenance => 1.0 / (1.0 + (-f64::from(assessment.provenance)).exp()) >= config.min_probability,
        Channel::Sequence | Channel::Consistency => true,
    }
}

fn explain_call(verdict: &Verdict, reading: &Reading<'_>, session: &Session, event: &SanitizedEvent) -> Draft {
    let tool = event.tool.as_ref().map_or("a tool", |t| t.name.as_str());
    let origin = match reading.piece {
        Some((_, Origin::Output(at))) => session.source(at),
        _ => None,
    };
    let order = reading.ordered_by.and_then(|at| session.source(at));
    let mut words = match (reading.piece, origin) {
        (Some((piece, _)), Some(from)) => {
            format!(
                "the argument {:?} of {tool} came from the output of {} and not from the user",
                cut(piece),
                from.name
            )
        }
        (Some((piece, Origin::Unseen)), _) => {
            format!("the argument {:?} of {tool} was named neither by the user nor by any tool", cut(piece))
        }
        _ => format!("the call of {tool} is not explained by what the user wrote"),
    };
    if let Some(order) = order {
        words.push_str(&format!("; text in the output of {} orders a call like this one", order.name));
    }
    words.push_str(&match verdict.sessions {
        0 => format!("; probability {:.2} by the features that need no history", verdict.probability),
        n => format!(
            "; probability {:.2}, p-value {:.4} against {n} sessions of this agent",
            verdict.probability, verdict.p
        ),
    });
    let mut event_ids: Vec<_> = [order, origin].into_iter().flatten().map(|s| s.event).collect();
    event_ids.push(event.id);
    event_ids.dedup();
    Draft {
        rule_id: "AID-31".to_owned(),
        title: None,
        severity: None,
        score: verdict.probability,
        threshold: verdict.threshold,
        event_ids,
        dedup_key: format!("AID-31\u{1f}{}", event.partition_key()),
        explanation: words,
    }
}

fn explain_session(key: &str, session: &Session, digest: &Digest, assessment: &Assessment, rate: f64) -> Draft {
    let (rule, p) = match assessment.channel {
        Channel::Sequence => ("AID-30", assessment.p_channels[0]),
        Channel::Provenance => ("AID-31", assessment.p_channels[1]),
        Channel::Consistency => ("AID-32", assessment.p_channels[2]),
    };
    let surprise = assessment.surprise;
    let name = |at: usize| session.call(at).map_or("?", |s| s.name.as_str());
    let (words, at) = match assessment.channel {
        Channel::Sequence if surprise.at >= digest.calls.len() => (
            format!(
                "the session ended after {}, which it seldom does ({:.1} bits)",
                name(digest.calls.len()),
                surprise.max
            ),
            surprise.at,
        ),
        Channel::Sequence if surprise.at == 0 => {
            (format!("the session began with {}, which it seldom does ({:.1} bits)", name(0), surprise.max), 0)
        }
        Channel::Sequence => (
            format!(
                "{} after {} is unlike this agent's history ({:.1} bits; mean {:.1})",
                name(surprise.at),
                name(surprise.at - 1),
                surprise.max,
                surprise.mean
            ),
            surprise.at,
        ),
        Channel::Provenance => (
            format!("the arguments of {} came from tool output and not from the user", name(assessment.call)),
            assessment.call,
        ),
        Channel::Consistency => (session.trace.consistency().why(), digest.calls.len()),
    };
    Draft {
        rule_id: rule.to_owned(),
        title: None,
        severity: None,
        score: -assessment.p.log10(),
        threshold: -rate.log10(),
        event_ids: session.call(at).map(|s| s.event).into_iter().collect(),
        dedup_key: format!("{rule}\u{1f}{key}"),
        explanation: format!("{words}; p-value {p:.4}, all channels together {:.4}", assessment.p),
    }
}

/// At most 80 characters of a value, for an explanation.
fn cut(text: &str) -> &str {
    text.char_indices().nth(80).map_or(text, |(at, _)| &text[..at])
}
