#![allow(clippy::unwrap_used)]

use lapwing_event::{Scores, ToolStatus};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::{at, llm, seal, tool};

const HOUR: i64 = 3_600;
const LATENESS: i64 = 300_000_000_000;

fn prompt(seconds: i64, length: usize) -> SanitizedEvent {
    llm("s", seconds, &"x".repeat(length))
}

/// 200 minutes of prompts of about 100 characters.
fn warm() -> Baseline {
    let mut baseline = Baseline::new(&BaselineRule::prompt_length()).unwrap();
    for i in 0..200 {
        assert_eq!(baseline.observe(&prompt(i * 60, 90 + (i as usize % 20))), None, "{i}");
    }
    baseline
}

#[test]
fn a_spike_fires_does_not_widen_the_baseline_and_is_learned_once_released() {
    let mut baseline = warm();
    let first = baseline.observe(&prompt(12_000, 400)).unwrap();
    assert!(first.score > 3.0 && first.count >= 150, "{first:?}");
    let again = baseline.observe(&prompt(12_001, 400)).unwrap();
    assert_eq!((again.mean, again.count), (first.mean, first.count));
    assert_eq!(baseline.observe(&prompt(12_002, 105)), None);
    assert_eq!(baseline.observe(&prompt(12_003, 1)), None, "only the upper side counts");
    baseline.release(&first.key);
    let later = baseline.observe(&prompt(16_000, 4_000)).unwrap();
    assert!(later.mean > first.mean, "{} {}", later.mean, first.mean);
}

#[test]
fn nothing_is_said_before_there_is_enough_or_after_the_window_has_passed() {
    let mut fresh = Baseline::new(&BaselineRule::prompt_length()).unwrap();
    for i in 0..49 {
        assert_eq!(fresh.observe(&prompt(i, 10)), None);
    }
    assert_eq!(fresh.observe(&prompt(HOUR, 5_000)), None, "one short of the minimum");
    assert_eq!(warm().observe(&prompt(30 * HOUR, 5_000)), None, "the window is empty again");
}

#[test]
fn agents_have_their_own_baselines_and_memory_is_bounded() {
    let rule = BaselineRule { max_keys: 10, per: Per::User, ..BaselineRule::prompt_length() };
    let mut baseline = Baseline::new(&rule).unwrap();
    for i in 0..100 {
        let mut event = (*prompt(i, 50)).clone();
        event.user = Some(lapwing_event::User { id: format!("u{i}") });
        baseline.observe(&seal(event));
    }
    assert_eq!(baseline.learned.known.len(), 10);
}

/// Runs a baseline over events in order, closing slots as time passes, and until two hours later.
fn run(rule: &BaselineRule, events: &[SanitizedEvent]) -> Vec<Deviation> {
    let mut baseline = Baseline::new(rule).unwrap();
    let mut found = Vec::new();
    for event in events {
        found.extend(baseline.observe(event));
        found.extend(baseline.advance(event.timestamp.nanos(), LATENESS));
    }
    let end = events.last().map_or(0, |event| event.timestamp.nanos());
    found.extend(baseline.advance(end + 2 * HOUR * 1_000_000_000, LATENESS));
    found
}

fn rule(id: &str, field: &str, measure: Measure) -> BaselineRule {
    let all = BaselineRule::defaults();
    all.into_iter().find(|rule| (rule.id.as_str(), rule.field.as_str(), rule.measure) == (id, field, measure)).unwrap()
}

/// Twelve hours in which `make` gives the event of each minute.
fn half_day(make: impl Fn(i64) -> SanitizedEvent) -> Vec<SanitizedEvent> {
    (0..720).map(make).collect()
}

