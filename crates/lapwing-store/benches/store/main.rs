//! What the store costs: indexing against a bare Tantivy loop, disk per byte, searches and aggregations, time until
//! an event is searchable, memory.
//!
//! `cargo bench -p lapwing-store --bench store -- [EVENTS]` prints a table of figures and what they should be,
//! `-- growth EVENTS` how much longer a search of one hour takes than over a tenth as many events; the corpus is
//! seeded. Each figure is measured in a process of its own, so that none pays for another's memory. It
//! measures and asserts nothing. Where the machine has other work, the ratios of CPU time tell more than the rates.
#![allow(clippy::unwrap_used, missing_docs)]

mod bare;
mod corpus;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use corpus::{Corpus, Random, Vocabulary};
use lapwing_event::SanitizedEvent;
use lapwing_store::{AggregateRequest, SearchRequest, Store, StoreConfig};
use serde_json::{Value, json};
use support::scope;

pub const BATCH: u64 = 500;
/// Events for the comparison with the bare loop, and how often it is made.
const COMPARED: u64 = 60_000;
const ROUNDS: usize = 3;
/// Rates of the bench are this part of what the store can take.
const LOAD: f64 = 0.7;

fn open(dir: &Path, commit_interval_ms: u64) -> Arc<Store> {
    // Commits by time alone, as in the bare loop.
    let config = StoreConfig { commit_interval_ms, commit_bytes: 1 << 30, ..StoreConfig::default() };
    Store::open(dir, config, &mut Default::default()).unwrap()
}

fn made(events: u64) -> Vec<Vec<SanitizedEvent>> {
    let mut corpus = Corpus::new(events);
    (0..events).step_by(BATCH as usize).map(|from| corpus.batch(from, (from + BATCH).min(events))).collect()
}

/// Indexes events that are made before.
async fn index(dir: &Path, commit_interval_ms: u64, events: u64) -> Value {
    let (store, batches) = (open(dir, commit_interval_ms), made(events));
    let (started, cpu) = (Instant::now(), cpu_seconds());
    for (n, batch) in batches.into_iter().enumerate() {
        store.append(batch, n.to_string()).await.unwrap();
    }
    store.flush().await.unwrap();
    let rate = events as f64 / started.elapsed().as_secs_f64();
    store.close().await.unwrap();
    json!({"rate": rate, "cpu": cpu_seconds() - cpu})
}

fn index_bare(dir: &Path, like: &Path, events: u64) -> Value {
    let cpu = cpu_seconds();
    let (rate, making) = bare::run(dir, like, events, Duration::from_secs(5));
    json!({"rate": rate, "cpu": cpu_seconds() - cpu - making})
}

/// Fills a store with the last `count` of `events`.
async fn fill(dir: &Path, events: u64, count: u64) -> Value {
    let store = Store::open(dir, StoreConfig::default(), &mut Default::default()).unwrap();
    let (mut corpus, mut memory) = (Corpus::new(events), 0);
    for from in (events - count..events).step_by(BATCH as usize) {
        let to = (from + BATCH).min(events);
        store.append(corpus.batch(from, to), to.to_string()).await.unwrap();
        memory = memory.max(anonymous_mib());
    }
    store.flush().await.unwrap();
    let reports = store.stats().await.unwrap();
    store.close().await.unwrap();
    let (bytes, input) = reports.iter().fold((0, 0), |(bytes, input), r| (bytes + r.bytes, input + r.input_bytes));
    json!({"bytes": bytes, "input": input, "memory": memory})
}

