//! What the store costs: indexing against a bare Tantivy loop, disk per byte, searches and aggregations.
//!
//! `cargo bench -p lapwing-store --bench store -- [EVENTS]`; the corpus is seeded, the figures go to stdout.
//! It measures and asserts nothing.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use lapwing_event::{Content, Event, FIELDS, GenAi, IndexAs, SanitizedEvent, Scores, Session, Usage, User};
use lapwing_store::{AggregateRequest, SearchRequest, Store, StoreConfig};
use serde_json::{Value, json};
use support::{DAY, NOW, event, scope, sealed};
use tantivy::schema::Schema;
use tantivy::tokenizer::{LowerCaser, SimpleTokenizer, TextAnalyzer};
use tantivy::{DateTime, Index, IndexWriter, TantivyDocument};

const DAYS: u64 = 4;
const BATCH: u64 = 500;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// 25,000 words, drawn by Zipf's law.
struct Vocabulary {
    words: Vec<String>,
    cumulative: Vec<f64>,
}

impl Vocabulary {
    fn new(random: &mut Random) -> Self {
        const SYLLABLES: &[&str] = &[
            "ba", "con", "de", "el", "fo", "ger", "hi", "in", "ka", "lo", "men", "no", "pre", "ri", "sta", "ti", "un",
            "ver",
        ];
        let word = |n: usize, random: &mut Random| match n {
            0 => "the".to_owned(),
            n => {
                let syllables = 1 + n.ilog(12) as usize;
                let text: String = (0..=syllables).map(|_| SYLLABLES[random.below(18) as usize]).collect();
                if n > 5_000 { format!("{text}{}", n % 97) } else { text }
            }
        };
        let words: Vec<_> = (0..25_000).map(|n| word(n, random)).collect();
        let mut sum = 0.0;
        let cumulative = (1..=words.len()).map(|rank| {
            sum += 1.0 / (rank as f64).powf(1.05);
            sum
        });
        Self { cumulative: cumulative.collect(), words }
    }

    fn text(&self, length: u64, random: &mut Random) -> String {
        let total = self.cumulative[self.cumulative.len() - 1];
        let mut text = String::new();
        for n in 0..length {
            let at = self.cumulative.partition_point(|sum| *sum < random.unit() * total);
            text.push_str(&self.words[at]);
            text.push_str(if n % 12 == 11 { ". " } else { " " });
        }
        text
    }
}

struct Corpus {
    random: Random,
    vocabulary: Vocabulary,
    events: u64,
}

impl Corpus {
    fn new(events: u64) -> Self {
        let mut random = Random(42);
        Self { vocabulary: Vocabulary::new(&mut random), random, events }
    }

    /// Event `n` of the corpus, in the order of time over the last days.
    fn event(&mut self, n: u64) -> Event {
        let random = &mut self.random;
        let span = DAYS as i64 * DAY;
        let mut event = event(n, NOW - span + (n as i128 * i128::from(span) / i128::from(self.events)) as i64);
        let (prompt, response) = (20 + random.below(50), 40 + random.below(100));
        event.content = Some(Content {
            prompt: Some(self.vocabulary.text(prompt, random)),
            response: Some(self.vocabulary.text(response, random)),
            ..Content::default()
        });
        let models = ["gpt-5-mini", "claude-haiku", "gemini-flash", "llama-4"];
        let mut gen_ai = GenAi::chat(models[random.below(4) as usize]);
        gen_ai.usage = Some(Usage { input_tokens: Some(prompt), output_tokens: Some(response), ..Usage::default() });
        event.gen_ai = Some(Box::new(gen_ai));
        event.latency_ms = Some(200.0 + (random.unit() * 3_000.0).round());
        event.user = Some(User { id: format!("[USER:k1:{:08x}]", random.below(20_000)) });
        event.session = Some(Session { id: format!("[SESSION:k1:{:08x}]", n / 10) });
        event.scores = Some(Scores { toxicity: Some((random.unit() * 100.0).round() / 100.0), sentiment: None });
        event
    }

    fn batch(&mut self, from: u64, to: u64) -> Vec<SanitizedEvent> {
        (from..to).map(|n| sealed(self.event(n))).collect()
    }
}

