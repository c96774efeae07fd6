//! What was promised, looked for in the store, the dead letters and the clean topic.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use lapwing_bus::{Source, topics};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::application;
use crate::fault::Harm;
use crate::installation::{Bus, Installation};
use crate::load::{Item, Ledger, TOXIC};
use crate::support::Server;

/// How long everything that was acknowledged may take to be there.
const DEADLINE: Duration = Duration::from_secs(90);
/// Other records that may have been removed with those that a fault put there: the store goes on to write down who
/// searched.
const OTHERS: u64 = 10;
const PACE: Duration = Duration::from_millis(50);

/// What was found against what was promised; empty is good.
#[derive(Debug, Default)]
pub struct Found {
    pub lost: Vec<Item>,
    pub doubled: Vec<Item>,
    pub alerts_lost: Vec<Item>,
    pub alerts_doubled: Vec<Item>,
    /// In the store, though nobody sent it.
    pub strange: u64,
    /// Anything else, in words.
    pub faults: Vec<String>,
}

impl Found {
    pub fn is_clean(&self) -> bool {
        let Self { lost, doubled, alerts_lost, alerts_doubled, strange, faults } = self;
        let items = [lost, doubled, alerts_lost, alerts_doubled];
        items.iter().all(|items| items.is_empty()) && *strange == 0 && faults.is_empty()
    }
}

/// The time from when the fault began to be healed until an event that is sent from now on can be searched, or what
/// still does not work.
pub async fn recovery(at: &Installation, tag: &str) -> Result<Duration, String> {
    let began = at.healed;
    let (http, url) = (reqwest::Client::new(), format!("{}/v1/events", at.front()));
    let event = json!({"interaction_id": tag, "service": tag, "prompt": "probe"});
    loop {
        let request = http.post(&url).timeout(Duration::from_secs(5)).json(&event);
        if request.send().await.is_ok_and(|response| response.status().is_success()) {
            break;
        }
        if began.elapsed() > DEADLINE {
            return Err(format!("{tag}: nothing is taken any more"));
        }
        sleep(PACE).await;
    }
    while all(at.store(), &format!("service:{tag}")).await.is_empty() {
        if began.elapsed() > DEADLINE {
            return Err(format!("{tag}: what was acknowledged does not become searchable"));
        }
        sleep(PACE).await;
    }
    Ok(began.elapsed())
}

/// Waits until everything that was promised is there, then looks whether it is there once.
pub async fn settled(at: &mut Installation, tag: &str, ledger: &Ledger, harm: &Harm) -> Found {
    let began = Instant::now();
    let (mut events, mut alerts);
    loop {
        events = items_of(&all(at.store(), &format!("service:{tag} AND kind:llm")).await);
        alerts = items_of(&evidence(at.store(), tag, &all(at.store(), &format!("service:{tag}")).await).await);
        let expect = events.keys().filter(|(_, number)| number.is_multiple_of(TOXIC)).count();
        let there = ledger.acknowledged.iter().all(|item| events.contains_key(item)) && alerts.len() >= expect;
        if there || began.elapsed() > DEADLINE {
            break;
        }
        sleep(PACE * 4).await;
    }
    let sent: BTreeSet<Item> = ledger.acknowledged.union(&ledger.unanswered).copied().collect();
    let toxic = events.keys().filter(|(_, number)| number.is_multiple_of(TOXIC));
    let twice =
        |counts: &BTreeMap<Item, u32>| counts.iter().filter(|(_, count)| **count > 1).map(|(item, _)| *item).collect();
    let mut found = Found {
        lost: ledger.acknowledged.iter().filter(|item| !events.contains_key(item)).copied().collect(),
        doubled: twice(&events),
        alerts_lost: toxic.filter(|item| !alerts.contains_key(item)).copied().collect(),
        alerts_doubled: twice(&alerts),
        strange: events.keys().filter(|item| item.0 < application::FIRST && !sent.contains(item)).count() as u64,
        faults: [ledger.faults.clone(), harm.faults.clone()].concat(),
    };
    if at.bus == Bus::Kafka {
        found.faults.extend(buried(at, harm).await);
        found.faults.extend(gaps(at, harm).await);
    }
    found
}

/// Every event that a query finds over all time.
pub async fn all(store: &Server, query: &str) -> Vec<Value> {
    let (status, body) = store.get("/v1/export", &[("q", query), ("from", "0")]).await;
    let Value::String(lines) = body else { return Vec::new() };
    if status != 200 {
        return Vec::new();
    }
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line.get("_export").is_none()).collect()
}

fn items_of(events: &[Value]) -> BTreeMap<Item, u32> {
    let mut counts = BTreeMap::new();
    for event in events {
        if let Some(item) = item_of(event) {
            *counts.entry(item).or_default() += 1;
        }
    }
    counts
}

