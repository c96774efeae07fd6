//! `kill -9` at any moment loses nothing that was acknowledged, and doubles nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    let mut number = 0;
    for round in 0..4_u32 {
        let server = Server::up(dir.path());
        // Each round is killed after another number of batches, so at another stage of commits and checkpoints.
        for _ in 0..3 + 5 * round {
            let batch: Vec<Value> = (0..20).map(|i| item(number + i)).collect();
            let (status, body) = server.post("/v1/events", "application/json", Value::Array(batch).to_string()).await;
            assert_eq!(status, 202, "{body}");
            acknowledged.extend(number..number + 20);
            number += 20;
        }
        server.kill();
    }
    let server = Server::up(dir.path());
    server.find("numbered", acknowledged.len()).await;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for event in server.search("numbered").await {
        *seen.entry(event["attrs"]["number"].to_string()).or_default() += 1;
    }
    for number in &acknowledged {
        assert_eq!(seen.get(&number.to_string()), Some(&1), "event {number}");
    }
    let alerts = server.find("rule:AID-21", acknowledged.iter().filter(|n| n.is_multiple_of(10)).count()).await;
    let evidence: Vec<_> = alerts.iter().map(|alert| alert["alert"]["event_ids"].to_string()).collect();
    let mut once = evidence.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), evidence.len(), "an alert was raised twice");
    assert_eq!(once.len(), acknowledged.iter().filter(|n| n.is_multiple_of(10)).count());
}

/// Every tenth is toxic, and belongs to an interaction of its own.
fn item(number: u32) -> Value {
    let toxicity = if number.is_multiple_of(10) { 0.9 } else { 0.1 };
    json!({"interaction_id": number.to_string(), "prompt": "numbered", "number": number, "toxicity_score": toxicity})
}
