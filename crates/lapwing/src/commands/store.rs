//! `lapwing store compact`, `verify`, `stats` and `forget-position`: looking after the store's files.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use lapwing_bus::Checkpoint;
use lapwing_event::Timestamp;
use lapwing_store::{PartitionReport, Store, StoreError, inspect};
use serde_json::{Value, json};

use crate::args::{StoreAction, StoreFiles};
use crate::settings::Settings;

/// Does it.
pub async fn run(action: StoreAction, settings: Settings) -> Result<()> {
    match action {
        StoreAction::Compact(files) => compact(&files, settings).await,
        StoreAction::Verify(files) => verify(&files, &settings),
        StoreAction::Stats(files) => {
            let dir = dir(&files, &settings)?;
            print(&files, &look(&dir, false)?, &set_aside(&dir)?)
        }
        StoreAction::ForgetPosition(files) => forget_position(&files, settings).await,
    }
}

async fn compact(files: &StoreFiles, settings: Settings) -> Result<()> {
    let dir = dir(files, &settings)?;
    let in_use = "it merges and seals by itself what is no longer written (store.writer_idle_ms). To have all of it \
                  sealed now, stop the server and run this again";
    let store = open(&dir, settings, in_use)?;
    let sealed = store.compact().await.context("merge and seal the partitions");
    store.close().await.context("close the store")?;
    sealed?;
    print(files, &look(&dir, false)?, &set_aside(&dir)?)
}

async fn forget_position(files: &StoreFiles, settings: Settings) -> Result<()> {
    let dir = dir(files, &settings)?;
    let store = open(&dir, settings, "stop it and run this again")?;
    let from_the_beginning = serde_json::to_string(&Checkpoint::default()).context("write a checkpoint")?;
    store.append(Vec::new(), from_the_beginning).await.context("write the position")?;
    store.close().await.context("close the store")?;
    print(files, &look(&dir, false)?, &set_aside(&dir)?)
}

/// The store in a folder that no server uses; `in_use` says what to do if one does.
fn open(dir: &Path, settings: Settings, in_use: &str) -> Result<Arc<Store>> {
    match Store::open(dir, settings.store, &mut Default::default()) {
        Err(StoreError::Locked { .. }) => bail!("a server has {} open; {in_use}", dir.display()),
        opened => opened.with_context(|| format!("open the store in {}", dir.display())),
    }
}

fn verify(files: &StoreFiles, settings: &Settings) -> Result<()> {
    let dir = dir(files, settings)?;
    let (reports, set_aside) = (look(&dir, true)?, set_aside(&dir)?);
    print(files, &reports, &set_aside)?;
    let broken: Vec<&str> = reports.iter().filter(|report| !report.is_whole()).map(|r| r.partition.as_str()).collect();
    match broken.as_slice() {
        [] if set_aside.is_empty() => Ok(()),
        [] => bail!("every partition that serves is whole; {} earlier one(s) stand in quarantine", set_aside.len()),
        broken => bail!(
            "{} of {} partitions are damaged: {}; restore them from a snapshot. A server sets them aside at its next start",
            broken.len(),
            reports.len(),
            broken.join(", ")
        ),
    }
}

/// The store's folder, which must be there: looking at it must not make one.
fn dir(files: &StoreFiles, settings: &Settings) -> Result<PathBuf> {
    let dir = files.dir.clone().unwrap_or_else(|| settings.store_dir());
    match dir.join("partitions").is_dir() {
        true => Ok(dir),
        false => bail!("there is no store in {}; name its folder with --dir, or set data.dir", dir.display()),
    }
}

fn look(dir: &Path, check: bool) -> Result<Vec<PartitionReport>> {
    inspect(dir, check).with_context(|| format!("look at the store in {}", dir.display()))
}

/// The partitions that were set aside as corrupt.
fn set_aside(dir: &Path) -> Result<Vec<String>> {
    let place = dir.join("quarantine");
    if !place.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(&place).with_context(|| format!("read {}", place.display()))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<String>>>()?;
    names.sort();
    Ok(names)
}

fn print(files: &StoreFiles, reports: &[PartitionReport], set_aside: &[String]) -> Result<()> {
    let mut out = stdout().lock();
    match files.json {
        true => writeln!(out, "{:#}", as_json(reports, set_aside))?,
        false => write!(out, "{}", as_table(reports, set_aside))?,
    }
    Ok(())
}

fn sums(reports: &[PartitionReport]) -> (u64, u64, u64) {
    let add =
        |sums: (u64, u64, u64), r: &PartitionReport| (sums.0 + r.events, sums.1 + r.bytes, sums.2 + r.input_bytes);
    reports.iter().fold((0, 0, 0), add)
}

fn ratio(bytes: u64, input_bytes: u64) -> Option<f64> {
    (input_bytes > 0).then(|| (bytes as f64 / input_bytes as f64 * 100.0).round() / 100.0)
}

fn as_json(reports: &[PartitionReport], set_aside: &[String]) -> Value {
    let (events, bytes, input_bytes) = sums(reports);
    let ends = |time: fn(&PartitionReport) -> Option<Timestamp>| reports.iter().filter_map(time);
    json!({
        "partitions": reports,
        "events": events,
        "bytes": bytes,
        "input_bytes": input_bytes,
        "bytes_per_input_byte": ratio(bytes, input_bytes),
        "oldest": ends(|report| report.oldest).min(),
        "newest": ends(|report| report.newest).max(),
        "quarantined": set_aside,
    })
}

fn as_table(reports: &[PartitionReport], set_aside: &[String]) -> String {
    let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let per_byte = |bytes, input| ratio(bytes, input).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
    let line = |name: &str, events: &str, segments: &str, bytes: &str, per: &str, from: &str, to: &str, state: &str| {
        format!("{name:<20} {events:>12} {segments:>8} {bytes:>12} {per:>8}  {from:<28} {to:<28} {state}")
    };
    let mut lines = vec![line("partition", "events", "segments", "MiB", "per byte", "oldest", "newest", "state")];
    let mib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    for report in reports {
        let state = match (&report.fault, report.damaged.as_slice(), &report.root) {
            (Some(fault), _, _) => format!("BROKEN: {fault}"),
            (None, [], Some(root)) => format!("sealed {}", root.get(..12).unwrap_or(root)),
            (None, [], None) => "open".to_owned(),
            (None, damaged, _) => {
                let files: Vec<_> = damaged.iter().map(|file| file.display().to_string()).collect();
                format!("DAMAGED: {}", files.join(", "))
            }
        };
        let (events, segments) = (report.events.to_string(), report.segments.to_string());
        let per = per_byte(report.bytes, report.input_bytes);
        let (from, to) = (time(report.oldest), time(report.newest));
        lines.push(line(&report.partition, &events, &segments, &mib(report.bytes), &per, &from, &to, &state));
    }
    let (events, bytes, input) = sums(reports);
    lines.push(line("all", &events.to_string(), "", &mib(bytes), &per_byte(bytes, input), "", "", ""));
    lines.extend(set_aside.iter().map(|name| format!("in quarantine: {name}")));
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}
