//! Speed over realistic texts, and the time that the worst texts of 256 KiB take. No input may take more than 50 ms.

#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lapwing_event::TenantId;
use lapwing_sanitizer::{KeyRing, Sanitizer, SanitizerConfig};

const KIB: usize = 1024;

/// One kind of text, repeated up to `size` bytes.
fn repeated(unit: &str, size: usize) -> String {
    unit.chars().cycle().take(size).collect()
}

fn realistic() -> Vec<(&'static str, String)> {
    let log = "2026-03-01T10:22:31.123Z INFO [worker-3] c.a.orders.Service - processed order 8812 in 13.4 ms trace=4bf92f3577b34da6a3ce929d0e0e4736 status=ok\n";
    let arguments = r#"{"name": "search_flights", "arguments": "{\"origin\": \"JFK\", \"destination\": \"SEA\", \"date\": \"2026-05-20\", \"passengers\": 2}", "id": "call_x8Kq2Zp9", "priority": 3}"#;
    let prose = "The assistant explained how the quarterly report is put together, which sources it draws on, and why the numbers of the last month may still change. ";
    let personal =
        "Hi, I'm Kevin Duffy, you can reach me at kevin.duffy@example.com or +1 201-559-3834 about invoice 55120. ";
    vec![
        ("log", repeated(log, 4 * KIB)),
        ("arguments", repeated(arguments, 4 * KIB)),
        ("prose", repeated(prose, 4 * KIB)),
        ("personal", repeated(personal, 4 * KIB)),
    ]
}

fn adversarial() -> Vec<(&'static str, String)> {
    let units = [
        ("digits", "1"),
        ("groups", "1 "),
        ("short_groups", "12-34 "),
        ("phones", "555 0100 "),
        ("ats", "a@"),
        ("emails", "a@b.co "),
        ("spelled", "a at b dot com "),
        ("colons", "a:b:"),
        ("assignments", "token=\""),
        ("fields", "\"name\": \"A\", "),
        ("secrets", "api_key: a1B2c3D4e5F6g7H8 "),
        ("capitals", "Anna "),
        ("streets", "1 Main Street "),
        ("backslashes", "\\\\"),
        ("percents", "%25"),
        ("entities", "&amp;"),
        ("urls", "a://b:c@"),
        ("brackets", "[EMAIL"),
        ("base64", "YWFhYWFhYWFhYWFhYWFhYWFhYWFh"),
        ("pem", "-----BEGIN PRIVATE KEY-----\n"),
        ("tags", "<a>b"),
        ("headings", "name,email\nA,b\n"),
        ("cookies", "cookie: a=b;"),
        ("quotes", "'a':"),
        ("nul", "\0"),
        ("zero_width", "\u{200b}"),
        ("hangul", "\u{d55c}"),
        ("titles", "Mr. X "),
        ("ibans", "GB82 WEST 1234 5698 7654 "),
        ("users", "user is "),
    ];
    units.into_iter().map(|(name, unit)| (name, fit(unit))).collect()
}

fn fit(unit: &str) -> String {
    let mut text = unit.repeat(256 * KIB / unit.len());
    text.truncate(256 * KIB);
    text
}

fn sanitize(c: &mut Criterion) {
    let sanitizer = Sanitizer::new(&SanitizerConfig::default(), KeyRing::generate([7; 32]))
        .expect("the default configuration is valid");
    let tenant = TenantId::default();
    let mut group = c.benchmark_group("realistic");
    for (name, text) in realistic() {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| sanitizer.sanitize_text(&tenant, &text)));
    }
    group.finish();
    let mut group = c.benchmark_group("worst_256_kib");
    group.sample_size(10);
    for (name, text) in adversarial() {
        group.bench_function(name, |b| b.iter(|| sanitizer.sanitize_text(&tenant, &text)));
    }
    group.finish();
}

criterion_group!(benches, sanitize);
criterion_main!(benches);
