//! Events per second through the parts of the detector: model calls and tool calls.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lapwing_detector::{Detector, DetectorConfig};
use lapwing_event::{
    Agent, Content, Event, EventId, GenAi, Kind, Sanitization, SanitizationStatus, SanitizedEvent, Scores, Session,
    Timestamp, Tool, ToolStatus, User, encode,
};
use serde_json::json;

const EVENTS: i64 = 2_000;

fn event(kind: Kind, i: i64) -> Event {
    let at = Timestamp::from_millis(1_795_478_400_000 + i * 200);
    let mut event = Event::new(kind, EventId::derived(at, &[&i.to_be_bytes()]), at, "shop");
    event.session = Some(Session { id: format!("s{}", i / 8) });
    event.agent = Some(Agent { id: Some("helper".to_owned()), ..Agent::default() });
    event.sanitization = Some(Sanitization {
        policy_version: "bench".to_owned(),
        status: SanitizationStatus::Ok,
        total: 0,
        counts: Default::default(),
        fields: Vec::new(),
    });
    event
}

fn seal(event: &Event) -> SanitizedEvent {
    SanitizedEvent::decode(&encode(event)).expect("an event with a sanitization record is clean")
}

fn llm(i: i64) -> SanitizedEvent {
    let mut event = event(Kind::Llm, i);
    event.gen_ai = Some(Box::new(GenAi::chat("m")));
    let prompt = "Please look up the order of the customer and tell him when it arrives. ".repeat(2 + i as usize % 5);
    event.content = Some(Content { prompt: Some(prompt), ..Content::default() });
    event.scores = Some(Scores { toxicity: Some(0.1), sentiment: None });
    seal(&event)
}

fn tool(i: i64) -> SanitizedEvent {
    let mut event = event(Kind::Tool, i);
    let output = format!(
        "From: [EMAIL:k1:{i:04x}]\nSubject: Order {i}\n\n{}",
        "My parcel has not arrived yet. Please send the invoice to my new address, thank you. ".repeat(12)
    );
    event.tool = Some(Box::new(Tool {
        name: ["read_inbox", "read_mail", "search_docs", "reply_mail"][i as usize % 4].to_owned(),
        call_id: None,
        kind: None,
        status: ToolStatus::Ok,
        arguments: Some(
            json!({"to": format!("[EMAIL:k1:{:04x}]", i - 1), "body": "Your parcel is on its way, please wait a few days."}),
        ),
        output: Some(output),
        definition_hash: None,
    }));
    seal(&event)
}

fn observe(c: &mut Criterion) {
    let mut group = c.benchmark_group("observe");
    group.throughput(Throughput::Elements(EVENTS as u64)).sample_size(20);
    let (llm, tool): (Vec<_>, Vec<_>) = ((0..EVENTS).map(llm).collect(), (0..EVENTS).map(tool).collect());
    let sets = [
        ("thresholds and baselines", false, false, false, &llm),
        ("rules over prompts", true, false, false, &llm),
        ("rules over tool calls of 1 KB", true, false, false, &tool),
        ("detections over prompts", false, true, false, &llm),
        ("tool calls of 1 KB with provenance", false, false, true, &tool),
        ("everything over tool calls of 1 KB", true, true, true, &tool),
    ];
    for (name, rules, detections, behaviour, events) in &sets {
        let mut config = DetectorConfig::default();
        config.rules.builtin = *rules;
        config.detections.enabled = *detections;
        config.behaviour.enabled = *behaviour;
        let detector = Detector::new(config).expect("the default configuration is valid");
        group.bench_function(*name, |b| {
            b.iter_batched(
                || detector.clone(),
                |mut detector| events.iter().for_each(|e| drop(black_box(detector.observe(e)))),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// A word out of 20,000, some of which are far more frequent than others.
fn word(state: &mut u64) -> String {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    format!("w{}", 20_000_f64.powf((*state >> 11) as f64 / (1_u64 << 53) as f64) as u32)
}

/// What stands in the way of events while the state is taken down: its snapshot, not yet on disk.
fn snapshot(c: &mut Criterion) {
    const SESSIONS: i64 = 20_000;
    let mut detector = Detector::new(DetectorConfig::default()).expect("the default configuration is valid");
    // Eight events a session, 250 a second, so that all sessions are in progress at the end.
    for i in 0..SESSIONS * 8 {
        let mut event = Event::clone(&llm(i));
        event.timestamp = Timestamp::from_millis(1_795_478_400_000 + i * 4);
        event.user = Some(User { id: format!("user-{}", i % 5_000) });
        event.agent = Some(Agent { id: Some(format!("agent-{}", i % 50)), ..Agent::default() });
        let mut state = i as u64;
        let mut text = |count: usize| (0..count).map(|_| word(&mut state)).collect::<Vec<_>>().join(" ");
        event.content = Some(Content { prompt: Some(text(115)), response: Some(text(110)), ..Content::default() });
        detector.observe(&seal(&event));
    }
    let bytes = detector.snapshot().len() as u64;
    let mut group = c.benchmark_group("snapshot");
    group.throughput(Throughput::Bytes(bytes)).sample_size(10);
    group.bench_function(format!("{SESSIONS} sessions in progress"), |b| b.iter(|| black_box(detector.snapshot())));
    group.finish();
}

criterion_group!(benches, observe, snapshot);
criterion_main!(benches);
