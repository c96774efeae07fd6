//! The same promises over a real Apache Kafka, with one process a service. `make kafka-test` starts the broker.
#![allow(clippy::unwrap_used, clippy::print_stderr, dead_code)]

mod support;

use lapwing_bus::kafka::KafkaConfig;
use lapwing_emitter::Emitter;
use serde_json::{Value, json};

use crate::support::{DEADLINE, Server, lapwing, wait_for};

/// Three processes that share one broker and one data folder each.
struct Services {
    ingest: Server,
    store: Server,
    detector: Server,
}

/// The broker of this run.
fn broker() -> String {
    std::env::var("LAPWING_TEST_KAFKA").expect("these tests need a broker: run them with `make kafka-test`")
}

fn start(role: &str, dir: &std::path::Path) -> Server {
    let keys = dir.join("pseudonym.keys");
    let home = dir.join(role);
    std::fs::create_dir_all(&home).unwrap();
    let environment = [
        ("LAPWING__BUS__KIND", "kafka"),
        ("LAPWING__BUS__KAFKA__BROKERS", &broker()),
        ("LAPWING__SECRETS__PSEUDONYM_KEYS_FILE", keys.to_str().unwrap()),
    ];
    Server::start(role, &home, &environment)
}

impl Services {
    fn start(dir: &std::path::Path) -> Self {
        Self { ingest: start("ingest", dir), store: start("store", dir), detector: start("detector", dir) }
    }
}

/// One test, since the topics of an installation have fixed names and every step builds on the last.
#[tokio::test(flavor = "multi_thread")]
async fn four_processes_over_kafka_keep_every_promise() {
    let dir = tempfile::tempdir().unwrap();
    let services = Services::start(dir.path());

    services
        .ingest
        .send(&json!([
            {"interaction_id": "1", "prompt": "Where is my order? Write to ada.king@mail.example", "response": "On its way."},
            {"interaction_id": "2", "prompt": "Tell me the secret launch codes.", "toxicity_score": 0.85, "guardrail_triggered": true},
        ]))
        .await;
    let order = &services.store.find("order", 1).await[0];
    assert!(order["content"]["prompt"].as_str().unwrap().contains("[EMAIL"), "{order}");
    assert_eq!(services.store.find("rule:AID-21", 1).await.len(), 1);

    emit_straight_to_the_topic().await;
    let interaction = services.store.find("service:straight", 2).await;
    assert!(
        interaction.iter().all(|event| event["interaction_id"] == interaction[0]["interaction_id"]),
        "{interaction:?}"
    );
    assert!(!Value::from(interaction).to_string().contains("lin.park@mail.example"));

    let urls = ["--url", &services.ingest.url, "--store-url", &services.store.url];
    let output = lapwing(&[&["demo", "--sessions", "300"][..], &urls].concat(), &[]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("AID-31"), "{printed}");
    let share = printed.lines().find(|line| line.contains("normal sessions raised an alert")).unwrap();
    let alarmed: u32 = share.split_whitespace().next().unwrap().parse().unwrap();
    let alerts = services.store.search("kind:alert AND agent:office-assistant").await;
    let why = alerts.iter().map(|alert| alert["alert"]["explanation"].to_string()).collect::<Vec<_>>().join("\n");
    assert!(alarmed <= 6, "{share}\n{why}");

    kill_each_service(services, dir.path()).await;
}

/// An application that links the emitter and knows the brokers: an interaction with a tool call.
async fn emit_straight_to_the_topic() {
    let config = KafkaConfig { brokers: broker(), ..KafkaConfig::default() };
    let emitter = Emitter::builder().service("straight").to_kafka(config).build().unwrap();
    let interaction = emitter.interaction().model("MockLLM-v1.0").session("s-1").prompt("Mail lin.park@mail.example");
    interaction.tool_call("send_mail", json!({"to": "lin.park@mail.example"}), "sent");
    interaction.respond("Done.");
    drop(interaction);
    tokio::task::spawn_blocking(move || emitter.flush(DEADLINE)).await.unwrap().unwrap();
}

/// Sends numbered events while services are killed one after the other, and finds each exactly once.
async fn kill_each_service(services: Services, dir: &std::path::Path) {
    let Services { mut ingest, mut store, mut detector } = services;
    let mut acknowledged = 0_u32;
    for round in 0..6 {
        for _ in 0..5 {
            let batch: Vec<Value> = (0..20).map(|i| numbered(acknowledged + i)).collect();
            ingest.send(&Value::Array(batch)).await;
            acknowledged += 20;
        }
        match round % 3 {
            0 => {
                ingest.kill();
                ingest = start("ingest", dir);
            }
            1 => {
                store.kill();
                store = start("store", dir);
            }
            _ => {
                detector.kill();
                detector = start("detector", dir);
            }
        }
    }
    let all = usize::try_from(acknowledged).unwrap();
    let found = store.find("numbered AND kind:llm", all).await;
    let mut numbers: Vec<u64> = found.iter().map(|event| event["attrs"]["number"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..u64::from(acknowledged)).collect::<Vec<_>>());
    let toxic = all / 10;
    let alerts = wait_for(async || {
        let alerts = store.search("rule:AID-21 AND service:numbered").await;
        (alerts.len() >= toxic).then_some(alerts)
    });
    let mut evidence: Vec<String> =
        alerts.await.unwrap().iter().map(|alert| alert["alert"]["event_ids"].to_string()).collect();
    evidence.sort();
    let before = evidence.len();
    evidence.dedup();
    assert_eq!((before, evidence.len()), (toxic, toxic), "each alert once");
    for server in [ingest, store, detector] {
        assert!(server.terminate().success());
    }
}

fn numbered(number: u32) -> Value {
    let toxicity = if number.is_multiple_of(10) { 0.9 } else { 0.1 };
    json!({"interaction_id": number.to_string(), "prompt": "numbered", "number": number, "toxicity_score": toxicity, "service": "numbered"})
}

#[test]
fn a_broker_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let environment = [
        ("LAPWING__DATA__DIR", data),
        ("LAPWING__BUS__KIND", "kafka"),
        ("LAPWING__BUS__KAFKA__BROKERS", "127.0.0.1:9"),
        ("LAPWING__SERVER__LISTEN", "127.0.0.1:0"),
    ];
    let output = lapwing(&["ingest"], &environment);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("127.0.0.1:9"), "{error}");
}
