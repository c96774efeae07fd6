//! `lapwing tail`: events as they become searchable, until interrupted.

use std::io::{Write, stdout};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::args::Tail;
use crate::client::{Client, explain};
use crate::render::line;

/// An event of the stream is at most this long.
const MAX_EVENT: usize = 4 << 20;

/// Follows the server's stream of events.
pub async fn run(arguments: Tail) -> Result<()> {
    let client = Client::new(&arguments.server)?;
    let mut response =
        client.get("/v1/tail", &[("q", &arguments.query)]).send().await.with_context(|| client.unreachable())?;
    let status = response.status();
    if !status.is_success() {
        bail!("{}", explain(status, &response.bytes().await.unwrap_or_default()));
    }
    let mut pending = Vec::new();
    while let Some(chunk) = response.chunk().await.context("the stream broke off; the server may have stopped")? {
        pending.extend_from_slice(&chunk);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let text: Vec<u8> = pending.drain(..=end).collect();
            print(&text, arguments.json)?;
        }
        if pending.len() > MAX_EVENT {
            bail!("the stream has a line of more than {MAX_EVENT} bytes; is this a Lapwing server?");
        }
    }
    bail!("the server ended the stream")
}

/// Prints the event of a `data:` line of server-sent events; other lines carry no event.
fn print(text: &[u8], json: bool) -> Result<()> {
    let Some(data) = text.strip_prefix(b"data:") else { return Ok(()) };
    let Ok(event) = serde_json::from_slice::<Value>(data) else { return Ok(()) };
    match json {
        true => writeln!(stdout(), "{event}")?,
        false => writeln!(stdout(), "{}", line(&event))?,
    }
    Ok(())
}
