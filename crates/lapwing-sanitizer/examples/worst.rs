//! Prints how long the sanitizer takes by processor time: over ordinary texts and an event, over hostile texts of
//! 256 KiB, and over the longest events that hold them. The bound for a hostile text is 50 ms.

#[path = "../benches/texts.rs"]
mod texts;

use std::error::Error;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use lapwing_event::TenantId;
use lapwing_sanitizer::{KeyRing, Sanitizer, SanitizerConfig};

/// Shortest time that a text is measured over.
const MEASURE: Duration = Duration::from_millis(200);

fn main() -> Result<(), Box<dyn Error>> {
    let sanitizer = Sanitizer::new(&SanitizerConfig::default(), KeyRing::generate([7; 32]))?;
    let tenant = TenantId::default();
    let mut out = io::stdout().lock();
    for (name, text) in texts::ordinary() {
        let taken = measure(|| sanitizer.sanitize_text(&tenant, &text));
        writeln!(out, "{name:20} {:8.1} MB/s", text.len() as f64 / taken.as_secs_f64() / 1e6)?;
    }
    let event = texts::event();
    let taken = measure(|| sanitizer.sanitize(event.clone()));
    writeln!(
        out,
        "{:20} {:8.1} MB/s",
        "event",
        lapwing_event::encode(&event).len() as f64 / taken.as_secs_f64() / 1e6
    )?;
    writeln!(out, "\n{:20} {:>8} {:>8}", "hostile", "text ms", "event ms")?;
    let mut rows: Vec<_> = texts::hostile()
        .into_iter()
        .map(|(name, text)| {
            let event = texts::longest_event(&text);
            (measure(|| sanitizer.sanitize_text(&tenant, &text)), measure(|| sanitizer.sanitize(event.clone())), name)
        })
        .collect();
    rows.sort();
    for (text, event, name) in rows.into_iter().rev() {
        writeln!(out, "{name:20} {:8.1} {:8.1}", text.as_secs_f64() * 1e3, event.as_secs_f64() * 1e3)?;
    }
    Ok(())
}

/// Processor time of one run.
fn measure<T>(run: impl Fn() -> T) -> Duration {
    let begin = Instant::now();
    let used = cpu_time();
    let mut runs = 0;
    while runs < 2 || begin.elapsed() < MEASURE {
        std::hint::black_box(run());
        runs += 1;
    }
    let taken = match (used, cpu_time()) {
        (Some(before), Some(after)) => after - before,
        _ => begin.elapsed(),
    };
    taken / runs
}

/// Time that this thread has run, where the system tells (Linux).
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