/// The least that Tantivy needs for the same documents: no deduplication, no partitions, no position. The documents
/// are made before. Gives events a second.
fn bare_loop(dir: &Path, schema: &Schema, settings: tantivy::IndexSettings, events: u64, interval: Duration) -> f64 {
    let index = Index::builder().schema(schema.clone()).settings(settings).create_in_dir(dir).unwrap();
    let words = TextAnalyzer::builder(SimpleTokenizer::default()).filter(LowerCaser).build();
    index.tokenizers().register("lapwing", words);
    let options = tantivy::indexer::IndexWriterOptions::builder()
        .num_worker_threads(1)
        .num_merge_threads(1)
        .memory_budget_per_thread(StoreConfig::default().writer_memory_bytes)
        .build();
    let mut writer: IndexWriter = index.writer_with_options(options).unwrap();
    let events_made = Corpus::new(events).batch(0, events);
    let documents: Vec<_> = events_made.iter().map(|event| bare_document(event, schema)).collect();
    drop(events_made);
    let started = Instant::now();
    let mut committed = started;
    for (n, document) in documents.into_iter().enumerate() {
        writer.add_document(document).unwrap();
        if (n as u64).is_multiple_of(BATCH) && committed.elapsed() >= interval {
            writer.commit().unwrap();
            committed = Instant::now();
        }
    }
    writer.commit().unwrap();
    events as f64 / started.elapsed().as_secs_f64()
}

fn bare_document(event: &SanitizedEvent, schema: &Schema) -> TantivyDocument {
    let source = event.encode();
    let value: Value = serde_json::from_slice(&source).unwrap();
    let mut document = TantivyDocument::new();
    for field in FIELDS {
        let Some(value) = value.pointer(&format!("/{}", field.path.replace('.', "/"))) else { continue };
        let Ok(target) = schema.get_field(field.path) else { continue };
        match (field.index, value) {
            (IndexAs::Keyword | IndexAs::Text, Value::String(text)) => document.add_text(target, text),
            (IndexAs::Number, Value::Number(number)) => document.add_f64(target, number.as_f64().unwrap()),
            (IndexAs::Date, Value::String(text)) => {
                let at = lapwing_event::Timestamp::parse(text).unwrap();
                document.add_date(target, DateTime::from_timestamp_nanos(at.nanos()));
            }
            _ => {}
        }
    }
    document.add_text(schema.get_field("_source").unwrap(), std::str::from_utf8(&source).unwrap());
    document
}

/// Events a second into the store; the events are made before.
async fn index(store: &Store, events: u64) -> f64 {
    let mut corpus = Corpus::new(events);
    let batches: Vec<_> =
        (0..events).step_by(BATCH as usize).map(|from| corpus.batch(from, (from + BATCH).min(events))).collect();
    let started = Instant::now();
    for (n, batch) in batches.into_iter().enumerate() {
        store.append(batch, n.to_string()).await.unwrap();
    }
    store.flush().await.unwrap();
    events as f64 / started.elapsed().as_secs_f64()
}

/// Fills the store with the whole corpus, made on the way; gives the bytes of its JSON.
async fn fill(store: &Store, events: u64) -> u64 {
    let (mut corpus, mut bytes) = (Corpus::new(events), 0);
    for from in (0..events).step_by(BATCH as usize) {
        let to = (from + BATCH).min(events);
        let batch = corpus.batch(from, to);
        bytes += batch.iter().map(|event| event.encode().len() as u64).sum::<u64>();
        store.append(batch, to.to_string()).await.unwrap();
    }
    store.flush().await.unwrap();
    bytes
}

fn bytes_on_disk(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.metadata().unwrap() {
            meta if meta.is_dir() => bytes_on_disk(&entry.path()),
            meta => meta.len(),
        })
        .sum()
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn quantile(times: &mut [f64], q: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * q).round() as usize]
}

