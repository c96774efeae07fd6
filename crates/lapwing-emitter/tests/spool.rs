//! The spool, with a destination that is away: nothing is lost, and the order is kept.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use lapwing_emitter::{BuildError, DropReason, Emitter, FlushError, Stats};
use lapwing_event::{Content, Kind};
use support::{PATIENCE, Server};

fn emitter(address: SocketAddr, folder: &Path, max_bytes: u64) -> Result<Emitter, BuildError> {
    Emitter::builder()
        .service("app")
        .to_http(&format!("http://{address}"))
        .linger(Duration::from_millis(5))
        .batch(10, 1 << 20)
        .retry_pauses(Duration::from_millis(5), Duration::from_millis(50))
        .spool(folder, max_bytes)
        .build()
}

fn emit(emitter: &Emitter, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let mut event = emitter.event(Kind::Llm);
        event.content = Some(Content { prompt: Some(number.to_string()), ..Content::default() });
        emitter.emit(event);
    }
}

fn wait(emitter: &Emitter, until: impl Fn(&Stats) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !until(&emitter.stats()) {
        assert!(Instant::now() < deadline, "{:?}", emitter.stats());
        std::thread::yield_now();
    }
}

/// The numbers that came, each where it came first: a batch may come twice, with the same ids.
fn came(server: &Server) -> Vec<usize> {
    let mut seen = Vec::new();
    for event in server.events() {
        let number = event["content"]["prompt"].as_str().and_then(|prompt| prompt.parse().ok());
        if let Some(number) = number.filter(|number| !seen.contains(number)) {
            seen.push(number);
        }
    }
    seen
}

/// Where nobody answers for as long as the test runs.
fn nowhere() -> SocketAddr {
    Server::away().1
}

#[test]
fn what_waited_on_disk_comes_in_order_and_new_events_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let (server, address) = Server::away();
    let emitter = emitter(address, folder.path(), 1 << 30).unwrap();
    emit(&emitter, 0..1000);
    wait(&emitter, |stats| stats.spooled == 1000);
    assert!(matches!(emitter.flush(Duration::from_millis(20)), Err(FlushError::Timeout { .. })));
    server.script(503, "", "");
    server.back();
    emit(&emitter, 1000..1100);
    emitter.flush(PATIENCE).unwrap();
    assert_eq!(came(&server), (0..1100).collect::<Vec<_>>());
    let stats = emitter.stats();
    assert_eq!((stats.spooled, stats.dropped(), stats.acknowledged), (0, 0, 1100));
    emit(&emitter, 1100..1101);
    emitter.flush(PATIENCE).unwrap();
    assert_eq!(came(&server).len(), 1101);
}

#[test]
fn what_a_shutdown_leaves_is_sent_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let first = emitter(nowhere(), folder.path(), 1 << 30).unwrap();
    emit(&first, 0..100);
    assert!(matches!(first.shutdown(Duration::from_millis(50)), Err(FlushError::Timeout { .. })));
    assert_eq!(first.stats().dropped(), 0);
    drop(first);

    let server = Server::default();
    let second = emitter(server.listen(), folder.path(), 1 << 30).unwrap();
    emit(&second, 100..110);
    second.flush(PATIENCE).unwrap();
    assert_eq!(came(&server), (0..110).collect::<Vec<_>>());
}

/// A copy of the folder is what a process that was killed leaves behind, with the last batch half written.
#[test]
fn what_a_crash_leaves_is_sent_by_the_next_start() {
    let (folder, left) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let running = emitter(nowhere(), folder.path(), 1 << 30).unwrap();
    emit(&running, 0..100);
    wait(&running, |stats| stats.spooled == 100);
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mut bytes = fs::read(entry.path()).unwrap();
        if !bytes.is_empty() {
            bytes.extend_from_slice(&[200, 0, 0, 0, 1, 2, 3, 4, b'{']);
        }
        fs::write(left.path().join(entry.file_name()), bytes).unwrap();
    }
    let server = Server::default();
    let next = emitter(server.listen(), left.path(), 1 << 30).unwrap();
    emit(&next, 100..101);
    next.flush(PATIENCE).unwrap();
    assert_eq!(came(&server), (0..101).collect::<Vec<_>>());
}

#[test]
fn a_full_spool_keeps_the_oldest_and_counts_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let (server, address) = Server::away();
    let emitter = emitter(address, folder.path(), 20_000).unwrap();
    emit(&emitter, 0..1000);
    wait(&emitter, |stats| stats.spooled as u64 + stats.dropped_for(DropReason::Spool) == 1000);
    let kept = emitter.stats().spooled;
    assert!((10..100).contains(&kept), "{kept}");
    server.back();
    assert_eq!(emitter.flush(PATIENCE), Err(FlushError::Dropped { events: 1000 - kept as u64 }));
    assert_eq!(came(&server), (0..kept).collect::<Vec<_>>());
}

/// A destination that takes the connection and says nothing: the attempt lasts, and the queue is emptied meanwhile.
#[test]
fn while_the_destination_is_silent_the_queue_goes_to_disk_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::default();
    let silence = server.silence();
    let address = server.listen();
    let emitter = Emitter::builder()
        .service("app")
        .to_http(&format!("http://{address}"))
        .linger(Duration::from_millis(1))
        .batch(10, 1 << 20)
        .queue_capacity(100)
        .spool(folder.path(), 1 << 30)
        .build()
        .unwrap();
    emit(&emitter, 0..1);
    server.wait(|state| (state.requests == 1).then_some(()));
    for hundred in 0..10 {
        let numbers = 1 + 40 * hundred..1 + 40 * (hundred + 1);
        emit(&emitter, numbers);
        wait(&emitter, |stats| stats.queued < 50);
    }
    assert_eq!(emitter.stats().dropped(), 0);
    assert!(emitter.stats().spooled >= 300, "{:?}", emitter.stats());
    drop(silence);
    emitter.flush(PATIENCE).unwrap();
    assert_eq!(came(&server), (0..401).collect::<Vec<_>>());
    let stats = emitter.stats();
    assert_eq!((stats.acknowledged, stats.spooled, stats.dropped()), (401, 0, 0));
}

#[test]
fn a_disk_that_fails_costs_what_it_cannot_hold_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    let (server, address) = Server::away();
    let emitter = emitter(address, &path, 1 << 30).unwrap();
    fs::remove_dir_all(&path).unwrap();
    emit(&emitter, 0..10);
    wait(&emitter, |stats| stats.dropped_for(DropReason::Spool) == 10);
    fs::create_dir(&path).unwrap();
    emit(&emitter, 10..20);
    wait(&emitter, |stats| stats.spooled == 10);
    server.back();
    assert_eq!(emitter.flush(PATIENCE), Err(FlushError::Dropped { events: 10 }));
    assert_eq!(came(&server), (10..20).collect::<Vec<_>>());
}

#[test]
fn a_folder_that_is_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = emitter(nowhere(), folder.path(), 1 << 20).unwrap();
    assert!(matches!(emitter(nowhere(), folder.path(), 1 << 20), Err(BuildError::Spool(_))));
}
