//! `lapwing demo`: a scenario against a running server, and what Lapwing made of it.

mod agent;
mod model;
mod play;
mod report;

use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::args;
use crate::client::Client;
use crate::clock;
use crate::demo::play::Scenario;

/// Plays, waits until it can be seen, and reports.
pub async fn run(arguments: args::Demo) -> Result<()> {
    let client = Client::new(&arguments.server)?;
    let store = match arguments.store_url {
        Some(url) => Client::new(&args::Server { url: Some(url), ..arguments.server })?,
        None => client.clone(),
    };
    let ready = client.get("/readyz", &[]).timeout(Duration::from_secs(5)).send().await;
    if !ready.with_context(|| client.unreachable())?.status().is_success() {
        bail!("{} is not ready yet; try again in a moment", client.url);
    }
    let scenario = Scenario::new(arguments.sessions, arguments.seed, clock::now());
    writeln!(
        stdout(),
        "Playing three chats, {} agent sessions and one attack against {} …",
        arguments.sessions,
        client.url
    )?;
    scenario.play(&client).await?;
    report::run(&store, &scenario).await
}
