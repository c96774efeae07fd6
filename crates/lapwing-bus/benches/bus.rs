//! How fast the embedded bus is on this disk: records of 1.5 KB, each append waiting for the disk.
//!
//! `cargo bench -p lapwing-bus` prints records a second. Not by criterion, whose samples of a few milliseconds hide
//! what an fsync and a flush of the storage engine cost.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use lapwing_bus::embedded::{Embedded, EmbeddedConfig};
use lapwing_bus::{Checkpoint, Record, Sink, Source, Start, Subscription};
use tokio::task::JoinSet;

const RECORD_BYTES: usize = 1500;
const APPEND_FOR: Duration = Duration::from_secs(3);

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (batch, senders) in [(1, 1), (1, 64), (100, 1), (100, 8), (1000, 1), (1000, 8)] {
        runtime.block_on(append(batch, senders));
    }
    runtime.block_on(read(300_000));
}

async fn append(batch: usize, senders: usize) {
    let folder = tempfile::tempdir().unwrap();
    let bus = Embedded::open(folder.path(), EmbeddedConfig::default()).unwrap();
    let (started, mut tasks) = (Instant::now(), JoinSet::new());
    for sender in 0..senders {
        let bus = bus.clone();
        tasks.spawn(async move {
            let mut slowest = Duration::ZERO;
            let mut sends = 0;
            while started.elapsed() < APPEND_FOR {
                let sent = Instant::now();
                bus.send("t", records(sender, sends * batch, batch)).await.unwrap();
                slowest = slowest.max(sent.elapsed());
                sends += 1;
            }
            (sends * batch, slowest)
        });
    }
    let done = tasks.join_all().await;
    let rate = done.iter().map(|(records, _)| records).sum::<usize>() as f64 / started.elapsed().as_secs_f64();
    let slowest = done.iter().map(|(_, slowest)| *slowest).max().unwrap_or_default();
    println!(
        "append  {senders:>3} senders, batches of {batch:>4}: {rate:>9.0} records/s, slowest acknowledgement {slowest:.1?}"
    );
}

async fn read(count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let bus = Embedded::open(folder.path(), EmbeddedConfig::default()).unwrap();
    for first in (0..count).step_by(1000) {
        bus.send("t", records(0, first, 1000)).await.unwrap();
    }
    for max in [100, 1000] {
        let start = Start::Checkpoint(Checkpoint::default());
        let mut source = bus.source(Subscription { topics: vec!["t".into()], start }).unwrap();
        let (started, mut done) = (Instant::now(), 0);
        while done < count {
            done += source.next_batch(max, Duration::from_secs(1)).await.unwrap().messages.len();
        }
        println!("read    batches of {max:>4}: {:>9.0} records/s", done as f64 / started.elapsed().as_secs_f64());
    }
}

/// Content that does not compress to nothing, on many keys.
fn records(sender: usize, first: usize, count: usize) -> Vec<Record> {
    let mut state = (sender * 1_000_003 + first) as u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b'a' + (state >> 59) as u8 % 26
    };
    let record = |number: usize| Record {
        key: Some(format!("session-{}", number % 500).into()),
        value: Bytes::from_iter(std::iter::repeat_with(&mut byte).take(RECORD_BYTES)),
        headers: vec![("ce_type".into(), Bytes::from_static(b"ai.event.v1"))],
    };
    (first..first + count).map(record).collect()
}