/// How long after it is appended an event is searchable, at a steady rate.
async fn lag(dir: &Path, rate: f64, events: u64) -> Value {
    let (store, batches) = (open(dir, 1_000), made(events));
    let mut commits = store.commits();
    let (mut waiting, mut lags, mut appended) = (VecDeque::new(), Vec::new(), 0u64);
    let started = Instant::now();
    for batch in batches {
        tokio::time::sleep_until((started + Duration::from_secs_f64(appended as f64 / rate)).into()).await;
        appended += batch.len() as u64;
        waiting.push_back((appended, Instant::now()));
        let append = store.append(batch, appended.to_string());
        tokio::pin!(append);
        loop {
            tokio::select! {
                result = &mut append => break result.unwrap(),
                changed = commits.changed() => changed.unwrap(),
            }
            settle(*commits.borrow(), &mut waiting, &mut lags);
        }
        settle(*commits.borrow(), &mut waiting, &mut lags);
    }
    while !waiting.is_empty() {
        commits.changed().await.unwrap();
        settle(*commits.borrow(), &mut waiting, &mut lags);
    }
    store.close().await.unwrap();
    json!({"p50": quantile(&mut lags, 0.5), "p99": quantile(&mut lags, 0.99)})
}

fn settle(next_seq: u64, waiting: &mut VecDeque<(u64, Instant)>, lags: &mut Vec<f64>) {
    while let Some((seq, since)) = waiting.front().copied()
        && seq <= next_seq
    {
        lags.push(since.elapsed().as_secs_f64());
        waiting.pop_front();
    }
}

/// Searches of one hour, over a store that is filled.
async fn ask_hour(dir: &Path) -> Value {
    let config = StoreConfig { scrub_bytes_per_s: 0, ..StoreConfig::default() };
    let store = Store::open(dir, config, &mut Default::default()).unwrap();
    time_searches(&store, "now-1h", &mixed(&queries().0)).await
}

/// Words of the corpus, frequent ones more often, and phrases of two.
fn queries() -> (Vec<String>, Vec<String>) {
    let (mut random, vocabulary) = (Random(7), Vocabulary::new(&mut Random(42)));
    let mut word = || vocabulary.text(1, &mut random).trim().to_owned();
    let words = (0..300).map(|_| word()).collect();
    (words, (0..300).map(|_| format!("\"{} {}\"", word(), word())).collect())
}

fn mixed(words: &[String]) -> Vec<String> {
    words.iter().map(|word| format!("{word} model:gpt-5-mini latency_ms:>1000")).collect()
}

/// Searches and aggregations over a store that is filled, and whose files are not compared with their checksums now.
async fn ask(dir: &Path) -> Value {
    let config = StoreConfig { scrub_bytes_per_s: 0, ..StoreConfig::default() };
    let store = Store::open(dir, config, &mut Default::default()).unwrap();
    let (words, phrases) = queries();
    let hours = json!({"h": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1h"}}});
    let models = json!({"t": {"terms": {"field": "gen_ai.request.model"}}});
    let users = json!({"t": {"terms": {"field": "user.id"}, "aggs": {"s": {"sum": {"field": "latency_ms"}}}}});
    let answer = json!({
        "word_day": time_searches(&store, "now-24h", &words).await,
        "word_all": time_searches(&store, "now-30d", &words).await,
        "phrase_day": time_searches(&store, "now-24h", &phrases).await,
        "phrase_all": time_searches(&store, "now-30d", &phrases).await,
        "hour": time_searches(&store, "now-1h", &mixed(&words)).await,
        "histogram": time_aggregation(&store, hours).await,
        "terms": time_aggregation(&store, models).await,
        "users": time_aggregation(&store, users).await,
        "memory": anonymous_mib(),
    });
    store.close().await.unwrap();
    answer
}

async fn time_searches(store: &Store, from: &str, queries: &[String]) -> Value {
    let mut clock = Clock::default();
    for q in queries {
        let request = SearchRequest { q: q.clone(), from: Some(from.to_owned()), ..SearchRequest::default() };
        clock.start();
        store.search(&scope(), &request).await.unwrap();
        clock.stop();
    }
    clock.quantiles()
}

async fn time_aggregation(store: &Store, aggs: Value) -> Value {
    let request = AggregateRequest { q: String::new(), from: Some("now-30d".to_owned()), to: None, aggs };
    let mut clock = Clock::default();
    for _ in 0..20 {
        clock.start();
        store.aggregate(&scope(), &request).await.unwrap();
        clock.stop();
    }
    clock.quantiles()
}

/// Milliseconds by the wall and by the processors; on a machine with other work they differ.
#[derive(Default)]
struct Clock {
    started: Option<(Instant, f64)>,
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

impl Clock {
    fn start(&mut self) {
        self.started = Some((Instant::now(), cpu_ms()));
    }

    fn stop(&mut self) {
        let (wall, cpu) = self.started.take().expect("it was started");
        self.wall.push(wall.elapsed().as_secs_f64() * 1e3);
        self.cpu.push(cpu_ms() - cpu);
    }

    fn quantiles(&mut self) -> Value {
        let mut both = |q| (quantile(&mut self.wall, q), quantile(&mut self.cpu, q));
        let ((p50, cpu_p50), (p99, cpu_p99)) = (both(0.5), both(0.99));
        json!({"p50": p50, "p99": p99, "cpu_p50": cpu_p50, "cpu_p99": cpu_p99})
    }
}

/// What this process has used of the processors, threads that ended included.
fn cpu_ms() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    used.tv_sec as f64 * 1e3 + used.tv_nsec as f64 / 1e6
}

fn quantile(times: &mut [f64], q: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * q).round() as usize]
}

