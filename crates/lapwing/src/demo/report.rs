//! What Lapwing made of the scenario: what it masked, what it finds, what it warns of.

use std::collections::BTreeSet;
use std::io::{Write, stdout};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::play::{PROMPTS, Scenario};
use crate::client::Client;
use crate::render::{clip, line, text};

/// How long the store and the detector may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until the last chat is searchable and the attack has raised an alert, then prints.
pub async fn run(client: &Client, scenario: &Scenario) -> Result<()> {
    let here = format!("environment:\"{}\"", scenario.name);
    let codes = format!("{here} AND \"launch codes\"");
    let wait = Instant::now();
    let hits = until(|| search(client, &codes, 10), |hits| !hits.is_empty()).await.context("wait for the last chat")?;
    let searchable = wait.elapsed();
    let session = format!("/v1/sessions/{}", scenario.hijacked_session());
    let timeline = || async { Ok(events(&client.json(&session, &[]).await?)) };
    let alerted = |events: &Vec<Value>| events.iter().any(|event| text(event, "/kind") == "alert");
    let attack = until(timeline, alerted).await.context("wait for an alert on the hijacked session")?;

    let mut out = stdout().lock();
    writeln!(out, "\n1. What was masked before anything was stored")?;
    writeln!(out, "   sent:   {}", PROMPTS[0])?;
    for event in search(client, &format!("{here} AND \"A-1042\" AND kind:llm"), 1).await? {
        writeln!(out, "   stored: {}", clip(text(&event, "/content/prompt"), 300))?;
        writeln!(out, "   record: {}", event.pointer("/sanitization/counts").unwrap_or(&Value::Null))?;
    }
    writeln!(
        out,
        "\n2. What a search finds: \"launch codes\" ({:.1} s after it was acknowledged)",
        searchable.as_secs_f64()
    )?;
    for event in &hits {
        writeln!(out, "   {}", line(event))?;
    }
    writeln!(out, "\n3. The hijacked session, step by step")?;
    for event in attack.iter().filter(|event| text(event, "/kind") != "alert") {
        writeln!(out, "   {}", line(event))?;
    }
    let alerts = search(client, &format!("{here} AND kind:alert"), 1000).await?;
    let hijacked = attack.first().map(|event| text(event, "/session/id")).unwrap_or_default();
    writeln!(out, "\n4. What Lapwing warns of")?;
    for alert in alerts.iter().filter(|alert| text(alert, "/session/id") == hijacked || alert.get("session").is_none())
    {
        writeln!(out, "   {}", line(alert))?;
        writeln!(out, "     why: {}", clip(text(alert, "/alert/explanation"), 600))?;
    }
    let others = alerts.iter().map(|alert| text(alert, "/session/id")).filter(|id| !id.is_empty() && *id != hijacked);
    let alarmed = others.collect::<BTreeSet<_>>().len();
    let share = 100.0 * alarmed as f64 / f64::from(scenario.normal_sessions);
    writeln!(out, "\n   {alarmed} of {} normal sessions raised an alert ({share:.1} %).", scenario.normal_sessions)?;
    writeln!(
        out,
        "\nLook further:\n   lapwing search '{here} AND kind:alert'\n   lapwing search '{here} AND tool:send_mail'"
    )?;
    Ok(())
}

async fn search(client: &Client, query: &str, limit: usize) -> Result<Vec<Value>> {
    Ok(events(&client.json("/v1/search", &[("q", query), ("size", &limit.to_string())]).await?))
}

/// The events of a page of hits or of a timeline.
fn events(page: &Value) -> Vec<Value> {
    let items = page.get("hits").or_else(|| page.get("events")).and_then(Value::as_array);
    items.into_iter().flatten().map(|item| item.get("event").unwrap_or(item).clone()).collect()
}

/// Looks again and again until it is as wanted.
async fn until<F: Future<Output = Result<Vec<Value>>>>(
    look: impl Fn() -> F,
    wanted: impl Fn(&Vec<Value>) -> bool,
) -> Result<Vec<Value>> {
    let began = Instant::now();
    let mut fault = None;
    while began.elapsed() < PATIENCE {
        match look().await {
            Ok(events) if wanted(&events) => return Ok(events),
            Ok(_) => fault = None,
            Err(error) => fault = Some(error),
        }
        tokio::time::sleep(PAUSE).await;
    }
    match fault {
        Some(error) => Err(error),
        None => bail!(
            "it did not come within {} seconds; `lapwing health` and the server's log may say why",
            PATIENCE.as_secs()
        ),
    }
}
