//! `lapwing emit --follow`: every line once, through kills, rotation and an absent server.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{LAPWING, Server};

struct Follower(Child);

impl Follower {
    fn start(files: &[&Path], url: &str) -> Self {
        let mut command = Command::new(LAPWING);
        command
            .args(["emit", "--follow", "--service", "shop", "--url", url])
            .args(files)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// SIGTERM: what it printed, and what it complained of.
    fn terminate(mut self) -> (String, String) {
        assert!(Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap().success());
        let (mut printed, mut complained) = (String::new(), String::new());
        self.0.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        self.0.stderr.take().unwrap().read_to_string(&mut complained).unwrap();
        assert!(self.0.wait().unwrap().success(), "{complained}");
        (printed, complained)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn append(path: &Path, numbers: std::ops::Range<usize>) {
    let lines: String = numbers.map(|number| format!("{{\"prompt\":\"followed\",\"number\":{number}}}\n")).collect();
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(lines.as_bytes()).unwrap();
}

fn numbers(events: &[Value]) -> Vec<u64> {
    let mut numbers: Vec<u64> = events.iter().map(|event| event["attrs"]["number"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_stored_once_through_kills_and_rotation() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("app.log");
    append(&log, 0..100);
    let follower = Follower::start(&[&log], "http://127.0.0.1:9");
    let server = Server::up(dir.path());
    follower.kill();

    // Killed at other moments of reading, sending and acknowledging.
    let mut written = 100;
    for round in 0..4 {
        let follower = Follower::start(&[&log], &server.url);
        append(&log, written..written + 50);
        written += 50;
        server.find("followed", written - 40 * (round % 2)).await;
        append(&log, written..written + 50);
        written += 50;
        follower.kill();
    }
    fs::rename(&log, dir.path().join("app.log.1")).unwrap();
    append(&log, written..written + 50);
    written += 50;
    let follower = Follower::start(&[&log], &server.url);
    server.find("followed", written).await;
    append(&log, written..written + 50);
    written += 50;
    let (printed, complained) = follower.terminate();
    assert!(printed.contains(" taken, 0 refused"), "{printed}{complained}");
    let found = server.find("followed", written).await;
    assert_eq!(numbers(&found), (0..written as u64).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn several_files_are_followed_and_bad_lines_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    let (first, second) = (dir.path().join("first.log"), dir.path().join("second.log"));
    append(&first, 0..2);
    let follower = Follower::start(&[&first, &second], &server.url);
    fs::write(
        &second,
        "{\"prompt\":\"followed\",\"number\":2}\nno json\n{\"kind\":\"alert\",\"service\":{\"name\":\"x\"}}\n",
    )
    .unwrap();
    OpenOptions::new().append(true).open(&first).unwrap().write_all(b"{\"prompt\":\"half").unwrap();
    server.find("followed", 3).await;
    OpenOptions::new().append(true).open(&first).unwrap().write_all(b" a line\"}\n").unwrap();
    server.find("\"half a line\"", 1).await;
    let (printed, complained) = follower.terminate();
    assert!(printed.contains("4 taken, 2 refused"), "{printed}{complained}");
    assert!(complained.contains("second.log:2: $: is not JSON"), "{complained}");
    assert!(complained.contains("second.log:3: alert"), "{complained}");
    let found = server.find("followed", 3).await;
    assert_eq!(numbers(&found), [0, 1, 2]);
    assert!(found.iter().all(|event| event["service"]["name"] == "shop"), "{found:?}");
}
