//! AID-20: events that used to come stop: those of a service, those of its guardrails, or some that were lost.

use lapwing_event::{Kind, SanitizedEvent, Timestamp};
use serde::{Deserialize, Serialize};

use super::finding;
use crate::alert::{Alert, Draft};
use crate::recent::Recent;
use crate::session::Envelope;

pub(super) const ID: &str = "AID-20";

/// The type of the error event that stands for records which were removed before they were read.
const LOST: &str = "events_lost";
const DAY: i64 = 86_400_000_000_000;
/// A service's rhythm is known after so many events over at least a day.
const MIN_EVENTS: u64 = 500;
/// Silence is so many times the longest pause of the last week or two.
const TIMES: i64 = 2;
/// How often the services are looked through: once a minute of event time.
const EVERY: i64 = 60_000_000_000;
/// Guarded calls before a missing guardrail is news, and how many calls in a row without one are too many: three times
/// the longest such row, at least this many.
const MIN_GUARDED: u64 = 100;
const MIN_ROW: u64 = 30;

/// By service.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Silence {
    services: Recent<String, Rhythm>,
    looked: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Rhythm {
    name: String,
    first: i64,
    last: i64,
    events: u64,
    /// The longest pause of this week, and of the week before.
    pauses: [i64; 2],
    week: i64,
    told: bool,
    envelope: Envelope,
    guarded: u64,
    /// Calls since a guardrail was last heard of, and the longest such row.
    unguarded: u64,
    longest_row: u64,
    told_row: bool,
}

impl Silence {
    /// Takes in an event; a finding if it tells of lost events, or if it is one call too many without a guardrail.
    pub(super) fn observe(&mut self, event: &SanitizedEvent, max: usize) -> Option<Draft> {
        if let Some(error) = event.error.as_ref().filter(|error| event.kind == Kind::Error && error.kind == LOST) {
            let words =
                format!("events were lost before they were read: {}", error.message.as_deref().unwrap_or("no details"));
            return Some(finding(ID, (1.0, 1.0), vec![event.id], &event.id.to_string(), words));
        }
        let key = format!("{}\u{1f}{}", event.tenant.id, event.service.name);
        let rhythm = self.services.touch(&key, event.timestamp.nanos(), || Rhythm::new(event));
        rhythm.beat(event.timestamp.nanos());
        let draft = rhythm.guard(event);
        while self.services.pop_over(max).is_some() {}
        draft
    }

    /// The services that are silent by `now`; `least` is the shortest pause that counts, both in nanoseconds.
    pub(super) fn silent(&mut self, now: i64, least: i64) -> Vec<Alert> {
        if now.saturating_sub(self.looked) < EVERY && now >= self.looked {
            return Vec::new();
        }
        self.looked = now;
        let mut alerts: Vec<Alert> =
            self.services.values_mut().filter_map(|rhythm| rhythm.silent(now, least)).collect();
        alerts.sort_by(|a, b| a.finding().dedup_key.cmp(&b.finding().dedup_key));
        alerts
    }
}

impl Rhythm {
    fn new(event: &SanitizedEvent) -> Self {
        let at = event.timestamp.nanos();
        Self {
            name: event.service.name.clone(),
            first: at,
            last: at,
            events: 0,
            pauses: [0; 2],
            week: at.div_euclid(7 * DAY),
            told: false,
            envelope: Envelope::of(event),
            guarded: 0,
            unguarded: 0,
            longest_row: 0,
            told_row: false,
        }
    }

    fn beat(&mut self, at: i64) {
        self.events += 1;
        let week = at.div_euclid(7 * DAY);
        if week > self.week {
            self.pauses = [0, if week == self.week + 1 { self.pauses[0] } else { 0 }];
            self.week = week;
        }
        self.pauses[0] = self.pauses[0].max(at - self.last);
        if at > self.last {
            (self.last, self.told) = (at, false);
        }
        self.first = self.first.min(at);
    }

    fn silent(&mut self, now: i64, least: i64) -> Option<Alert> {
        let known = self.events >= MIN_EVENTS && self.last - self.first >= DAY;
        let longest = self.pauses[0].max(self.pauses[1]);
        let limit = longest.saturating_mul(TIMES).max(least);
        let pause = now.saturating_sub(self.last);
        if !known || self.told || pause <= limit {
            return None;
        }
        self.told = true;
        let (name, minutes) = (&self.name, |nanos: i64| nanos / 60_000_000_000);
        let words = format!(
            "no event of {name} for {} minutes; the longest pause before was {} minutes",
            minutes(pause),
            minutes(longest)
        );
        let score = (pause as f64 / 1e9, limit as f64 / 1e9);
        let evidence = self.envelope.event();
        let draft = finding(ID, score, vec![evidence.id], &format!("{name}\u{1f}{}", self.last), words);
        Some(Alert::new(draft, Timestamp::from_nanos(self.last.saturating_add(limit)), evidence))
    }

