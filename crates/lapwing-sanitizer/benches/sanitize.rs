//! Speed over ordinary texts and events. The time of the worst texts is printed by `examples/worst.rs`.

#![allow(missing_docs)]

#[path = "texts.rs"]
mod texts;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lapwing_event::TenantId;
use lapwing_sanitizer::{KeyRing, Sanitizer, SanitizerConfig};

fn sanitize(c: &mut Criterion) {
    let sanitizer = Sanitizer::new(&SanitizerConfig::default(), KeyRing::generate([7; 32]))
        .expect("the default configuration is valid");
    let tenant = TenantId::default();
    let mut group = c.benchmark_group("ordinary");
    for (name, text) in texts::ordinary() {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| sanitizer.sanitize_text(&tenant, &text)));
    }
    let event = texts::event();
    group.throughput(Throughput::Bytes(lapwing_event::encode(&event).len() as u64));
    group.bench_function("event", |b| {
        b.iter_batched(|| event.clone(), |event| sanitizer.sanitize(event), BatchSize::SmallInput);
    });
    group.finish();
    let mut group = c.benchmark_group("worst_256_kib");
    group.sample_size(10);
    let hostile = texts::hostile();
    for (name, text) in &hostile {
        group.bench_function(*name, |b| b.iter(|| sanitizer.sanitize_text(&tenant, text)));
    }
    let event = texts::longest_event(&hostile[0].1);
    group.bench_function("longest_event", |b| {
        b.iter_batched(|| event.clone(), |event| sanitizer.sanitize(event), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, sanitize);
criterion_main!(benches);
