//! What is promised of the emitter, against what is measured: `make bench-emitter`.
//!
//! `LAPWING_TEST_KAFKA` names a broker, `LAPWING_BIN` the binary that is taken away for `LAPWING_OUTAGE_S` seconds;
//! without one of them its rows are left out.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::collections::{BTreeMap, HashSet};
use std::env::var;
use std::fs;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use lapwing_bus::kafka::KafkaConfig;
use lapwing_bus::{BusError, Record, Sink};
use lapwing_emitter::{Emitter, EmitterBuilder};
use lapwing_event::{Content, Event, GenAi, Kind, Session, User};
use serde_json::Value;

const CALLS: usize = 20_000;
const OUTAGE_RATE: usize = 2_000;

struct Bus {
    up: bool,
}

#[async_trait]
impl Sink for Bus {
    async fn send(&self, _: &str, records: Vec<Record>) -> Result<(), BusError> {
        black_box(records);
        if self.up { Ok(()) } else { Err(BusError::Unavailable("away".to_owned())) }
    }

    async fn ready(&self) -> Result<(), BusError> {
        Ok(())
    }
}

fn main() {
    println!("| what | target | measured |\n|---|---|---|");
    // First, while the heap has no room left over from others.
    memory();
    for (name, up, capacity) in [("up", true, 2 * CALLS), ("away", false, 2 * CALLS), ("queue full", false, 8)] {
        let bus = builder().to_sink(Arc::new(Bus { up }));
        emit_cost(name, &bus.queue_capacity(capacity).queue_bytes(1 << 30).build().unwrap());
    }
    queue_rate();
    if let Ok(brokers) = var("LAPWING_TEST_KAFKA") {
        kafka_rate(&brokers);
    }
    if let Ok(binary) = var("LAPWING_BIN") {
        outage(Path::new(&binary), var("LAPWING_OUTAGE_S").map_or(60, |seconds| seconds.parse().unwrap()));
    }
}

fn row(what: &str, target: &str, measured: &str) {
    println!("| {what} | {target} | {measured} |");
}

fn builder() -> EmitterBuilder {
    Emitter::builder().service("bench").drop_timeout(Duration::from_millis(1))
}

/// An event of about 2 KB as JSON.
fn event(emitter: &Emitter, session: usize) -> Event {
    let mut event = emitter.event(Kind::Llm);
    event.user = Some(User { id: "u-1".to_owned() });
    event.session = Some(Session { id: format!("s-{session}") });
    event.gen_ai = Some(Box::new(GenAi::chat("gpt-4o")));
    event.content = Some(Content {
        prompt: Some("where is it ".repeat(58)),
        response: Some("it is here ".repeat(82)),
        ..Content::default()
    });
    event
}

fn emit_cost(name: &str, emitter: &Emitter) {
    let events: Vec<Event> = (0..CALLS).map(|n| event(emitter, n % 100)).collect();
    let clock = Instant::now();
    (0..1000).for_each(|_| {
        black_box(Instant::now());
    });
    let clock = clock.elapsed() / 1000;
    let mut times: Vec<Duration> = Vec::with_capacity(CALLS);
    for event in events {
        let began = Instant::now();
        emitter.emit(event);
        times.push(began.elapsed().saturating_sub(clock));
    }
    times.sort_unstable();
    let at = |share: f64| times[(share * (CALLS - 1) as f64) as usize];
    let measured = format!("p50 {:?}, p99 {:?}", at(0.5), at(0.99));
    row(&format!("emit of 2 KB, broker {name}"), "p50 <= 1 us, p99 <= 5 us", &measured);
}

fn queue_rate() {
    let bus = builder().to_sink(Arc::new(Bus { up: true }));
    let emitter = bus.queue_capacity(4 * CALLS).queue_bytes(1 << 30).build().unwrap();
    let events: Vec<Event> = (0..2 * CALLS).map(|n| event(&emitter, n % 100)).collect();
    let began = Instant::now();
    events.into_iter().for_each(|event| emitter.emit(event));
    let rate = (2 * CALLS) as f64 / began.elapsed().as_secs_f64();
    row(
        "events/s from one thread to the queue",
        ">= 200,000",
        &format!("{rate:.0}, {} dropped", emitter.stats().dropped()),
    );
}

fn memory() {
    let emitter = builder().to_sink(Arc::new(Bus { up: false })).queue_capacity(1 << 20).build().unwrap();
    let before = resident();
    (0..10 * CALLS).for_each(|n| emitter.emit(event(&emitter, n)));
    let grown = resident().saturating_sub(before) >> 20;
    let dropped = emitter.stats().dropped();
    row("memory with the queue full", "<= 32 MiB + 16 MB", &format!("{grown} MiB, {dropped} dropped"));
}

