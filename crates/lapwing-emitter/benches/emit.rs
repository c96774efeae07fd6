//! What `emit` costs the application's thread, with the destination up, away, and the queue full.
//!
//! Criterion gives the mean; the percentiles of single calls are printed before it, less what reading the clock
//! costs.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use lapwing_bus::{BusError, Record, Sink};
use lapwing_emitter::Emitter;
use lapwing_event::{Content, Event, GenAi, Kind, Session, User};

const CALLS: usize = 20_000;

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

/// An event of about 2 KB as JSON.
fn event(emitter: &Emitter) -> Event {
    let mut event = emitter.event(Kind::Llm);
    event.user = Some(User { id: "u-1".to_owned() });
    event.session = Some(Session { id: "s-1".to_owned() });
    event.gen_ai = Some(Box::new(GenAi::chat("gpt-4o")));
    event.content =
        Some(Content { prompt: Some("p".repeat(700)), response: Some("r".repeat(900)), ..Content::default() });
    event
}

fn emitter(name: &str) -> Emitter {
    let capacity = if name == "full" { 8 } else { 2 * CALLS };
    let builder = Emitter::builder().service("bench").to_sink(Arc::new(Bus { up: name == "up" }));
    builder.queue_capacity(capacity).queue_bytes(1 << 30).drop_timeout(Duration::from_millis(1)).build().unwrap()
}

fn percentiles(name: &str) {
    let emitter = emitter(name);
    let events: Vec<Event> = (0..CALLS).map(|_| event(&emitter)).collect();
    let overhead = Instant::now();
    (0..1000).for_each(|_| {
        black_box(Instant::now());
    });
    let overhead = overhead.elapsed() / 1000;
    let mut times: Vec<Duration> = Vec::with_capacity(CALLS);
    for event in events {
        let began = Instant::now();
        emitter.emit(event);
        times.push(began.elapsed().saturating_sub(overhead));
    }
    times.sort_unstable();
    let at = |share: f64| times[(share * (CALLS - 1) as f64) as usize];
    println!("emit, destination {name}: p50 {:?}, p99 {:?}, p99.9 {:?}", at(0.5), at(0.99), at(0.999));
}

fn emit(criterion: &mut Criterion) {
    for name in ["up", "away", "full"] {
        percentiles(name);
        let emitter = emitter(name);
        criterion.bench_function(&format!("emit/{name}"), |bencher| {
            bencher.iter_batched(|| event(&emitter), |event| emitter.emit(event), BatchSize::SmallInput);
        });
    }
}

criterion_group!(benches, emit);
criterion_main!(benches);