#[test]
fn a_rate_is_compared_when_its_slot_is_over() {
    let failing = |from: i64| {
        half_day(move |i| {
            let mut event = (*tool("s", i * 60, "search", json!({}), "")).clone();
            if i % 10 == 0 || i >= from {
                event.tool.as_mut().unwrap().status = ToolStatus::Error;
            }
            seal(event)
        })
    };
    let rule = rule("AID-23", "tool.failed", Measure::Mean);
    let found = run(&rule, &failing(700));
    assert!(!found.is_empty() && found.iter().all(|d| d.value > 0.5 && d.at >= at(700 * 60).nanos()), "{found:?}");
    assert_eq!(run(&rule, &failing(10_000)), []);
}

#[test]
fn silence_and_floods_are_counts_off_the_baseline() {
    let seconds = |i: i64| if i < 700 { i * 60 } else { 700 * 60 + (i - 700) };
    let events: Vec<_> = (0..1_000).map(|i| prompt(seconds(i), 10)).collect();
    let flood = BaselineRule { deviations: 8.0, ..rule("AID-22", "events", Measure::Count) };
    let found = run(&flood, &events);
    assert!(found.iter().any(|d| d.value > 200.0), "{found:?}");
    let silence = BaselineRule { side: Side::Below, deviations: 2.0, ..flood };
    let found = run(&silence, &half_day(|i| prompt(i * 60, 10)));
    assert!(found.iter().any(|d| d.value == 0.0 && d.event.is_none()), "{found:?}");
}

#[test]
fn masked_data_toxicity_and_tools_have_baselines() {
    let spike = half_day(|i| {
        let mut event = (*prompt(i * 60, 10)).clone();
        event.scores = Some(Scores { toxicity: Some(if i >= 710 { 0.6 } else { 0.05 }), sentiment: None });
        event.sanitization.as_mut().unwrap().total = if i >= 710 { 40 } else { 1 };
        SanitizedEvent::decode(&lapwing_event::encode(&event)).unwrap()
    });
    assert!(!run(&rule("AID-08", "sanitization.total", Measure::Mean), &spike).is_empty());
    assert!(!run(&rule("AID-22", "scores.toxicity", Measure::Mean), &spike).is_empty());
    let tools = half_day(|i| {
        let name = if i >= 710 { format!("t{i}") } else { "search".to_owned() };
        tool("s", i * 60, &name, json!({}), "")
    });
    let rule = BaselineRule { deviations: 3.0, ..rule("AID-22", "tools", Measure::Distinct) };
    assert!(run(&rule, &tools).iter().any(|d| d.value >= 5.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_order_within_the_lateness_gives_the_same_findings_and_state(
        mut numbers in proptest::collection::vec((0i64..300, 1usize..400, 0i64..5), 100..300),
    ) {
        for measure in [Measure::Value, Measure::Mean, Measure::Count, Measure::Sum, Measure::Distinct] {
            let rule = BaselineRule { measure, min_count: 5, deviations: 1.5, side: Side::Both, ..BaselineRule::prompt_length() };
            let run = |numbers: &[(i64, usize, i64)]| {
                let mut baseline = Baseline::new(&rule).unwrap();
                let (mut found, mut watermark) = (Vec::new(), i64::MIN);
                for (minute, length, _) in numbers {
                    let event = prompt(minute * 60, *length);
                    watermark = watermark.max(event.timestamp.nanos());
                    found.extend(baseline.observe(&event));
                    found.extend(baseline.advance(watermark, LATENESS));
                }
                found.extend(baseline.advance(at(500 * 60).nanos(), LATENESS));
                let mut found: Vec<_> = found.iter().map(|d| format!("{} {} {} {}", d.at, d.value, d.mean, d.score)).collect();
                found.sort();
                let known = baseline.learned.known.get(&rule.per.key(&prompt(0, 1)).unwrap()).cloned().unwrap();
                (found, known.window, known.slots)
            };
            numbers.sort_by_key(|(minute, ..)| *minute);
            let in_order = run(&numbers);
            numbers.sort_by_key(|(minute, _, late)| minute + late);
            prop_assert_eq!(in_order, run(&numbers), "{:?}", measure);
        }
    }
}
