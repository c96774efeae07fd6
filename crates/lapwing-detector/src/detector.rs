//! The detector: events in, alerts out. Pure: no clock, no randomness; time is the events' own.

use std::collections::BTreeMap;

use lapwing_event::{Kind, Review, SanitizedEvent, Timestamp};

use crate::alert::Alert;
use crate::baseline::{Baseline, Learned};
use crate::config::DetectorConfig;
use crate::detections::Detections;
use crate::error::DetectorError;
use crate::explain;
use crate::feedback::Feedback;
use crate::metrics::DetectorMetrics;
use crate::recent::Recent;
use crate::rules::Rules;
use crate::snapshot::Parts;
use crate::threshold::{HeldByKey, Threshold};
use crate::watch::Watch;

/// Watches the clean topic of one partition. Feed it every event in the order of the topic.
#[derive(Debug, Clone)]
pub struct Detector {
    config: DetectorConfig,
    thresholds: Vec<Threshold>,
    baselines: Vec<Baseline>,
    rules: Rules,
    detections: Detections,
    watch: Watch,
    /// When each key last alerted, and how often it was left out since.
    alerted: Recent<String, (i64, u64)>,
    /// Until when keys are silent that a reviewer called wrong.
    silenced: Recent<String, i64>,
    feedback: Feedback,
    /// The latest event time seen on each lane, in nanoseconds.
    lanes: BTreeMap<i32, i64>,
    metrics: DetectorMetrics,
    /// Parts that the snapshot had in a form that is no longer read.
    restarted: Vec<String>,
}

/// The version of the counters' part.
const METRICS: u16 = 3;

impl Detector {
    /// A detector that has learned nothing yet.
    pub fn new(config: DetectorConfig) -> Result<Self, DetectorError> {
        config.validate()?;
        Ok(Self {
            thresholds: config.thresholds.iter().filter_map(Threshold::new).collect(),
            baselines: config.baselines.iter().filter_map(Baseline::new).collect(),
            rules: Rules::new(&config.rules, seconds(config.allowed_lateness_s)).map_err(DetectorError::Rules)?,
            detections: Detections::default(),
            watch: Watch::default(),
            alerted: Recent::default(),
            silenced: Recent::default(),
            feedback: Feedback::default(),
            lanes: BTreeMap::new(),
            metrics: DetectorMetrics::default(),
            restarted: Vec::new(),
            config,
        })
    }

    /// Takes in one event. Its own findings come first, then those of sessions that its time shows to be over.
    /// Events of the detector itself and of Lapwing's users (alerts, reviews, audits) are counted and no more.
    pub fn observe(&mut self, event: &SanitizedEvent) -> Vec<Alert> {
        self.observe_on(0, event)
    }

    /// As [`Self::observe`], for a topic of several partitions: each is a lane, in order of time by itself. A session
    /// is over only when every lane has passed its time, so that lanes may be read at different paces.
    pub fn observe_on(&mut self, lane: i32, event: &SanitizedEvent) -> Vec<Alert> {
        self.metrics.observed += 1;
        if let Some(review) = event.review.as_ref().filter(|_| event.kind == Kind::Review) {
            self.review(review, event);
        }
        if matches!(event.kind, Kind::Alert | Kind::Review | Kind::Audit) {
            return Vec::new();
        }
        let mut alerts = Vec::new();
        for threshold in &mut self.thresholds {
            if let Some(crossed) = threshold.check(event) {
                alerts.push(Alert::new(explain::threshold(&threshold.rule, crossed, event), event.timestamp, event));
            }
        }
        for baseline in &mut self.baselines {
            if let Some(deviation) = baseline.observe(event) {
                alerts.push(Alert::new(explain::baseline(&baseline.rule, &deviation), event.timestamp, event));
            }
        }
        alerts.extend(self.rules.observe(event));
        let lateness = seconds(self.config.allowed_lateness_s);
        alerts.extend(self.detections.observe(event, &self.config.detections, lateness));
        if self.config.behaviour.enabled {
            let watermark = self.watermark();
            alerts.extend(self.watch.observe(event, watermark, &self.config.behaviour, &mut self.metrics));
        }
        let latest = self.lanes.entry(lane).or_insert(i64::MIN);
        *latest = (*latest).max(event.timestamp.nanos());
        alerts.extend(self.close_silent(self.watermark()));
        self.keep_new(alerts)
    }