    fn guard(&mut self, event: &SanitizedEvent) -> Option<Draft> {
        match event.kind {
            Kind::Guardrail => self.heard(),
            Kind::Llm if !event.guardrail_names.is_empty() || event.guardrail_action.is_some() => self.heard(),
            Kind::Llm => self.unguarded += 1,
            _ => {}
        }
        let limit = (3 * self.longest_row).max(MIN_ROW);
        if self.guarded < MIN_GUARDED || self.told_row || self.unguarded < limit {
            return None;
        }
        self.told_row = true;
        let words = format!(
            "{} calls of {} in a row without a guardrail; there were {} decisions before, at most {} calls apart",
            self.unguarded, self.name, self.guarded, self.longest_row
        );
        let key = format!("{}\u{1f}guardrail\u{1f}{}", self.name, event.id);
        Some(finding(ID, (self.unguarded as f64, limit as f64), vec![event.id], &key, words))
    }

    fn heard(&mut self) {
        self.guarded += 1;
        self.longest_row = self.longest_row.max(self.unguarded);
        (self.unguarded, self.told_row) = (0, false);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{at, event, llm, seal};

    const MINUTE: i64 = 60;

    fn regular(events: i64, gap: i64) -> Silence {
        let mut silence = Silence::default();
        for i in 0..events {
            assert!(silence.observe(&llm("s", i * gap, "x"), 10).is_none());
        }
        silence
    }

    fn check(events: i64, gap: i64, pause: i64, expect: usize) {
        let mut silence = regular(events, gap);
        let now = at((events - 1) * gap + pause).nanos();
        let found = silence.silent(now, 1_800_000_000_000);
        assert_eq!(found.len(), expect, "{events} every {gap} s, silent for {pause} s");
        assert_eq!(silence.silent(now + EVERY, 1_800_000_000_000).len(), 0, "told once");
    }

    #[test]
    fn a_service_that_falls_silent_is_told_once() {
        check(1_000, 2 * MINUTE, 40 * MINUTE, 1);
        check(600, 10 * MINUTE, 60 * MINUTE, 1);
        check(1_000, 5 * MINUTE, 31 * MINUTE, 1);
        check(1_000, 2 * MINUTE, 20 * MINUTE, 0);
        check(600, 30 * MINUTE, 55 * MINUTE, 0);
        check(400, 10 * MINUTE, 600 * MINUTE, 0);
    }

    #[test]
    fn guardrails_that_fall_silent_are_told_once() {
        let mut silence = Silence::default();
        for i in 0..120 {
            assert!(silence.observe(&llm("s", i * 2, "x"), 10).is_none());
            assert!(silence.observe(&seal(event(Kind::Guardrail, "s", i * 2 + 1, "g")), 10).is_none());
        }
        let found: Vec<_> = (0..100).filter_map(|i| silence.observe(&llm("s", 300 + i, "x"), 10)).collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].explanation.contains("30 calls"), "{}", found[0].explanation);
        let mut unguarded = regular(1_000, 1);
        assert!(unguarded.observe(&llm("s", 2_000, "x"), 10).is_none(), "never had a guardrail");
    }

    #[test]
    fn every_event_that_tells_of_lost_ones_is_a_finding_of_its_own() {
        let mut silence = Silence::default();
        let lost = |i: i64, kind: &str| {
            let mut event = event(Kind::Error, "s", i, "lost");
            let error = lapwing_event::ErrorDetail {
                kind: kind.to_owned(),
                message: Some("7 records".to_owned()),
                code: None,
                retryable: None,
                stack: None,
            };
            event.error = Some(Box::new(error));
            seal(event)
        };
        let keys: Vec<_> = (0..3).map(|i| silence.observe(&lost(i, LOST), 10).unwrap().dedup_key).collect();
        assert!(keys[0] != keys[1] && keys[1] != keys[2]);
        assert!(silence.observe(&lost(9, "rate_limit"), 10).is_none());
    }
}
