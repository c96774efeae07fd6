//! `kill -9` in the middle of appends loses nothing that was acknowledged. This program starts itself as the process
//! that is killed, so it has no test harness around it.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use lapwing_bus::embedded::{Embedded, EmbeddedConfig};
use lapwing_bus::{Checkpoint, Record, Sink, Source, Start, Subscription, Transact};
use tokio::task::JoinSet;

const CHILD_FOLDER: &str = "LAPWING_CRASH_FOLDER";
const CHILD_ROUND: &str = "LAPWING_CRASH_ROUND";
const ROUNDS: usize = 12;
const PRODUCERS: usize = 4;
const BATCH: usize = 5;
const TOPIC: &str = "t";
const COPY: &str = "copy";

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(folder) = std::env::var_os(CHILD_FOLDER) {
        let round = std::env::var(CHILD_ROUND).unwrap();
        return runtime.block_on(append_until_killed(Path::new(&folder), &round));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut promised = Promised::default();
    for round in 0..ROUNDS {
        // Early, late, and in between: some rounds end before the first memtable is written, some after.
        kill_after(folder.path(), round, 1 + round * round * 7, &mut promised);
        runtime.block_on(check(folder.path(), &promised));
    }
    println!(
        "killed {ROUNDS} times: all of {} acknowledged records are there, once and in order",
        promised.records.len()
    );
}

/// What the killed processes were told is durable.
#[derive(Default)]
struct Promised {
    records: BTreeSet<String>,
    committed: BTreeMap<i32, i64>,
}

/// Appends from several producers and commits as a group, and prints each acknowledgement once it has it.
async fn append_until_killed(folder: &Path, round: &str) {
    let bus = Embedded::open(folder, config()).unwrap();
    let mut tasks = JoinSet::new();
    for producer in 0..PRODUCERS {
        let (bus, key) = (bus.clone(), format!("{round}-{producer}"));
        tasks.spawn(async move {
            for number in (0..).step_by(BATCH) {
                let values: Vec<String> = (number..number + BATCH).map(|number| format!("{key}:{number}")).collect();
                bus.send(TOPIC, values.iter().map(|value| padded(&key, value)).collect()).await.unwrap();
                say(&format!("sent {}", values.join(" ")));
            }
        });
    }
    let mut copier = bus.source(in_group(COPY)).unwrap();
    tasks.spawn(async move {
        loop {
            let batch = copier.next_batch(30, Duration::from_secs(1)).await.unwrap();
            let mut checkpoint = Checkpoint::default();
            checkpoint.try_advance(&batch).unwrap();
            let copies = batch.messages.into_iter().map(|message| message.record).collect();
            copier.send_and_commit(vec![(COPY.into(), copies)], &checkpoint).await.unwrap();
        }
    });
    tasks.spawn(async move {
        let mut source = bus.source(in_group("g")).unwrap();
        loop {
            let batch = source.next_batch(50, Duration::from_secs(1)).await.unwrap();
            let mut checkpoint = Checkpoint::default();
            checkpoint.try_advance(&batch).unwrap();
            source.commit(&checkpoint).await.unwrap();
            for (_, partition, next) in checkpoint.iter() {
                say(&format!("committed {partition} {next}"));
            }
        }
    });
    tasks.join_all().await;
}

fn kill_after(folder: &Path, round: usize, lines: usize, promised: &mut Promised) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(CHILD_FOLDER, folder)
        .env(CHILD_ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let before: Vec<String> = output.by_ref().take(lines).map(Result::unwrap).collect();
    assert_eq!(before.len(), lines, "the process ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had printed when it was killed was promised as well, but for a line that was cut.
    let rest = output.map_while(Result::ok);
    for line in before.into_iter().chain(rest) {
        let Some(line) = line.strip_suffix(" .") else { continue };
        match line.split_once(' ').unwrap() {
            ("sent", values) => promised.records.extend(values.split(' ').map(str::to_owned)),
            ("committed", place) => {
                let (partition, next) = place.split_once(' ').unwrap();
                promised.committed.insert(partition.parse().unwrap(), next.parse().unwrap());
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn check(folder: &Path, promised: &Promised) {
    let bus = Embedded::open(folder, config()).unwrap();
    let mut source = bus.source(all(TOPIC)).unwrap();
    let mut values = BTreeSet::new();
    let mut next_offset: BTreeMap<i32, i64> = BTreeMap::new();
    let mut next_number: BTreeMap<String, usize> = BTreeMap::new();
    let mut missing = promised.records.clone();
    loop {
        let batch = source.next_batch(1000, Duration::ZERO).await.unwrap();
        if batch.messages.is_empty() {
            break;
        }
        for message in batch.messages {
            let expect = next_offset.entry(message.partition).or_default();
            assert_eq!(message.offset, *expect, "offsets have no gaps");
            *expect += 1;
            let value = std::str::from_utf8(&message.record.value).unwrap().trim_end();
            let (key, number) = value.split_once(':').unwrap();
            let expect = next_number.entry(key.to_owned()).or_default();
            assert_eq!(number.parse(), Ok(*expect), "records of {key} are once and in order");
            *expect += 1;
            missing.remove(value);
            values.insert(value.to_owned());
        }
    }
    assert!(missing.is_empty(), "{} acknowledged records are lost, {:?} first", missing.len(), missing.first());
    check_copies(&bus, values).await;
    let mut group = bus.source(in_group("g")).unwrap();
    loop {
        let batch = group.next_batch(1000, Duration::ZERO).await.unwrap();
        if batch.messages.is_empty() {
            break;
        }
        for message in batch.messages {
            let committed = promised.committed.get(&message.partition).copied().unwrap_or(0);
            assert!(message.offset >= committed, "offset {} was committed, it came again", message.offset);
        }
    }
}

/// What the copying group has not committed is not copied, and the rest is, once.
async fn check_copies(bus: &Embedded, mut values: BTreeSet<String>) {
    let mut copier = bus.source(in_group(COPY)).unwrap();
    let uncopied = copier.lag().await.unwrap() as usize;
    let mut copies = bus.source(all(COPY)).unwrap();
    loop {
        let batch = copies.next_batch(1000, Duration::ZERO).await.unwrap();
        if batch.messages.is_empty() {
            break;
        }
        for message in batch.messages {
            let value = std::str::from_utf8(&message.record.value).unwrap().trim_end();
            assert!(values.remove(value), "{value} was copied twice");
        }
    }
    assert_eq!(values.len(), uncopied, "copies and offsets moved together");
}

fn all(topic: &str) -> Subscription {
    Subscription { topics: vec![topic.into()], start: Start::Checkpoint(Checkpoint::default()) }
}

fn padded(key: &str, value: &str) -> Record {
    Record { key: Some(Bytes::from(key.to_owned())), value: Bytes::from(format!("{value:<1500}")), headers: Vec::new() }
}

fn in_group(group: &str) -> Subscription {
    Subscription { topics: vec![TOPIC.into()], start: Start::Group(group.into()) }
}

fn config() -> EmbeddedConfig {
    EmbeddedConfig { reserve_bytes: 0, ..EmbeddedConfig::default() }
}

/// The dot says that the line is whole.
fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(format!("{line} .\n").as_bytes()).unwrap();
    stdout.flush().unwrap();
}
