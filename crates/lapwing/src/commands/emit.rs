//! `lapwing emit`: JSON objects from a file or standard input to a server, in batches, with the server's word on each.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read, Write, stdout};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::StatusCode;
use serde_json::{Map, Value, json};

use super::follow;
use crate::args::Emit;
use crate::client::{Client, explain};

/// A batch holds at most this many items.
const MAX_ITEMS: usize = 1000;
/// A batch holds about this many bytes.
const MAX_BYTES: usize = 4 << 20;
/// A line is at most this long; the server refuses longer ones anyway.
const MAX_LINE: u64 = 8 << 20;
/// How often a batch is tried while the server has no room.
const TRIES: u32 = 8;

/// Sends the file, and says how many were taken and why others were not.
pub async fn run(arguments: Emit) -> Result<()> {
    let client = Client::new(&arguments.server)?;
    if arguments.follow {
        return follow::run(client, &arguments.files, arguments.service).await;
    }
    if arguments.files.len() > 1 {
        bail!("one file is sent at a time; --follow takes several");
    }
    let file = arguments.files.into_iter().next().filter(|path| path != Path::new("-"));
    let (reader, size): (Box<dyn Read>, Option<u64>) = match &file {
        Some(path) => {
            let file = std::fs::File::open(path).with_context(|| format!("open {}", path.display()))?;
            let size = file.metadata().ok().map(|metadata| metadata.len());
            (Box::new(file), size)
        }
        None => (Box::new(std::io::stdin()), None),
    };
    let progress = progress(size);
    let mut sender = Sender { client, progress, taken: 0, refused: Vec::new(), refused_count: 0 };
    let mut items = Items::new(BufReader::new(reader));
    let mut batch = Vec::new();
    let mut bytes = 0;
    while let Some((line, item)) = items.next()? {
        let item = with_service(&item, arguments.service.as_deref()).into_owned();
        bytes += item.len() + 1;
        batch.push((line, item));
        if batch.len() >= MAX_ITEMS || bytes >= MAX_BYTES {
            sender.send(std::mem::take(&mut batch), std::mem::take(&mut bytes)).await?;
        }
    }
    if !batch.is_empty() {
        sender.send(batch, bytes).await?;
    }
    sender.finish()
}

/// The item with this service, if it is an object that names none.
pub fn with_service<'a>(item: &'a str, service: Option<&str>) -> Cow<'a, str> {
    let fields = service.and_then(|_| serde_json::from_str::<Map<String, Value>>(item).ok());
    let (Some(service), Some(mut fields)) = (service, fields) else { return Cow::Borrowed(item) };
    if fields.keys().any(|key| key.eq_ignore_ascii_case("service") || key.eq_ignore_ascii_case("service_name")) {
        return Cow::Borrowed(item);
    }
    let is_of_schema = fields.contains_key("kind") || fields.contains_key("schema_version");
    let named = if is_of_schema { json!({"name": service}) } else { json!(service) };
    fields.insert("service".to_owned(), named);
    Cow::Owned(Value::Object(fields).to_string())
}

fn progress(size: Option<u64>) -> ProgressBar {
    let (bar, template) = match size {
        Some(size) => (ProgressBar::new(size), "{bar:40} {bytes}/{total_bytes} {binary_bytes_per_sec} {msg}"),
        None => (ProgressBar::no_length(), "{spinner} {bytes} {binary_bytes_per_sec} {msg}"),
    };
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Items with the line each begins on: one object a line, or one array of objects.
struct Items<R> {
    reader: R,
    line: u64,
    array: std::vec::IntoIter<Value>,
}

impl<R: BufRead> Items<R> {
    fn new(reader: R) -> Self {
        Self { reader, line: 0, array: Vec::new().into_iter() }
    }

    fn next(&mut self) -> Result<Option<(u64, String)>> {
        loop {
            if let Some(item) = self.array.next() {
                return Ok(Some((self.line, item.to_string())));
            }
            let mut text = Vec::new();
            self.line += 1;
            if self.reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut text).context("read the input")? == 0 {
                return Ok(None);
            }
            let text = String::from_utf8_lossy(&text).trim().to_owned();
            if self.line == 1 && text.starts_with('[') {
                let mut rest = text;
                self.reader.read_to_string(&mut rest).context("read the array")?;
                let array: Vec<Value> =
                    serde_json::from_str(&rest).context("the input begins like an array of JSON, but is none")?;
                self.array = array.into_iter();
            } else if !text.is_empty() {
                return Ok(Some((self.line, text)));
            }
        }
    }
}

