//! Runs the sanitizer over labelled data: `eval_pii DATA OUT` reads every `*.jsonl` and `*.jsonl.gz` of DATA and writes
//! what it finds (`OUT/<set>.pred.jsonl`, byte offsets) and the masked texts (`OUT/<set>.masked.jsonl`).

use std::error::Error;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use lapwing_event::TenantId;
use lapwing_sanitizer::{Action, EntityType, KeyRing, Sanitizer, SanitizerConfig};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Sample {
    id: String,
    text: String,
}

/// Shortest time that the speed is measured over.
const MEASURE: Duration = Duration::from_millis(500);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(data), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("give the folder of the data and the folder for the results".into());
    };
    fs::create_dir_all(&out)?;
    let sanitizer = sanitizer()?;
    let mut files: Vec<_> =
        fs::read_dir(&data)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.sort();
    let mut report = std::io::stdout().lock();
    for file in files {
        let name = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let Some(set) = name.strip_suffix(".gz").unwrap_or(name).strip_suffix(".jsonl") else { continue };
        let samples = read(&file)?;
        write(&sanitizer, &samples, Path::new(&out), set)?;
        let speed = speed(&sanitizer, &samples);
        writeln!(report, "{set}: {} records, {speed:.1} MB/s per core", samples.len())?;
    }
    Ok(())
}

/// Plain masks, since the scorer reads types from them. The keys of pseudonyms do not matter here.
fn sanitizer() -> Result<Sanitizer, Box<dyn Error>> {
    let kept = [EntityType::Url, EntityType::DateTime];
    let masked = EntityType::BUILT_IN.into_iter().filter(|entity| !kept.contains(entity));
    let actions = masked.map(|entity| (entity, Action::Mask)).collect();
    let config = SanitizerConfig { actions, ..SanitizerConfig::default() };
    Ok(Sanitizer::new(&config, KeyRing::generate([7; 32]))?)
}

fn read(file: &Path) -> Result<Vec<Sample>, Box<dyn Error>> {
    let mut text = String::new();
    match file.extension().and_then(OsStr::to_str) {
        Some("gz") => MultiGzDecoder::new(File::open(file)?).read_to_string(&mut text)?,
        _ => File::open(file)?.read_to_string(&mut text)?,
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    Ok(lines.map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn write(sanitizer: &Sanitizer, samples: &[Sample], out: &Path, set: &str) -> Result<(), Box<dyn Error>> {
    let mut predictions = BufWriter::new(File::create(out.join(format!("{set}.pred.jsonl")))?);
    let mut masked = BufWriter::new(File::create(out.join(format!("{set}.masked.jsonl")))?);
    for sample in samples {
        let (text, findings) = sanitizer.sanitize_text(&TenantId::default(), &sample.text);
        let spans: Vec<_> = findings
            .iter()
            .map(|finding| json!({"start": finding.range.start, "end": finding.range.end, "type": finding.entity.label(), "recognizer": finding.recognizer}))
            .collect();
        writeln!(predictions, "{}", json!({"id": sample.id, "spans": spans}))?;
        writeln!(masked, "{}", json!({"id": sample.id, "text": text}))?;
    }
    predictions.flush()?;
    masked.flush()?;
    Ok(())
}

/// Megabytes a second of this thread's processor time, so that other work on the machine does not count.
fn speed(sanitizer: &Sanitizer, samples: &[Sample]) -> f64 {
    let begin = Instant::now();
    let used = cpu_time();
    let mut bytes = 0;
    while begin.elapsed() < MEASURE {
        for sample in samples {
            bytes += sample.text.len();
            std::hint::black_box(sanitizer.sanitize_text(&TenantId::default(), &sample.text));
        }
    }
    let taken = match (used, cpu_time()) {
        (Some(before), Some(after)) => after - before,
        _ => begin.elapsed(),
    };
    bytes as f64 / taken.as_secs_f64() / 1e6
}

/// Time that this thread has run, where the system tells (Linux).
fn cpu_time() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
