//! The commands that talk to a server or to the configuration.

pub mod emit;
pub mod follow;
pub mod keys;
pub mod replay;
pub mod rules;
pub mod search;
pub mod store;
pub mod tail;

use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::args::Server;
use crate::client::{Client, explain};
use crate::settings::Settings;

/// Prints the JSON Schema of the event.
pub fn print_schema() -> Result<()> {
    writeln!(stdout(), "{}", serde_json::to_string_pretty(&lapwing_event::json_schema())?)?;
    Ok(())
}

/// Prints what is in force: defaults, file and environment together.
pub fn print_settings(settings: &Settings) -> Result<()> {
    let mut shown = serde_json::to_value(settings)?;
    // Whatever librdkafka is told may be a password.
    if let Some(extra) = shown.pointer_mut("/bus/kafka/extra").and_then(|extra| extra.as_object_mut()) {
        extra.values_mut().for_each(|value| *value = "[not shown]".into());
    }
    // The address of a webhook often is its password.
    for webhook in shown["webhooks"].as_array_mut().into_iter().flatten() {
        webhook["url"] = "[not shown]".into();
    }
    writeln!(stdout(), "{}", serde_json::to_string_pretty(&shown)?)?;
    Ok(())
}

/// Ends well if the server says that it is ready.
pub async fn health(server: Server) -> Result<()> {
    let client = Client::new(&server)?;
    let response = client.get("/readyz", &[]).timeout(Duration::from_secs(5)).send().await;
    let response = response.with_context(|| client.unreachable())?;
    let status = response.status();
    let body = response.text().await.unwrap_or_default();
    match status.is_success() {
        true => writeln!(stdout(), "{body}").context("print"),
        false => bail!("not ready: {}{body}", explain(status, b"")),
    }
}