    /// Closes and scores the sessions that have gone silent, for when no events come to show it. `now` is event
    /// time: where old events are replayed, the time that they have reached and not that of the wall clock. It
    /// does not move the detector's own time, so that events behind `now` still find their place.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Alert> {
        let alerts = self.close_silent(now.nanos().max(self.watermark()));
        self.keep_new(alerts)
    }

    /// The time that every lane has reached.
    fn watermark(&self) -> i64 {
        self.lanes.values().copied().min().unwrap_or(i64::MIN)
    }

    /// The latest event time seen, if there was any event. While no events come, time may be told to have passed
    /// from here: `tick(latest + silence)`.
    pub fn latest(&self) -> Option<Timestamp> {
        self.lanes.values().max().map(|nanos| Timestamp::from_nanos(*nanos))
    }

    /// The share of calibrated sessions that may alarm, as the settings promise it; what came of it is in the counters.
    pub fn false_alarm_rate(&self) -> f64 {
        self.config.behaviour.false_alarm_rate
    }

    /// Counters of what it did.
    pub fn metrics(&self) -> &DetectorMetrics {
        &self.metrics
    }

    /// Everything it has learned, to be given to [`Detector::restore`]. Keep it together with the offset of the
    /// last event observed.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut parts = Parts::default();
        parts.put("lanes", 1, &self.lanes);
        parts.put("metrics", METRICS, &self.metrics);
        parts.put("alerted", 2, &self.alerted);
        parts.put("silenced", 1, &self.silenced);
        parts.put("feedback", 1, &self.feedback);
        parts.put("watch", 7, &self.watch);
        let baselines = self.baselines.iter().map(|baseline| (baseline.identity(), baseline.learned()));
        parts.put("baselines", 2, &baselines.collect::<BTreeMap<_, _>>());
        let thresholds = self.thresholds.iter().map(|threshold| (threshold.identity(), threshold.held()));
        parts.put("thresholds", 1, &thresholds.collect::<BTreeMap<_, _>>());
        parts.put("rules", 1, self.rules.state());
        self.detections.save(&mut parts);
        parts.encode()
    }

    /// The detector that wrote `snapshot`: it goes on as if it had never stopped. A part that an older version wrote
    /// in a form that is no longer read begins anew; [`Detector::restarted`] names it.
    pub fn restore(config: DetectorConfig, snapshot: &[u8]) -> Result<Self, DetectorError> {
        let mut detector = Self::new(config)?;
        let mut parts = Parts::decode(snapshot)?;
        detector.lanes = parts.take("lanes", 1).unwrap_or_default();
        detector.metrics = parts.take("metrics", METRICS).unwrap_or_default();
        detector.alerted = parts.take("alerted", 2).unwrap_or_default();
        detector.silenced = parts.take("silenced", 1).unwrap_or_default();
        detector.feedback = parts.take("feedback", 1).unwrap_or_default();
        detector.watch = parts.take("watch", 7).unwrap_or_default();
        detector.watch.refit(&detector.config.behaviour);
        let mut learned: BTreeMap<String, Learned> = parts.take("baselines", 2).unwrap_or_default();
        for baseline in &mut detector.baselines {
            learned.remove(&baseline.identity()).into_iter().for_each(|learned| baseline.resume(learned));
        }
        let mut held: BTreeMap<String, HeldByKey> = parts.take("thresholds", 1).unwrap_or_default();
        for threshold in &mut detector.thresholds {
            held.remove(&threshold.identity()).into_iter().for_each(|held| threshold.resume(held));
        }
        detector.rules.resume(parts.take("rules", 1).unwrap_or_default());
        detector.detections = Detections::load(&mut parts);
        detector.restarted = parts.lost();
        Ok(detector)
    }

    /// Takes over new settings and keeps what was learned, as far as it still belongs to something. On an error the old
    /// settings stay in force.
    pub fn reconfigure(&mut self, config: DetectorConfig) -> Result<(), DetectorError> {
        let refit = config.behaviour.model != self.config.behaviour.model;
        let watch = std::mem::take(&mut self.watch);
        let next = Self::restore(config, &self.snapshot());
        let outcome = next.map(|next| *self = next);
        self.watch = watch;
        if refit && outcome.is_ok() {
            self.watch.refit(&self.config.behaviour);
        }
        outcome
    }

    /// The parts that [`Detector::restore`] had to begin anew.
    pub fn restarted(&self) -> &[String] {
        &self.restarted
    }

    /// Takes in a reviewer's verdict. What an alert held back is learned once it is called wrong or benign, which moves
    /// the thresholds that were calibrated, and its key is silent for a while; what is called right is remembered, so
    /// that nothing is learned after which it would pass.
    fn review(&mut self, review: &Review, event: &SanitizedEvent) {
        let reviewed = self.feedback.review(review, event.tenant.id.as_str());
        self.metrics.verdicts.clone_from(self.feedback.by_rule());
        let alert = match reviewed {
            Some((alert, false)) => alert,
            Some((alert, true)) => return self.watch.confirm(&alert.session),
            None => return,
        };
        self.watch.release(&alert.session, &self.config.behaviour, &mut self.metrics);
        for baseline in &mut self.baselines {
            baseline.release_alert(&alert.key);
        }
        let until = event.timestamp.nanos().saturating_add(seconds(self.config.review_silence_s));
        self.silenced.touch(&alert.key, event.timestamp.nanos(), || until);
        while self.silenced.pop_over(self.config.dedup_keys).is_some() {}
    }

    fn close_silent(&mut self, now: i64) -> Vec<Alert> {
        let idle = seconds(self.config.behaviour.session_idle_s);
        let mut alerts = self.watch.close_idle(now.saturating_sub(idle), &self.config.behaviour, &mut self.metrics);
        alerts.extend(self.detections.silent(now, &self.config.detections));
        let lateness = seconds(self.config.allowed_lateness_s);
        for baseline in &mut self.baselines {
            for deviation in baseline.advance(now, lateness) {
                let draft = explain::baseline(&baseline.rule, &deviation);
                let evidence = baseline.envelope(&deviation.key);
                alerts.extend(evidence.map(|event| Alert::new(draft, Timestamp::from_nanos(deviation.at), event)));
            }
        }
        alerts
    }

    /// Leaves out alerts that are silenced or whose key had one within the deduplication window, and counts the rest.
    /// An alert says how many of its kind were left out since the last.
    fn keep_new(&mut self, alerts: Vec<Alert>) -> Vec<Alert> {
        let window = seconds(self.config.dedup_window_s);
        let mut kept = Vec::new();
        for alert in alerts {
            let now = alert.event().timestamp.nanos();
            let key = format!("{}\u{1f}{}", alert.event().tenant.id, alert.finding().dedup_key);
            let by_review = self.silenced.get(&key).is_some_and(|until| now < *until);
            if by_review || self.config.silences.iter().any(|silence| silence.holds(&alert)) {
                self.metrics.silenced += 1;
                continue;
            }
            let (last, repeats) = self.alerted.touch(&key, now, || (i64::MIN, 0));
            if now.saturating_sub(*last) < window && *last != i64::MIN {
                *repeats += 1;
                self.metrics.deduplicated += 1;
                continue;
            }
            let alert = alert.repeated(std::mem::take(repeats));
            *last = now;
            *self.metrics.alerts.entry(alert.finding().rule_id.clone()).or_default() += 1;
            self.feedback.raised(&alert, &key);
            kept.push(alert);
        }
        while self.alerted.pop_over(self.config.dedup_keys).is_some() {}
        kept
    }
}

fn seconds(s: u64) -> i64 {
    i64::try_from(s).unwrap_or(i64::MAX).saturating_mul(1_000_000_000)
}

#[cfg(test)]
mod tests;