async fn time_searches(store: &Store, out: &mut impl Write, name: &str, from: &str, queries: &[String]) {
    let mut times = Vec::new();
    for q in queries.iter().cycle().take(queries.len().max(200)) {
        let request = SearchRequest { q: q.clone(), from: Some(from.to_owned()), ..SearchRequest::default() };
        let started = Instant::now();
        store.search(&scope(), &request).await.unwrap();
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let (p50, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    writeln!(out, "{name:<44} p50 {p50:8.2} ms  p99 {p99:8.2} ms").unwrap();
}

async fn time_aggregation(store: &Store, out: &mut impl Write, name: &str, aggs: Value) {
    let request = AggregateRequest { q: String::new(), from: Some("now-30d".to_owned()), to: None, aggs };
    let mut times = Vec::new();
    for _ in 0..10 {
        let started = Instant::now();
        store.aggregate(&scope(), &request).await.unwrap();
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let (p50, p99) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    writeln!(out, "{name:<44} p50 {p50:8.2} ms  p99 {p99:8.2} ms").unwrap();
}

async fn run(events: u64) {
    let mut out = std::io::stdout();
    let dir = tempfile::tempdir().unwrap();
    let seed = dir.path().join("seed");
    let store = Store::open(&seed, StoreConfig::default(), &mut Default::default()).unwrap();
    store.append(Corpus::new(1).batch(0, 1), "1".to_owned()).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let partition = std::fs::read_dir(seed.join("partitions")).unwrap().next().unwrap().unwrap().path();
    let seeded = Index::open_in_dir(partition).unwrap();
    let few = events.min(100_000);

    for (seconds, goal) in [(5, 0.85), (1, 0.65)] {
        let bare = dir.path().join(format!("bare{seconds}"));
        std::fs::create_dir(&bare).unwrap();
        let plain = bare_loop(&bare, &seeded.schema(), seeded.settings().clone(), few, Duration::from_secs(5));
        // Commits by time alone, as in the loop.
        let commit_bytes = 1 << 30;
        let config = StoreConfig { commit_interval_ms: seconds * 1_000, commit_bytes, ..StoreConfig::default() };
        let path = dir.path().join(format!("store{seconds}"));
        let store = Store::open(&path, config, &mut Default::default()).unwrap();
        let ours = index(&store, few).await;
        store.close().await.unwrap();
        let ratio = ours / plain;
        writeln!(out, "indexing, {seconds} s commits: {ours:.0} events/s, bare loop at 5 s {plain:.0}, ratio {ratio:.2} (goal {goal})")
            .unwrap();
    }

    let path = dir.path().join("store");
    let store = Store::open(&path, StoreConfig::default(), &mut Default::default()).unwrap();
    let bytes = fill(&store, events).await;
    store.close().await.unwrap();
    drop(store);
    let disk = bytes_on_disk(&path.join("partitions")) as f64 / bytes as f64;
    writeln!(out, "{events} events of {} bytes: disk {disk:.2} of the JSON", bytes / events).unwrap();

    let store = Store::open(&path, StoreConfig::default(), &mut Default::default()).unwrap();
    let mut random = Random(7);
    let vocabulary = Vocabulary::new(&mut Random(42));
    let mut word = || vocabulary.text(1, &mut random).trim().to_owned();
    let words: Vec<_> = (0..200).map(|_| word()).collect();
    let phrases: Vec<_> = (0..200).map(|_| format!("\"{} {}\"", word(), word())).collect();
    time_searches(&store, &mut out, "a word, newest 20, last 24 h", "now-24h", &words).await;
    time_searches(&store, &mut out, "a word, newest 20, all", "now-30d", &words).await;
    time_searches(&store, &mut out, "a phrase, newest 20, last 24 h", "now-24h", &phrases).await;
    time_searches(&store, &mut out, "a phrase, newest 20, all", "now-30d", &phrases).await;
    let mixed: Vec<_> = words.iter().map(|word| format!("{word} model:gpt-5-mini latency_ms:>1000")).collect();
    time_searches(&store, &mut out, "a word, a model, a range, one hour", "now-1h", &mixed).await;
    let days = json!({"h": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1h"}}});
    time_aggregation(&store, &mut out, "date_histogram over all", days).await;
    let terms = json!({"t": {"terms": {"field": "gen_ai.request.model"}}});
    time_aggregation(&store, &mut out, "terms of 4 models over all", terms).await;
    let users = json!({"t": {"terms": {"field": "user.id"}, "aggs": {"s": {"sum": {"field": "latency_ms"}}}}});
    time_aggregation(&store, &mut out, "terms of 20,000 users with a sum over all", users).await;
    writeln!(out, "resident anonymous memory {} MiB", resident_mib()).unwrap();
    store.close().await.unwrap();
}

fn main() {
    let events = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(300_000);
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(run(events));
}