/// Memory that no file stands behind; the system takes the other back when it needs it.
fn anonymous_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// As [`cpu_ms`], in seconds.
pub fn cpu_seconds() -> f64 {
    cpu_ms() / 1e3
}

/// Runs a part of the bench in a process of its own.
fn part(arguments: &[&str]) -> Value {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.arg("part").args(arguments).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{arguments:?} failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

/// The ratios of rates and of CPU time to the bare loop at 5 s, each the median of some rounds, and the last rate.
fn compare(dir: &Path, like: &Path, commit_interval_ms: u64, events: u64) -> (f64, f64, f64) {
    let (mut rates, mut cpus, mut rate) = (Vec::new(), Vec::new(), 0.0);
    let (events, interval) = (events.to_string(), commit_interval_ms.to_string());
    for round in 0..ROUNDS {
        let path = |kind: &str| dir.join(format!("{kind}-{commit_interval_ms}-{round}"));
        let (plain, ours) = (path("bare"), path("store"));
        std::fs::create_dir(&plain).unwrap();
        let bare = part(&["bare", plain.to_str().unwrap(), like.to_str().unwrap(), &events]);
        let store = part(&["index", ours.to_str().unwrap(), &interval, &events]);
        rate = number(&store, "/rate");
        rates.push(rate / number(&bare, "/rate"));
        cpus.push(number(&bare, "/cpu") / number(&store, "/cpu"));
        std::fs::remove_dir_all(plain).unwrap();
        std::fs::remove_dir_all(ours).unwrap();
    }
    (quantile(&mut rates, 0.5), quantile(&mut cpus, 0.5), rate)
}

fn report(events: u64) {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let mut out = std::io::stdout();
    let mut line = |figure: &str, target: &str, measured: String| {
        writeln!(out, "{figure:<58} {target:>10}   {measured}").unwrap();
    };
    line(&format!("{events} events"), "target", "measured".to_owned());

    part(&["index", &path("seed"), "1000", "1"]);
    let like = std::fs::read_dir(dir.path().join("seed/partitions")).unwrap().next().unwrap().unwrap().path();
    let compared = events.min(COMPARED);
    let (ratio, cpu, _) = compare(dir.path(), &like, 5_000, compared);
    line("indexing, 5 s commits, to a bare loop at 5 s", "\u{2265} 0.85", format!("{ratio:.2} (by CPU time {cpu:.2})"));
    let (ratio, cpu, rate) = compare(dir.path(), &like, 1_000, compared);
    let measured = format!("{ratio:.2} (by CPU time {cpu:.2}), {rate:.0} events/s");
    line("indexing, 1 s commits, to a bare loop at 5 s", "\u{2265} 0.65", measured);
    let lag = part(&["lag", &path("lag"), &format!("{}", rate * LOAD), &compared.to_string()]);
    let measured = format!("p50 {:.2} s, p99 {:.2} s", number(&lag, "/p50"), number(&lag, "/p99"));
    line("appended to searchable at 70 % of that rate", "p99 \u{2264} 1.5 s", measured);

    let filled = part(&["fill", &path("all"), &events.to_string(), &events.to_string()]);
    let ratio = number(&filled, "/bytes") / number(&filled, "/input");
    let size = number(&filled, "/input") / events as f64;
    line(
        "disk for each byte of JSON, positions included",
        "\u{2264} 0.80",
        format!("{ratio:.2}, events of {size:.0} bytes"),
    );
    let asked = part(&["ask", &path("all")]);
    let times = |name: &str| {
        let quantile = |q: &str| number(&asked, &format!("/{name}/{q}"));
        let wall = format!("p50 {:.1} ms, p99 {:.1} ms", quantile("p50"), quantile("p99"));
        format!("{wall} (by CPU time {:.1}, {:.1})", quantile("cpu_p50"), quantile("cpu_p99"))
    };
    line("a word, newest 20, last 24 h", "p99 \u{2264} 20", times("word_day"));
    line("a word, newest 20, all", "p99 \u{2264} 100", times("word_all"));
    line("a phrase, newest 20, last 24 h", "p99 \u{2264} 20", times("phrase_day"));
    line("a phrase, newest 20, all", "p99 \u{2264} 100", times("phrase_all"));
    line("date_histogram by hour over all", "\u{2264} 150", times("histogram"));
    line("terms of 4 models over all", "\u{2264} 150", times("terms"));
    line("terms of 20,000 users with a sum over all", "", times("users"));
    let tenth = (events / 10).to_string();
    part(&["fill", &path("tenth"), &events.to_string(), &tenth]);
    let few = number(&part(&["ask", &path("tenth")]), "/hour/p50");
    let growth = number(&asked, "/hour/p50") / few;
    let measured = format!("{growth:.2}, {}", times("hour"));
    line("a word, a model and a range in one hour: to a tenth", "\u{2264} 1.5", measured);
    let memory = number(&filled, "/memory").max(number(&asked, "/memory"));
    line("resident anonymous memory, indexing and searching", "\u{2264} 1024", format!("{memory} MiB"));
}

/// How much longer a search of one hour takes than over a tenth as many events.
fn growth(events: u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut out = std::io::stdout();
    let measure = |name: &str, count: u64| {
        let path = dir.path().join(name).to_str().unwrap().to_owned();
        part(&["fill", &path, &events.to_string(), &count.to_string()]);
        part(&["hour", &path])
    };
    let (few, many) = (measure("tenth", events / 10), measure("all", events));
    for (events, hour) in [(events / 10, &few), (events, &many)] {
        let quantile = |q: &str| number(hour, &format!("/{q}"));
        let wall = format!("p50 {:.2} ms, p99 {:.2} ms", quantile("p50"), quantile("p99"));
        let cpu = format!("by CPU time {:.2}, {:.2}", quantile("cpu_p50"), quantile("cpu_p99"));
        writeln!(out, "one hour of {events:>9} events: {wall} ({cpu})").unwrap();
    }
    let ratio = |q: &str| number(&many, &format!("/{q}")) / number(&few, &format!("/{q}"));
    writeln!(out, "growth: {:.2} (by CPU time {:.2}); at most 1.5", ratio("p50"), ratio("cpu_p50")).unwrap();
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let count = |text: &str| text.parse::<u64>().expect("a number of events");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let answer = match arguments.as_slice() {
        ["part", "bare", dir, like, events] => index_bare(Path::new(dir), Path::new(like), count(events)),
        ["part", "index", dir, interval, events] => {
            runtime.block_on(index(Path::new(dir), count(interval), count(events)))
        }
        ["part", "lag", dir, rate, events] => {
            runtime.block_on(lag(Path::new(dir), rate.parse().expect("a rate"), count(events)))
        }
        ["part", "fill", dir, events, some] => runtime.block_on(fill(Path::new(dir), count(events), count(some))),
        ["part", "ask", dir] => runtime.block_on(ask(Path::new(dir))),
        ["part", "hour", dir] => runtime.block_on(ask_hour(Path::new(dir))),
        ["growth", events] => return growth(count(events)),
        rest => return report(rest.first().map_or(300_000, |events| count(events))),
    };
    serde_json::to_writer(std::io::stdout(), &answer).unwrap();
}
