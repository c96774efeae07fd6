//! Canaries: unique personal data of every type, planted in every field, must not stand in any byte that the
//! system wrote behind the sanitizer.

use std::fs;

use lapwing_bus::embedded::{Embedded, EmbeddedConfig};
use lapwing_bus::{Source, Start, Subscription, topics};
use serde_json::{Value, json};

use crate::support::{Server, files_below};

/// What is planted, by type; keys and tokens are put together here so that no scanner takes them for real ones.
fn canaries() -> Vec<(&'static str, String)> {
    vec![
        ("email", ["canary.bird", "@nest-4711.example"].concat()),
        ("phone", ["+49 30 ", "901820", "3344"].concat()),
        ("card", ["4929 ", "7226 ", "5356 ", "7106"].concat()),
        ("iban", ["GB33 ", "BUKB ", "2020 ", "1555 ", "5555 55"].concat()),
        ("ssn", ["536", "-22-", "8714"].concat()),
        ("ip", ["203.0.", "113.77"].concat()),
        ("aws key", ["AKIA", "QYLPMN5HHHFPZ2QZ"].concat()),
        ("github token", ["ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"].concat()),
        ("password in a URL", ["postgres://app:", "Vq9zTr4mWx", "@db.internal/prod"].concat()),
    ]
}

/// The part of a canary that must be gone.
fn telltale(canary: &str) -> &str {
    match canary.split_once("://app:") {
        Some((_, rest)) => rest.split('@').next().unwrap(),
        None => canary,
    }
}

/// Every string field that an application fills, with the canary inside a sentence.
fn events(canary: &str) -> Vec<Value> {
    let said = format!("note {canary} end");
    let base = |kind: &str, section: Value| {
        let mut event = json!({
            "kind": kind, "service": {"name": "canary-app", "version": said}, "environment": said,
            "agent": {"id": said, "name": said, "version": said}, "user": {"id": said}, "session": {"id": said},
            "attrs": {"free": said, said.clone(): 1, "deep": [{"er": said}]}, "unknown_field": said,
        });
        event.as_object_mut().unwrap().extend(section.as_object().unwrap().clone());
        event
    };
    vec![
        json!({"prompt": said, "response": said, "user_id": said, "session_id": said, "guardrail_triggered": true,
               "guardrail_reason": said, "tool_called": "lookup", "tool_arguments": {"q": said}, "tool_output": said, "extra": said}),
        base(
            "llm",
            json!({"content": {"system": said, "prompt": said, "response": said, "messages": [{"role": "user", "content": said}]}}),
        ),
        base(
            "tool",
            json!({"tool": {"name": "t", "status": "ok", "arguments": json!({"inner": json!({"x": said}).to_string(), "to": canary}).to_string(), "output": said}}),
        ),
        base("guardrail", json!({"guardrail": {"name": "g", "stage": "input", "action": "blocked", "reason": said}})),
        base(
            "retrieval",
            json!({"retrieval": {"data_source": "kb", "query": said, "uris": [said], "text": said,
             "documents": [{"id": said, "uri": said, "title": said, "snippet": said}]}}),
        ),
        base("error", json!({"error": {"type": "E", "message": said, "stack": said}})),
        base(
            "evaluation",
            json!({"evaluation": {"name": "e", "annotator": "human", "explanation": said}, "target_id": "x"}),
        ),
        base("review", json!({"review": {"target_id": "x", "verdict": "benign", "reviewer": said, "comment": said}})),
        // Refused items must not echo what they hold either.
        base("audit", json!({"audit": {"action": "search", "actor": said, "query": said}})),
        json!({"kind": "llm", "service": {"name": "a"}, "latency_ms": said}),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_planted_value_stands_behind_the_sanitizer() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    let mut answers = String::new();
    for (_, canary) in canaries() {
        let (status, body) =
            server.post("/v1/events", "application/json", Value::from(events(&canary)).to_string()).await;
        assert_eq!((status, &body["rejected"]), (202, &json!(2)), "{body}");
        answers.push_str(&body.to_string());
        // Whoever searches for it has it put on record.
        server.search(&format!("\"{canary}\"")).await;
    }
    // A toxic event from the same hands, so that an alert is derived from canaries too.
    let (_, email) = &canaries()[0];
    server
        .send(
            &json!({"prompt": format!("toxic {email}"), "toxicity_score": 0.99, "session_id": email, "user_id": email}),
        )
        .await;
    server.find("rule:AID-21", 1).await;
    let audits = server.find("kind:audit AND audit.action:search", canaries().len()).await;
    assert!(audits.iter().all(|audit| audit["audit"]["query"].is_string()), "{audits:?}");
    let stored = server.find("* OR kind:audit", canaries().len() * 11).await;
    let metrics = server.metrics().await;
    let log = server.log.lock().unwrap().clone();
    assert!(server.terminate().success());

    let bus = clean_topics(&dir.path().join("data/bus")).await;
    assert!(bus.len() > stored.len() / 2, "the clean topic was read");
    let mut haystacks = vec![
        ("answers".to_owned(), answers.into_bytes()),
        ("search".to_owned(), Value::from(stored).to_string().into_bytes()),
        ("metrics".to_owned(), metrics.into_bytes()),
        ("log".to_owned(), log.into_bytes()),
    ];
    haystacks.extend(bus.into_iter().map(|bytes| ("clean topics".to_owned(), bytes)));
    for folder in ["index", "detector"] {
        let files = files_below(&dir.path().join("data").join(folder));
        assert!(!files.is_empty(), "{folder} is there");
        haystacks.extend(files.into_iter().map(|path| (path.display().to_string(), fs::read(path).unwrap())));
    }
    for (kind, canary) in canaries() {
        let needle = telltale(&canary).as_bytes();
        for (place, bytes) in &haystacks {
            let found = bytes.windows(needle.len()).position(|window| window == needle);
            let around = found.map(|at| {
                String::from_utf8_lossy(&bytes[at.saturating_sub(120)..(at + 60).min(bytes.len())]).into_owned()
            });
            assert_eq!(around, None, "the {kind} stands in {place}");
        }
    }
}

/// Every value, key and header of the topics that only sanitized data may reach.
async fn clean_topics(dir: &std::path::Path) -> Vec<Vec<u8>> {
    let bus = Embedded::open(dir, EmbeddedConfig::default()).unwrap();
    let topics = [topics::CLEAN, topics::DEAD_LETTERS, topics::ALERTS].map(str::to_owned).to_vec();
    let mut source = bus.source(Subscription { topics, start: Start::Checkpoint(Default::default()) }).unwrap();
    let mut found = Vec::new();
    loop {
        let batch = source.next_batch(1000, std::time::Duration::from_millis(300)).await.unwrap();
        if batch.messages.is_empty() {
            return found;
        }
        for message in batch.messages {
            found.push(message.record.value.to_vec());
            found.extend(message.record.key.map(|key| key.to_vec()));
            found.extend(message.record.headers.into_iter().map(|(_, value)| value.to_vec()));
        }
    }
}