struct Sender {
    client: Client,
    progress: ProgressBar,
    taken: u64,
    refused: Vec<String>,
    refused_count: u64,
}

/// How many refusals are shown in full.
const SHOWN: usize = 20;

impl Sender {
    async fn send(&mut self, batch: Vec<(u64, String)>, bytes: usize) -> Result<()> {
        let lines: Vec<&str> = batch.iter().map(|(_, item)| item.as_str()).collect();
        let answer = self.post(&lines.join("\n")).await?;
        self.taken += answer.get("accepted").and_then(Value::as_u64).unwrap_or(0);
        for item in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
            let text = |key| item.get(key).and_then(Value::as_str).unwrap_or_default();
            let index = item.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
            if item.get("status").and_then(Value::as_u64).is_some_and(|status| status >= 400) {
                let line = index.and_then(|index| batch.get(index)).map_or(0, |(line, _)| *line);
                self.refused_count += 1;
                if self.refused.len() < SHOWN {
                    self.refused.push(format!("line {line}: {}: {}", text("field"), text("reason")));
                }
            }
        }
        self.progress.inc(bytes as u64);
        self.progress.set_message(format!("{} taken, {} refused", self.taken, self.refused_count));
        Ok(())
    }

    /// Posts until the server answers; one that has no room is given time.
    async fn post(&self, lines: &str) -> Result<Value> {
        for attempt in 1..=TRIES {
            let request = self.client.post_lines("/v1/events", lines.to_owned()).timeout(Duration::from_secs(60));
            let response = request.send().await.with_context(|| self.client.unreachable())?;
            let status = response.status();
            let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            let body = response.bytes().await.context("read the answer")?;
            match status {
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS if attempt < TRIES => {
                    tokio::time::sleep(Duration::from_secs(after.unwrap_or(1))).await;
                }
                _ => match serde_json::from_slice::<Value>(&body) {
                    Ok(answer) if answer.get("items").is_some() => return Ok(answer),
                    _ => bail!("{}", explain(status, &body)),
                },
            }
        }
        bail!("the server had no room for a batch, {TRIES} times; what was taken is stored, the rest was not sent")
    }

    fn finish(self) -> Result<()> {
        self.progress.finish_and_clear();
        let mut out = stdout().lock();
        writeln!(out, "{} taken, {} refused", self.taken, self.refused_count)?;
        for refusal in &self.refused {
            writeln!(out, "  {refusal}")?;
        }
        match self.refused_count {
            0 => Ok(()),
            more if more > SHOWN as u64 => bail!("{more} items were refused, the first {SHOWN} are shown"),
            some => bail!("{some} items were refused"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn items(text: &str) -> Vec<(u64, String)> {
        let mut items = Items::new(text.as_bytes());
        std::iter::from_fn(|| items.next().unwrap()).collect()
    }

    #[test]
    fn reads_lines_and_arrays() {
        let lines = items("{\"a\":1}\n\n  {\"b\":2}\nnot json");
        assert_eq!(lines, [(1, "{\"a\":1}".to_owned()), (3, "{\"b\":2}".to_owned()), (4, "not json".to_owned())]);
        assert_eq!(items("[{\"a\":1},\n 2]").len(), 2);
        assert!(items("").is_empty());
    }

    #[test]
    fn what_names_no_service_is_given_one() {
        let check = |item: &str, expect: &str| assert_eq!(with_service(item, Some("shop")), expect, "{item}");
        check(r#"{"prompt":"p"}"#, r#"{"prompt":"p","service":"shop"}"#);
        check(r#"{"kind":"llm"}"#, r#"{"kind":"llm","service":{"name":"shop"}}"#);
        for same in [r#"{"Service": "x"}"#, r#"{"service_name": "x"}"#, "[1]", "no json"] {
            check(same, same);
        }
        assert_eq!(with_service("{}", None), "{}");
    }

    #[test]
    fn a_broken_array_is_named() {
        assert!(Items::new("[{".as_bytes()).next().unwrap_err().to_string().contains("array"));
    }
}
