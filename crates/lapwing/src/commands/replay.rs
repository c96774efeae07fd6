//! `lapwing detector replay`: what other settings of the detector would have changed in the past.
//!
//! The events of the store go, the oldest first, through two detectors that know nothing yet, one with the settings in
//! force and one with the candidate's; alerts have ids that follow from their content, so the two can be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::{Context, Result};
use lapwing_detector::{Alert, Detector, DetectorConfig};
use lapwing_event::{EventId, SanitizedEvent, Timestamp};
use serde_json::Value;

use crate::args::Replay;
use crate::client::Client;
use crate::settings::Settings;

/// Hits that are asked for at once.
const PAGE: &str = "1000";
/// What is not observed and needs not be fetched.
const QUERY: &str = "NOT kind:alert AND NOT kind:audit";
/// Alerts of each sort that are shown one by one.
const SHOWN: usize = 20;

/// Reads, runs both, and prints what would change.
pub async fn run(arguments: Replay, in_force: &Settings) -> Result<()> {
    let candidate = Settings::load(Some(&arguments.candidate))
        .with_context(|| format!("read {}", arguments.candidate.display()))?;
    let (mut now, mut then) = (Run::new(in_force.detector.clone())?, Run::new(candidate.detector)?);
    let client = Client::new(&arguments.server)?;
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("q", QUERY), ("from", arguments.from.as_str()), ("size", PAGE), ("sort", "oldest")];
        query.extend(arguments.to.as_deref().map(|to| ("to", to)));
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = client.json("/v1/search", &query).await?;
        let hits = page.get("hits").and_then(Value::as_array).context("the answer has no hits")?;
        for event in hits.iter().filter_map(|hit| hit.get("event")) {
            let event = SanitizedEvent::decode(event.to_string().as_bytes()).context("read an event of the store")?;
            now.observe(&event);
            then.observe(&event);
        }
        cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() || hits.is_empty() {
            break;
        }
    }
    print(&now.end(), &then.end())
}

/// A detector and what it raised.
struct Run {
    detector: Detector,
    alerts: BTreeMap<EventId, Raised>,
    events: u64,
}

/// An alert, for a line.
struct Raised {
    at: Timestamp,
    rule: String,
    words: String,
}

impl Run {
    fn new(config: DetectorConfig) -> Result<Self> {
        let detector = Detector::new(config).context("prepare the detector")?;
        Ok(Self { detector, alerts: BTreeMap::new(), events: 0 })
    }

    fn observe(&mut self, event: &SanitizedEvent) {
        self.events += 1;
        let alerts = self.detector.observe(event);
        self.take(alerts);
    }

    /// Lets a day pass, so that the last sessions are judged.
    fn end(mut self) -> Self {
        if let Some(latest) = self.detector.latest() {
            let alerts = self.detector.tick(latest + Duration::from_secs(86_400));
            self.take(alerts);
        }
        self
    }

    fn take(&mut self, alerts: Vec<Alert>) {
        for alert in alerts {
            let finding = alert.finding();
            let words = finding.explanation.clone().unwrap_or_default();
            let raised = Raised { at: alert.event().timestamp, rule: finding.rule_id.clone(), words };
            self.alerts.insert(alert.event().id, raised);
        }
    }

    fn only(&self, other: &Self) -> Vec<&Raised> {
        self.alerts.iter().filter(|(id, _)| !other.alerts.contains_key(id)).map(|(_, raised)| raised).collect()
    }

    fn of(&self, rule: &str) -> usize {
        self.alerts.values().filter(|raised| raised.rule == rule).count()
    }
}

fn print(now: &Run, then: &Run) -> Result<()> {
    let mut out = stdout().lock();
    let (removed, added) = (now.only(then), then.only(now));
    writeln!(
        out,
        "{} events replayed; {} alerts with the settings in force, {} with the candidate",
        now.events,
        now.alerts.len(),
        then.alerts.len()
    )?;
    writeln!(out, "\n{:<12} {:>8} {:>10} {:>7} {:>8}", "alert", "in force", "candidate", "added", "removed")?;
    let rules: BTreeSet<&str> =
        now.alerts.values().chain(then.alerts.values()).map(|raised| raised.rule.as_str()).collect();
    for rule in rules {
        let count = |list: &[&Raised]| list.iter().filter(|raised| raised.rule == rule).count();
        writeln!(
            out,
            "{rule:<12} {:>8} {:>10} {:>7} {:>8}",
            now.of(rule),
            then.of(rule),
            count(&added),
            count(&removed)
        )?;
    }
    for (mark, list) in [('+', &added), ('-', &removed)] {
        for raised in list.iter().take(SHOWN) {
            writeln!(out, "{mark} {} {} {}", raised.at, raised.rule, raised.words)?;
        }
        if list.len() > SHOWN {
            writeln!(out, "{mark} and {} more", list.len() - SHOWN)?;
        }
    }
    Ok(())
}