pub fn item_of(event: &Value) -> Option<Item> {
    let number = |name: &str| event["attrs"][name].as_u64().and_then(|number| u32::try_from(number).ok());
    Some((number("producer")?, number("number")?))
}

/// The events that alerts of this run stand on, once for each alert.
async fn evidence(store: &Server, tag: &str, events: &[Value]) -> Vec<Value> {
    let by_id: BTreeMap<&str, &Value> =
        events.iter().filter_map(|event| Some((event["id"].as_str()?, event))).collect();
    let alerts = all(store, &format!("kind:alert AND rule:AID-21 AND service:{tag}")).await;
    let ids = alerts.iter().flat_map(|alert| alert["alert"]["event_ids"].as_array().into_iter().flatten());
    ids.filter_map(|id| by_id.get(id.as_str()?).map(|event| (*event).clone())).collect()
}

/// Whether each poisonous record is in the dead letters, once.
async fn buried(at: &Installation, harm: &Harm) -> Option<String> {
    if harm.poison.is_empty() {
        return None;
    }
    let began = Instant::now();
    let mut reader = at.reader(topics::DEAD_LETTERS);
    let mut letters: BTreeMap<String, u32> = BTreeMap::new();
    let missing =
        |letters: &BTreeMap<String, u32>| harm.poison.iter().filter(|hash| !letters.contains_key(*hash)).count();
    loop {
        let batch = reader.next_batch(1000, Duration::from_secs(1)).await.unwrap();
        let done = batch.messages.is_empty() && missing(&letters) == 0;
        for message in batch.messages {
            let letter: Value = serde_json::from_slice(&message.record.value).unwrap();
            *letters.entry(letter["sha256"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        if done || began.elapsed() > DEADLINE {
            break;
        }
    }
    let twice = harm.poison.iter().filter(|hash| letters.get(*hash).is_some_and(|count| *count > 1)).count();
    let bad = (missing(&letters), twice);
    (bad != (0, 0)).then(|| format!("{} poisonous records have no dead letter, {} have several", bad.0, bad.1))
}

/// Whether the gaps on record, with an alert each, say how much was ever removed.
async fn gaps(at: &mut Installation, harm: &Harm) -> Option<String> {
    at.removed += harm.removed;
    let began = Instant::now();
    loop {
        let mut gaps = all(at.store(), "error.type:events_lost").await;
        gaps.retain(|event| event["attrs"]["gap"].is_object());
        let lost: u64 = gaps.iter().map(|gap| span(&gap["attrs"]["gap"])).sum();
        let alerts = all(at.store(), "kind:alert AND rule:AID-20 AND retention").await;
        if (at.removed..=at.removed + OTHERS).contains(&lost) && alerts.len() == gaps.len() {
            at.removed = lost;
            return None;
        }
        if began.elapsed() > DEADLINE {
            let (gaps, alerts, removed) = (gaps.len(), alerts.len(), at.removed);
            return Some(format!(
                "{removed} records were removed; {gaps} gaps on record say {lost}, with {alerts} alerts"
            ));
        }
        sleep(PACE * 4).await;
    }
}

fn span(gap: &Value) -> u64 {
    let offset = |name: &str| gap[name].as_u64().unwrap_or_else(|| panic!("{name} of a gap is no offset: {gap}"));
    offset("next_offset") - offset("first_offset")
}

/// What is wrong with the order on the clean topic, over all runs.
#[derive(Debug, Default)]
pub struct Disorder {
    pub events: u64,
    /// An event that came after a later one of its session. Not counted where a producer repeats itself, and where it
    /// went on without an answer: two requests at once have no order.
    pub disordered: Vec<String>,
}

/// Reads the clean topic to its end.
pub async fn disorder(source: &mut dyn Source, unanswered: &BTreeSet<(String, Item)>) -> Disorder {
    let mut disorder = Disorder::default();
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        let batch = source.next_batch(5000, Duration::from_secs(2)).await.unwrap();
        if batch.messages.is_empty() {
            return disorder;
        }
        for message in batch.messages {
            let event: Value = serde_json::from_slice(&message.record.value).unwrap();
            let service = event["service"]["name"].as_str().unwrap_or_default();
            let ordered = event["session"].is_object() && !service.ends_with("repeats");
            let Some((producer, number)) = item_of(&event).filter(|_| ordered) else { continue };
            if unanswered.contains(&(service.to_owned(), (producer, number))) {
                continue;
            }
            disorder.events += 1;
            let before = last.insert(format!("{service} {producer}"), number.into());
            if before.is_some_and(|before| before >= number.into()) {
                disorder.disordered.push(format!("{service} {producer}: {number} after {before:?}"));
            }
        }
    }
}
