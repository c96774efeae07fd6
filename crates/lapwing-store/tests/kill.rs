//! A store that is killed at any moment loses nothing that its position covers and stores nothing twice.
//!
//! Without a harness: the same program is the parent, which kills and looks, and the child, which appends.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use lapwing_event::SanitizedEvent;
use lapwing_store::{Store, StoreConfig};
use support::*;

const ROUNDS: u64 = 15;
const BATCH: u64 = 20;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    match std::env::var_os("LAPWING_KILL_TEST_DIR") {
        Some(dir) => runtime.block_on(append_forever(Path::new(&dir))),
        None => runtime.block_on(kill_and_look()),
    }
}

/// Event `n` of the endless source: most of today, some of the days before, so that rounds of commits touch
/// several partitions.
fn nth(n: u64) -> SanitizedEvent {
    let days = if n.is_multiple_of(5) { (n / 5 % 4) as i64 } else { 0 };
    sealed(event(n, NOW - days * DAY))
}

fn open_quick(dir: &Path) -> std::sync::Arc<Store> {
    let quick = StoreConfig { commit_interval_ms: 5, ..config() };
    Store::open(dir, quick, &mut Default::default()).unwrap()
}

/// The child: reads on from the durable position, and says so after each batch.
async fn append_forever(dir: &Path) {
    let store = open_quick(dir);
    let mut stdout = std::io::stdout();
    let mut next: u64 = store.position().map_or(0, |position| position.parse().unwrap());
    loop {
        let events = (next..next + BATCH).map(nth).collect();
        next += BATCH;
        store.append(events, next.to_string()).await.unwrap();
        writeln!(stdout, "{next}").unwrap();
    }
}

async fn kill_and_look() {
    let dir = tempfile::tempdir().unwrap();
    let mut last_position = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env("LAPWING_KILL_TEST_DIR", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Open until it is dead: a child that cannot say how far it is would panic, and close its store in order.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // After a number of batches that differs from round to round.
        let enough = 1 + round * 37 % 50;
        assert_eq!(lines.by_ref().take(enough as usize).filter(Result::is_ok).count(), enough as usize);
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        assert_eq!(ended.code(), None, "the child ended by itself and was not killed");
        drop(lines);

        let store = open_quick(dir.path());
        let position = store.position().map_or(0, |position| position.parse().unwrap());
        assert!(position >= last_position, "the position went back from {last_position} to {position}");
        last_position = position;
        check(&store, position).await;
        store.close().await.unwrap();
    }
    assert!(last_position > 0, "nothing was ever durable");
}

async fn check(store: &Store, position: u64) {
    let mut seen: HashMap<String, u64> = HashMap::new();
    for hit in pages(store, &scope(), &ever("")).await {
        *seen.entry(decoded(&hit).id.to_string()).or_default() += 1;
    }
    assert!(seen.values().all(|times| *times == 1), "an event is stored twice");
    let lost = (0..position).filter(|n| !seen.contains_key(&nth(*n).id.to_string())).count();
    assert_eq!(lost, 0, "of {position} events that the position covers");
}
