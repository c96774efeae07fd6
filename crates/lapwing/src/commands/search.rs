//! `lapwing search`: hits, newest first.

use std::io::{Write, stdout};

use anyhow::{Context, Result};
use lapwing_event::Event;
use serde::Deserialize;
use serde_json::Value;

use crate::args::Search;
use crate::client::Client;
use crate::render::line;

/// Searches and prints, page by page until the limit.
pub async fn run(arguments: Search) -> Result<()> {
    let client = Client::new(&arguments.server)?;
    let mut cursor: Option<String> = None;
    let mut shown = 0;
    while shown < arguments.limit {
        let size = (arguments.limit - shown).min(PAGE).to_string();
        let mut query = vec![("q", arguments.query.as_str()), ("from", &arguments.from), ("size", &size)];
        query.extend(arguments.to.as_deref().map(|to| ("to", to)));
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = client.json("/v1/search", &query).await?;
        let hits = page.get("hits").and_then(Value::as_array).context("the answer has no hits")?;
        let mut out = stdout().lock();
        for event in hits.iter().filter_map(|hit| hit.get("event")) {
            match (arguments.json, arguments.ocsf) {
                (true, _) => writeln!(out, "{event}")?,
                (_, true) => {
                    let finding = Event::deserialize(event).ok().and_then(|event| lapwing_detector::ocsf(&event));
                    finding.map_or(Ok(()), |finding| writeln!(out, "{finding}"))?;
                }
                _ => writeln!(out, "{}", line(event))?,
            }
        }
        shown += hits.len();
        cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() || hits.is_empty() {
            break;
        }
    }
    if shown == 0 && !arguments.json && !arguments.ocsf {
        writeln!(stdout(), "nothing found since {}; --from now-7d looks further back", arguments.from)?;
    }
    Ok(())
}

/// How many hits are asked for at once.
const PAGE: usize = 100;
