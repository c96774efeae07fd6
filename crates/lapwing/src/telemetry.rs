//! The process's own log: to standard error, as text or JSON.

use std::io::{IsTerminal, stderr};

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// Settings of the process's own log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// What is logged: `error`, `warn`, `info`, `debug`, or a filter such as `info,lapwing_store=debug`.
    pub log: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { log: "info,fjall=warn,lsm_tree=warn,tantivy=warn,librdkafka=warn".to_owned(), format: LogFormat::Text }
    }
}

impl TelemetryConfig {
    /// What is wrong with the settings.
    pub fn faults(&self) -> Vec<String> {
        match EnvFilter::try_new(&self.log) {
            Ok(_) => Vec::new(),
            Err(error) => vec![format!("telemetry.log: {error}")],
        }
    }
}

/// Installs the subscriber. Commands that print for a person pass `warn` as the default filter.
pub fn install(config: &TelemetryConfig) {
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(stderr().is_terminal());
    match config.format {
        LogFormat::Text => log.compact().init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// A panic's message may quote what it was about, so only its place is logged.
pub fn hide_panic_messages() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, thread = std::thread::current().name(), "panicked; the message is not shown");
    }));
}
