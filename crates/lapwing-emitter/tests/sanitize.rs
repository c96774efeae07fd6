//! With a sanitizer of its own, nothing personal leaves the process: not to the destination, not to the spool.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lapwing_emitter::Emitter;
use lapwing_sanitizer::{KeyRing, Sanitizer, SanitizerConfig};
use support::{PATIENCE, Server};

#[test]
fn what_is_masked_is_masked_on_the_wire_and_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let sanitizer = Sanitizer::new(&SanitizerConfig::default(), KeyRing::generate([7; 32])).unwrap();
    let (server, address) = Server::away();
    let builder = Emitter::builder().service("app").to_http(&format!("http://{address}")).sanitize(Arc::new(sanitizer));
    let builder = builder.spool(folder.path(), 1 << 20).linger(Duration::from_millis(5));
    let emitter = builder.retry_pauses(Duration::from_millis(5), Duration::from_millis(50)).build().unwrap();
    drop(emitter.interaction().prompt("write to jane.doe@example.com"));
    let deadline = Instant::now() + PATIENCE;
    while emitter.stats().spooled == 0 {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    for entry in fs::read_dir(folder.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("jane.doe"));
    }
    server.back();
    emitter.flush(PATIENCE).unwrap();
    let event = &server.events()[0];
    let prompt = event["content"]["prompt"].as_str().unwrap();
    assert!(prompt.starts_with("write to ") && !prompt.contains("jane"), "{prompt}");
    assert_eq!(event["sanitization"]["total"], 1);
}
