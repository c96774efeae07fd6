//! `lapwing emit --follow`: sends what applications write to their files, as an agent would.
//!
//! A place in a file moves only when the server has acknowledged what stands before it. After `kill -9` some lines
//! are sent again; their events have ids that follow from the file and the line's offset, and are stored once.

mod place;
mod tail;

use std::future::Future;
use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lapwing_event::{Arrival, Event, Rejection, TenantId, encode, map_item};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use self::tail::{Line, Lines, Tail};
use super::emit::with_service;
use crate::client::{Client, explain};
use crate::clock;

/// How often files are looked at that had nothing new.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// The pauses between attempts: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A request holds at most so many events, and about so many bytes.
const MAX_EVENTS: usize = 5000;
const MAX_BYTES: usize = 8 << 20;

/// Follows the files until SIGTERM or Ctrl-C; then sends what there is, and ends.
pub async fn run(client: Client, files: &[PathBuf], service: Option<String>) -> Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let asked = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let stop = Stop { asked: Box::pin(asked), is_asked: false };
    let tails = files.iter().map(|path| Tail::new(path)).collect();
    let mut follower = Follower { client, service, stop, taken: 0, refused: 0, fault: None };
    follower.follow(tails).await?;
    writeln!(stdout(), "{} taken, {} refused", follower.taken, follower.refused).context("print")
}

/// Knows whether somebody asked it to stop.
struct Stop {
    asked: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_asked: bool,
}

impl Stop {
    /// Waits for so long, or until it is asked to stop.
    async fn within(&mut self, pause: Duration) {
        if self.is_asked {
            return;
        }
        tokio::select! {
            () = &mut self.asked => self.is_asked = true,
            () = sleep(pause) => {}
        }
    }
}

struct Follower {
    client: Client,
    /// Of the events that name none.
    service: Option<String>,
    stop: Stop,
    taken: u64,
    refused: u64,
    /// What was said last about the server, so that it is said once.
    fault: Option<String>,
}

/// An event on its way, with its line's number.
struct Item {
    line: u64,
    json: Vec<u8>,
}

impl Follower {
    async fn follow(&mut self, mut tails: Vec<Tail>) -> Result<()> {
        loop {
            let last = self.stop.is_asked;
            for tail in &mut tails {
                let read = |tail: &Tail| format!("read {} or write the place in it beside it", tail.path().display());
                while let Some(lines) = tail.next(clock::now(), last).with_context(|| read(tail))? {
                    if !self.deliver(tail, &lines).await? {
                        return Ok(());
                    }
                    tail.acknowledge(&lines).with_context(|| read(tail))?;
                }
            }
            if last {
                return Ok(());
            }
            self.stop.within(LOOK_INTERVAL).await;
        }
    }

    /// Sends the lines until they are acknowledged; not, if it is asked to stop while the server does not answer.
    async fn deliver(&mut self, tail: &Tail, lines: &Lines) -> Result<bool> {
        for number in &lines.too_long {
            self.refuse(tail, *number, "$: line is longer than an event may be")?;
        }
        let mut items = Vec::new();
        for line in &lines.lines {
            match events_of(line, lines, self.service.as_deref()) {
                Ok(events) => items.extend(events.iter().map(|event| Item { line: line.number, json: encode(event) })),
                Err(rejection) => self.refuse(tail, line.number, &rejection.to_string())?,
            }
        }
        let mut rest = items.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(fitting(rest));
            if !self.send(tail, now).await? {
                return Ok(false);
            }
            rest = later;
        }
        Ok(true)
    }

    async fn send(&mut self, tail: &Tail, items: &[Item]) -> Result<bool> {
        let lines: Vec<u8> = items.iter().flat_map(|item| item.json.iter().copied().chain([b'\n'])).collect();
        let lines = String::from_utf8(lines).context("an event is text")?;
        let mut pause = FIRST_PAUSE;
        loop {
            let fault = match self.post(lines.clone()).await {
                Ok(receipt) => {
                    self.fault = None;
                    self.receive(tail, items, &receipt)?;
                    return Ok(true);
                }
                Err(fault) => fault.to_string(),
            };
            if self.fault.as_ref() != Some(&fault) {
                writeln!(stderr(), "lapwing: {fault}; the lines wait")?;
                self.fault = Some(fault);
            }
            self.stop.within(pause).await;
            if self.stop.is_asked {
                return Ok(false);
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    async fn post(&self, lines: String) -> Result<Value> {
        let request = self.client.post_lines("/v1/events", lines).timeout(Duration::from_secs(60));
        let response = request.send().await.with_context(|| self.client.unreachable())?;
        let status = response.status();
        let body = response.bytes().await.context("read the answer")?;
        match serde_json::from_slice::<Value>(&body) {
            Ok(answer) if answer.get("items").is_some() => Ok(answer),
            _ => bail!("{}", explain(status, &body)),
        }
    }

    fn receive(&mut self, tail: &Tail, items: &[Item], receipt: &Value) -> Result<()> {
        self.taken += receipt.get("accepted").and_then(Value::as_u64).unwrap_or(0);
        for answer in receipt.get("items").and_then(Value::as_array).into_iter().flatten() {
            let text = |key| answer.get(key).and_then(Value::as_str).unwrap_or_default();
            let index = answer.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
            if answer.get("status").and_then(Value::as_u64).is_some_and(|status| status >= 400) {
                let line = index.and_then(|index| items.get(index)).map_or(0, |item| item.line);
                self.refuse(tail, line, &format!("{}: {}", text("field"), text("reason")))?;
            }
        }
        Ok(())
    }

    fn refuse(&mut self, tail: &Tail, line: u64, reason: &str) -> Result<()> {
        self.refused += 1;
        writeln!(stderr(), "{}:{line}: {reason}", tail.path().display()).context("print")
    }
}

/// How many of the items go into one request.
fn fitting(items: &[Item]) -> usize {
    let mut bytes = 0;
    let fits = items.iter().take(MAX_EVENTS).take_while(|item| {
        bytes += item.json.len() + 1;
        bytes <= MAX_BYTES
    });
    fits.count().max(1)
}

/// The line's events, with ids that follow from its place.
fn events_of(line: &Line, lines: &Lines, service: Option<&str>) -> Result<Vec<Event>, Rejection> {
    let mut drawn = 0_u64;
    let mut entropy = |_| {
        drawn += 1;
        let place = format!("{}\n{}\n{drawn}", lines.identity, line.offset);
        let mut bits = [0; 10];
        bits.copy_from_slice(&Sha256::digest(place)[..10]);
        bits
    };
    let arrival = Arrival::new(TenantId::default(), lines.at);
    match std::str::from_utf8(&line.text) {
        Ok(text) => map_item(with_service(text, service).as_bytes(), &arrival, &mut entropy),
        // The mapper says what is wrong with it.
        Err(_) => map_item(&line.text, &arrival, &mut entropy),
    }
}
