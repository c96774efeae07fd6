//! End to end, with the real binary: events/s from the front door until all of them are searchable, then, at a
//! quarter of that rate, the time from sending to searchable and from receipt to a durable alert.
//!
//! `cargo bench -p lapwing --bench pipeline -- embedded` runs `lapwing up`; `-- kafka` runs one process a service
//! over the broker that LAPWING_TEST_KAFKA names (`make bench` starts one).
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, dead_code)]

#[path = "../../../tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::Server;

/// Events of the throughput run; LAPWING_BENCH_EVENTS overrides it.
const EVENTS: usize = 100_000;
/// Items in a request.
const BATCH: usize = 500;
/// Requests under way at once.
const CONNECTIONS: usize = 4;
/// Marked events of the latency run, one every `MARK_EVERY`.
const MARKS: usize = 150;
const MARK_EVERY: Duration = Duration::from_millis(100);

/// Where to send and where to look; the same process with the embedded bus.
struct Installation {
    ingest: Arc<Server>,
    store: Arc<Server>,
    detector: Arc<Server>,
}

fn main() {
    let kind =
        std::env::args().nth(1).filter(|argument| !argument.starts_with("--")).unwrap_or_else(|| "embedded".to_owned());
    let dir = tempfile::tempdir().unwrap();
    let installation = match kind.as_str() {
        "embedded" => {
            let server = Arc::new(Server::up(dir.path()));
            Installation { ingest: server.clone(), store: server.clone(), detector: server }
        }
        "kafka" => over_kafka(dir.path()),
        other => panic!("{other:?}: say embedded or kafka"),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(measure(&kind, installation));
}

fn over_kafka(dir: &std::path::Path) -> Installation {
    let broker = std::env::var("LAPWING_TEST_KAFKA").expect("set LAPWING_TEST_KAFKA to a broker, or use `make bench`");
    let start = |role: &str| {
        let keys = dir.join("pseudonym.keys");
        let home = dir.join(role);
        std::fs::create_dir_all(&home).unwrap();
        let environment = [
            ("LAPWING__BUS__KIND", "kafka"),
            ("LAPWING__BUS__KAFKA__BROKERS", broker.as_str()),
            ("LAPWING__SECRETS__PSEUDONYM_KEYS_FILE", keys.to_str().unwrap()),
        ];
        Arc::new(Server::start(role, &home, &environment))
    };
    Installation { ingest: start("ingest"), store: start("store"), detector: start("detector") }
}

async fn measure(kind: &str, installation: Installation) {
    let total = std::env::var("LAPWING_BENCH_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(EVENTS);
    let bytes = event(0, 0.1).to_string().len();
    let began = Instant::now();
    flood(&installation.ingest, total).await;
    let acknowledged = began.elapsed();
    until_searchable(&installation.store, total).await;
    let searchable = began.elapsed();
    let rate = |time: Duration| total as f64 / time.as_secs_f64();
    println!("{kind}: {total} events of {bytes} bytes, {CONNECTIONS} connections, batches of {BATCH}");
    println!("{kind}: acknowledged {:>9.0} events/s", rate(acknowledged));
    println!("{kind}: searchable   {:>9.0} events/s, sustained from the first send to the last hit", rate(searchable));

    let load = rate(searchable) / 4.0;
    let before = delays(&installation.detector.metrics().await);
    let mut latencies = under_load(&installation, load).await;
    latencies.sort();
    println!(
        "{kind}: emit to searchable at {load:.0} events/s: p50 {:?}, p99 {:?}",
        at(&latencies, 50),
        at(&latencies, 99)
    );
    let delays = delays(&installation.detector.metrics().await);
    let during: Vec<_> = delays.iter().map(|(bound, count)| (*bound, count - count_at(&before, *bound))).collect();
    let (p50, p99) = (quantile(&during, 0.50), quantile(&during, 0.99));
    println!("{kind}: receipt to durable alert in that run: p50 ≤ {p50} s, p99 ≤ {p99} s (bucket bounds)");
}

/// Posts `total` events as fast as they are taken.
async fn flood(server: &Arc<Server>, total: usize) {
    let next = Arc::new(AtomicUsize::new(0));
    let senders = (0..CONNECTIONS).map(|_| {
        let (server, next) = (Arc::clone(server), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let first = next.fetch_add(BATCH, Ordering::Relaxed);
                if first >= total {
                    return;
                }
                let lines: Vec<String> =
                    (first..(first + BATCH).min(total)).map(|n| event(n, 0.1).to_string()).collect();
                loop {
                    match server.post("/v1/events", "application/x-ndjson", lines.join("\n")).await {
                        (202, _) => break,
                        (503, _) => tokio::time::sleep(Duration::from_millis(100)).await,
                        (status, body) => panic!("{status} {body}"),
                    }
                }
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
}

async fn until_searchable(server: &Server, total: usize) {
    let began = Instant::now();
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    loop {
        pace.tick().await;
        let query = [("q", "service:bench"), ("from", "0"), ("size", "1"), ("count_up_to", "100000000")];
        let (_, body) = server.get("/v1/search", &query).await;
        if body["total"]["value"].as_u64() >= Some(total as u64) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(600), "not all events became searchable: {body}");
    }
}

/// Sends at `load` events/s, and among them marked, toxic events whose way is timed.
async fn under_load(installation: &Installation, load: f64) -> Vec<Duration> {
    let server = Arc::clone(&installation.ingest);
    let background = tokio::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_secs_f64(50.0 / load));
        for batch in 0.. {
            pace.tick().await;
            let lines: Vec<String> = (0..50).map(|n| event(batch * 50 + n, 0.1).to_string()).collect();
            server.post("/v1/events", "application/x-ndjson", lines.join("\n")).await;
        }
    });
    let mut marks = tokio::task::JoinSet::new();
    let mut pace = tokio::time::interval(MARK_EVERY);
    for number in 0..MARKS {
        pace.tick().await;
        let (ingest, store) = (Arc::clone(&installation.ingest), Arc::clone(&installation.store));
        marks.spawn(async move { time_mark(&ingest, &store, number).await });
    }
    let latencies = marks.join_all().await;
    background.abort();
    latencies
}

async fn time_mark(ingest: &Server, store: &Server, number: usize) -> Duration {
    let mark = format!("mark{number}x");
    let mut event = event(number, 0.9);
    event["content"]["prompt"] = json!(mark);
    let began = Instant::now();
    ingest.send(&event).await;
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    while store.search(&mark).await.is_empty() {
        pace.tick().await;
        assert!(began.elapsed() < Duration::from_secs(60), "{mark} did not become searchable");
    }
    began.elapsed()
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// The buckets of the detector's histogram: upper bound in seconds, and how many alerts took at most that.
fn delays(metrics: &str) -> Vec<(f64, f64)> {
    let bucket = |line: &str| {
        let rest = line.strip_prefix("lapwing_detector_alert_delay_seconds_bucket{le=\"")?;
        let (bound, count) = rest.split_once("\"} ")?;
        Some((bound.parse().unwrap_or(f64::INFINITY), count.trim().parse().ok()?))
    };
    metrics.lines().filter_map(bucket).collect()
}

fn count_at(delays: &[(f64, f64)], bound: f64) -> f64 {
    delays.iter().find(|(other, _)| *other == bound).map_or(0.0, |(_, count)| *count)
}

/// The upper bound of the bucket that holds the quantile.
fn quantile(delays: &[(f64, f64)], q: f64) -> f64 {
    let total = delays.last().map_or(0.0, |(_, count)| *count);
    delays.iter().find(|(_, count)| total > 0.0 && *count >= q * total).map_or(f64::NAN, |(bound, _)| *bound)
}

/// An `llm` event of about 1.5 KB, its words from a vocabulary of 20,000 with Zipf's frequencies.
fn event(number: usize, toxicity: f64) -> Value {
    let mut state = number as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let mut text = |words: usize| {
        let word = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let uniform = (state >> 11) as f64 / (1_u64 << 53) as f64;
            format!("w{}", 20_000_f64.powf(uniform) as u32)
        };
        (0..words).map(word).collect::<Vec<_>>().join(" ")
    };
    json!({
        "kind": "llm", "service": {"name": "bench", "version": "1.4.2"}, "environment": "bench",
        "agent": {"id": format!("agent-{}", number % 50)}, "user": {"id": format!("user-{}", number % 5000)},
        "session": {"id": format!("session-{}", number / 8)}, "latency_ms": (number % 900) as f64,
        "gen_ai": {"request": {"model": "MockLLM-v1.0"}, "usage": {"input_tokens": 210, "output_tokens": 120}},
        "content": {"prompt": format!("{} reach me at user{}@mail.example", text(115), number % 5000), "response": text(110)},
        "scores": {"toxicity": toxicity},
    })
}
