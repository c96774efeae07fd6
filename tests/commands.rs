//! The commands, as a person uses them.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{LAPWING, Server, lapwing};

#[tokio::test(flavor = "multi_thread")]
async fn emit_sends_a_file_and_names_the_lines_that_were_refused() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    let file = dir.path().join("app.jsonl");
    std::fs::write(
        &file,
        "{\"prompt\":\"first\"}\n\n{\"prompt\":\"second\",\"latency_ms\":\"slow\"}\n{\"prompt\":\"third\"}\n",
    )
    .unwrap();
    let output = lapwing(&["emit", file.to_str().unwrap(), "--url", &server.url], &[]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success(), "a refusal shows in the exit code");
    assert!(printed.contains("2 taken, 1 refused"), "{printed}");
    assert!(printed.contains("line 3: latency_ms: is not a number"), "{printed}");
    server.find("first OR third", 2).await;

    let output = lapwing(&["search", "first", "--url", &server.url], &[]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && printed.lines().count() == 1 && printed.contains("first"), "{printed}");
    let output = lapwing(&["search", "third", "--json", "--url", &server.url], &[]);
    let event: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(event["content"]["prompt"], "third");
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_shows_what_comes_in_after_it_began() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    server.send(&json!({"prompt": "earlier"})).await;
    server.find("earlier", 1).await;
    let mut tail = Command::new(LAPWING)
        .args(["tail", "kind:llm", "--json", "--url", &server.url])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
    // The stream may begin a moment after the process; something new is sent until the first line comes.
    let seen = crate::support::wait_for(async || {
        server.send(&json!({"prompt": "later"})).await;
        told.recv_timeout(std::time::Duration::from_millis(200)).ok()
    });
    let event: Value = serde_json::from_str(&seen.await.unwrap()).unwrap();
    tail.kill().unwrap();
    tail.wait().unwrap();
    assert_eq!(event["content"]["prompt"], "later");
}

#[test]
fn without_a_server_a_command_says_what_to_do() {
    for command in [&["search", "x"][..], &["tail"], &["health"], &["demo"]] {
        let output = lapwing(&[command, &["--url", "http://127.0.0.1:9"]].concat(), &[]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains("lapwing up"), "{command:?}: {error}");
    }
}

#[test]
fn every_fault_of_the_configuration_is_reported_at_once() {
    let faults = [("LAPWING__SERVER__LISTEN", "here"), ("LAPWING__BUS__KIND", "pigeon"), ("LAPWING__COLOUR", "red")];
    let output = lapwing(&["check"], &faults);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    for part in ["3 fault(s)", "server.listen", "bus.kind", "colour"] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
}

#[test]
fn the_published_schema_is_what_the_command_prints() {
    let output = lapwing(&["schema"], &[]);
    let published = crate::support::repository().join("crates/lapwing-event/schema/event-1.0.json");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), std::fs::read_to_string(published).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stores_files_are_looked_after() {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("data/index");
    let store = |action: &str| lapwing(&["store", action, "--json", "--dir", index.to_str().unwrap()], &[]);
    assert!(String::from_utf8(store("stats").stderr).unwrap().contains("there is no store in"));

    let server = Server::up(dir.path());
    server.send(&json!({"prompt": "first"})).await;
    server.find("first", 1).await;
    let stats: Value = serde_json::from_slice(&store("stats").stdout).unwrap();
    // The searches are on record too, when they come to it.
    assert!(stats["events"].as_u64().unwrap() >= 1, "{stats}");
    assert_eq!(stats["partitions"][0]["root"], Value::Null);
    assert!(stats["input_bytes"].as_u64().unwrap() > 100 && stats["oldest"].is_string());
    assert!(store("verify").status.success(), "beside a server");
    let refused = store("compact");
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && error.contains("stop the server"), "{error}");
    server.terminate();

    let forgotten = store("forget-position");
    assert!(forgotten.status.success(), "{}", String::from_utf8_lossy(&forgotten.stderr));
    let server = Server::up(dir.path());
    server.send(&json!({"prompt": "second"})).await;
    server.find("second", 1).await;
    assert_eq!(server.search("first").await.len(), 1, "what is read again is not stored again");
    server.terminate();

    let compacted = store("compact");
    assert!(compacted.status.success(), "{}", String::from_utf8_lossy(&compacted.stderr));
    let sealed: Value = serde_json::from_slice(&compacted.stdout).unwrap();
    assert_eq!(sealed["partitions"][0]["root"].as_str().unwrap().len(), 64);

    let name = sealed["partitions"][0]["partition"].as_str().unwrap();
    let files = std::fs::read_dir(index.join("partitions").join(name)).unwrap().map(|entry| entry.unwrap().path());
    let damaged = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "store")).unwrap();
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[3] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    let table = lapwing(&["store", "verify", "--dir", index.to_str().unwrap()], &[]);
    let (printed, error) = (String::from_utf8(table.stdout).unwrap(), String::from_utf8(table.stderr).unwrap());
    let file = damaged.file_name().unwrap().to_str().unwrap();
    assert!(!table.status.success() && printed.contains(file) && error.contains(name), "{printed}{error}");
}