fn kafka_rate(brokers: &str) {
    let config = KafkaConfig { brokers: brokers.to_owned(), ..KafkaConfig::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let raw = [(lapwing_bus::topics::RAW, Duration::from_secs(3600))];
    runtime.block_on(lapwing_bus::kafka::create_topics(&config, &raw)).unwrap();
    let emitter = builder().to_kafka(config).queue_capacity(1 << 16).queue_bytes(1 << 30).build().unwrap();
    let total = 400_000;
    let (began, cpu) = (Instant::now(), cpu_time());
    for n in 0..total {
        while emitter.stats().queued > 40_000 {
            sleep(Duration::from_millis(1));
        }
        emitter.emit(event(&emitter, n % 1000));
    }
    emitter.flush(Duration::from_secs(120)).unwrap();
    let (wall, cpu) = (began.elapsed().as_secs_f64(), (cpu_time() - cpu).as_secs_f64());
    let measured = format!("{:.0}; {:.0} per second of its own CPU time", total as f64 / wall, total as f64 / cpu);
    row("events/s out to Kafka", ">= 50,000 on 2 cores", &measured);
}

/// A real server that is killed, and comes back with its data.
struct Server<'a> {
    binary: &'a Path,
    data: &'a Path,
    address: String,
}

/// Killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server<'_> {
    fn start(&self) -> Running {
        let mut command = Command::new(self.binary);
        command.arg("up").env("LAPWING__DATA__DIR", self.data).env("LAPWING__SERVER__LISTEN", &self.address);
        command.env("LAPWING__TELEMETRY__FORMAT", "json").env("LAPWING__OTLP__ENABLED", "false");
        let mut running = Running(command.stderr(Stdio::piped()).spawn().unwrap());
        let mut lines = BufReader::new(running.0.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("\"ready\"")), "the server did not start");
        spawn(move || lines.for_each(drop));
        running
    }
}

fn outage(binary: &Path, seconds: u64) {
    let (data, spool) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let server = Server { binary, data: data.path(), address };
    let running = server.start();
    let url = format!("http://{}", server.address);
    let emitter = builder().to_http(&url).spool(spool.path(), 4 << 30).build().unwrap();
    let mut sent = 0;
    let mut steadily = |seconds: u64| {
        let (began, first) = (Instant::now(), sent);
        while began.elapsed() < Duration::from_secs(seconds) {
            let due = first + (began.elapsed().as_secs_f64() * OUTAGE_RATE as f64) as usize;
            while sent < due {
                let mut event = event(&emitter, sent % 50);
                event.attrs.insert("number".to_owned(), sent.into());
                emitter.emit(event);
                sent += 1;
            }
            sleep(Duration::from_millis(5));
        }
    };
    steadily(2);
    drop(running);
    steadily(seconds);
    let running = server.start();
    steadily(2);
    emitter.flush(Duration::from_secs(600)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = runtime.block_on(exported(&url, sent));
    drop(running);
    let dropped = emitter.stats().dropped();
    let measured = format!("{sent} sent, {dropped} dropped; {}", judged(&found, sent));
    row(&format!("broker away {seconds} s at 2,000 events/s"), "nothing lost, doubled or out of order", &measured);
}

/// Everything in the store, once it has all of it.
async fn exported(url: &str, count: usize) -> Vec<Value> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let deadline = Instant::now() + Duration::from_secs(600);
    loop {
        let export = client.get(format!("{url}/v1/export?q=service.name:bench&from=0")).send().await.unwrap();
        let bytes = export.bytes().await.unwrap();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let lines = lines.map(|line| serde_json::from_slice::<Value>(line).unwrap());
        // Between the events stand cursors.
        let events: Vec<Value> = lines.filter(|line| line.get("id").is_some()).collect();
        if events.len() >= count || Instant::now() > deadline {
            return events;
        }
        sleep(Duration::from_secs(1));
    }
}

fn judged(events: &[Value], sent: usize) -> String {
    let number = |event: &Value| event["attrs"]["number"].as_u64();
    let numbers: HashSet<u64> = events.iter().filter_map(number).collect();
    let mut sessions: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for event in events {
        if let Some(number) = number(event) {
            let arrived = event["received_at"].as_str().unwrap_or_default().to_owned();
            sessions.entry(event["session"]["id"].to_string()).or_default().push((number, arrived));
        }
    }
    let mut unordered = 0;
    for session in sessions.values_mut() {
        session.sort();
        unordered += session.windows(2).filter(|pair| pair[0].1 > pair[1].1).count();
    }
    let (lost, doubled) = (sent - numbers.len(), events.len() - numbers.len());
    format!("{lost} lost, {doubled} doubled, {unordered} out of order in {} sessions", sessions.len())
}

fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// User and system time of this process, in the kernel's ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let ticks: u64 = stat.split_whitespace().skip(13).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(10 * ticks)
}
