//! Alerts to webhooks. The alerts topic is the outbox: a webhook's place in it is written down only after the receiver
//! took what came before, so that a crash delivers an alert twice but never not at all; the alert's id is the
//! idempotency key.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hmac::{Hmac, KeyInit, Mac};
use lapwing_bus::{Checkpoint, Sink, Source};
use lapwing_event::{SanitizedEvent, Severity, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::consume::next_batch;
use crate::clock;

/// Where alerts are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Its name: letters, digits, `-` and `_`; its place in the outbox is kept under it.
    pub name: String,
    /// Where to POST.
    pub url: String,
    /// The body's form. Default `json`.
    #[serde(default)]
    pub format: Format,
    /// The file with the secret that signs what is sent; without it nothing is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// Less urgent alerts are left out. Default low.
    #[serde(default = "low")]
    pub min_severity: Severity,
    /// How long the receiver may take to answer, in milliseconds. Default 10,000.
    #[serde(default = "ten_seconds")]
    pub timeout_ms: u64,
    /// For how many seconds an alert is tried again before it is given up and counted. Default 86,400.
    #[serde(default = "day")]
    pub give_up_after_s: u64,
}

fn low() -> Severity {
    Severity::Low
}
fn ten_seconds() -> u64 {
    10_000
}
fn day() -> u64 {
    86_400
}

/// The form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The alert as an event.
    #[default]
    Json,
    /// An OCSF Detection Finding.
    Ocsf,
    /// A message for Slack and what understands its webhooks.
    Slack,
}

impl WebhookConfig {
    /// What is wrong with it.
    pub fn fault(&self) -> Option<String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        match () {
            () if self.name.is_empty() || !self.name.chars().all(plain) => {
                Some("`name` is letters, digits, `-` and `_`".to_owned())
            }
            () if !self.url.starts_with("http://") && !self.url.starts_with("https://") => {
                Some("`url` begins with http:// or https://".to_owned())
            }
            () if rank(&self.min_severity).is_none() => {
                Some("`min_severity` is info, low, medium, high or critical".to_owned())
            }
            () => None,
        }
    }
}

fn rank(severity: &Severity) -> Option<usize> {
    Severity::VALUES.iter().position(|value| *value == severity.as_str())
}

/// A webhook's place in the outbox.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    /// When it was set up: older alerts are not sent.
    since: Timestamp,
    checkpoint: Checkpoint,
}

/// What became of alerts, by webhook.
#[derive(Debug, Clone, Default)]
pub struct Counts(Family<Labels, Counter>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    webhook: String,
    outcome: &'static str,
}

impl Counts {
    /// Counters that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let counts = Self::default();
        registry.register(
            "lapwing_webhook_alerts",
            "Alerts by webhook: delivered, retried, given up",
            counts.0.clone(),
        );
        counts
    }

    fn count(&self, webhook: &str, outcome: &'static str) {
        self.0.get_or_create(&Labels { webhook: webhook.to_owned(), outcome }).inc();
    }
}

/// A webhook that is ready to send.
pub struct Webhook {
    config: WebhookConfig,
    secret: Option<Vec<u8>>,
    http: reqwest::Client,
    file: PathBuf,
    place: Place,
    counts: Counts,
}

/// The first pause before something is tried again, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Webhook {
    /// Reads the secret and the place, which is now where there is none; places are kept in `dir`.
    pub fn open(config: WebhookConfig, dir: &Path, counts: Counts) -> Result<Self> {
        let secret = match &config.secret_file {
            None => None,
            Some(file) => {
                let bytes = fs::read(file)
                    .with_context(|| format!("read the secret of webhook {} in {}", config.name, file.display()))?;
                let secret = bytes.trim_ascii().to_vec();
                if secret.len() < 16 {
                    bail!("the secret in {} has less than 16 bytes; make a longer one", file.display());
                }
                Some(secret)
            }
        };
        fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
        let file = dir.join(format!("{}.json", config.name));
        let place = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("read {}", file.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Place { since: clock::now(), checkpoint: Checkpoint::default() }
            }
            Err(error) => return Err(error).with_context(|| format!("read {}", file.display())),
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(Duration::from_millis(config.timeout_ms)).build();
        let webhook = Self { secret, http: http.context("prepare the HTTP client")?, file, place, counts, config };
        webhook.save()?;
        Ok(webhook)
    }

    /// Where reading begins.
    pub fn checkpoint(&self) -> Checkpoint {
        self.place.checkpoint.clone()
    }

    /// Delivers what comes on the alerts topic until `stop`.
    pub async fn run(
        mut self,
        mut source: Box<dyn Source>,
        sink: std::sync::Arc<dyn Sink>,
        stop: CancellationToken,
    ) -> Result<()> {
        while let Some(batch) = next_batch("webhook", source.as_mut(), sink.as_ref(), &stop).await? {
            for message in &batch.messages {
                let Ok(event) = SanitizedEvent::decode(&message.record.value) else { continue };
                if self.concerns(&event) && !self.deliver(&event, &stop).await {
                    return Ok(());
                }
                self.place.checkpoint.set(&message.topic, message.partition, message.offset + 1);
                self.save()?;
            }
        }
        Ok(())
    }

    fn concerns(&self, event: &SanitizedEvent) -> bool {
        let Some(alert) = &event.alert else { return false };
        event.received_at >= self.place.since && rank(&alert.severity) >= rank(&self.config.min_severity)
    }

    /// Tries until the receiver takes it or it is given up; false if `stop` came first.
    async fn deliver(&self, event: &SanitizedEvent, stop: &CancellationToken) -> bool {
        let (name, began) = (&self.config.name, tokio::time::Instant::now());
        let body = body(self.config.format, event).to_string();
        let mut pause = FIRST_PAUSE;
        loop {
            let failure = match self.post(event, &body).await {
                Ok(status) if status.is_success() => {
                    self.counts.count(name, "delivered");
                    return true;
                }
                Ok(status) if status.is_client_error() && !matches!(status.as_u16(), 408 | 409 | 425 | 429) => {
                    error!(webhook = name, %status, alert = %event.id, "alert refused by the receiver and given up");
                    self.counts.count(name, "given_up");
                    return true;
                }
                Ok(status) => status.to_string(),
                // Without the address, which may hold a token.
                Err(error) => error.without_url().to_string(),
            };
            if began.elapsed() >= Duration::from_secs(self.config.give_up_after_s) {
                error!(webhook = name, failure, alert = %event.id, "alert not delivered and given up");
                self.counts.count(name, "given_up");
                return true;
            }
            warn!(webhook = name, failure, alert = %event.id, "alert not delivered, trying again");
            self.counts.count(name, "retried");
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }

    async fn post(&self, event: &SanitizedEvent, body: &str) -> reqwest::Result<reqwest::StatusCode> {
        let at = (clock::now().millis() / 1_000).to_string();
        let mut request = self.http.post(&self.config.url).header("content-type", "application/json");
        request = request.header("idempotency-key", event.id.to_string()).header("x-lapwing-timestamp", &at);
        if let Some(secret) = &self.secret {
            request = request.header("x-lapwing-signature", signature(secret, &at, body));
        }
        Ok(request.body(body.to_owned()).send().await?.status())
    }

    /// Writes the place down, at once or not at all.
    fn save(&self) -> Result<()> {
        let new = self.file.with_extension("new");
        let file = fs::File::create(&new).with_context(|| format!("write {}", new.display()))?;
        serde_json::to_writer(&file, &self.place)?;
        file.sync_all()?;
        fs::rename(&new, &self.file).with_context(|| format!("write {}", self.file.display()))
    }
}

/// `v1=` and the HMAC-SHA256 of time, a dot and body, in hexadecimal.
fn signature(secret: &[u8], at: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(at.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v1={hex}")
}

fn body(format: Format, event: &SanitizedEvent) -> Value {
    match format {
        Format::Json => serde_json::to_value(event).unwrap_or_default(),
        Format::Ocsf => lapwing_detector::ocsf(event).unwrap_or_default(),
        Format::Slack => slack(event),
    }
}

/// A message with the title, why, and where to look; marks of Slack's markup in the text are taken apart.
fn slack(event: &SanitizedEvent) -> Value {
    let Some(alert) = &event.alert else { return Value::Null };
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let title = plain(alert.title.as_deref().unwrap_or(&alert.rule_id));
    let head = format!("[{}] {}: {title}", alert.severity, plain(&alert.rule_id));
    let why: String = alert.explanation.as_deref().unwrap_or_default().chars().take(2_000).collect();
    let of = |label: &str, value: Option<&str>| value.map(|value| format!("{label} {}", plain(value)));
    let whose = [of("agent", Some(event.agent_key())), of("user", event.user_id()), of("session", event.session_id())];
    let whose: Vec<String> = whose.into_iter().flatten().collect();
    json!({
        "text": head,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": format!("*{head}*\n{}", plain(&why))}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": format!("{} · {} · alert {}", whose.join(" · "), event.timestamp, event.id)}]},
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_time_and_body() {
        // The same by `printf '1700000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef`.
        let expected = "v1=e4f8e2ecae2295b2ddb2f0b5584c8275e226c0ebe9b3b819e70156bb67122e3e";
        assert_eq!(signature(b"0123456789abcdef", "1700000000", "{}"), expected);
        assert_ne!(signature(b"0123456789abcdef", "1700000001", "{}"), expected);
    }

    #[test]
    fn a_faulty_webhook_is_told() {
        let of = |name: &str, url: &str| WebhookConfig {
            name: name.to_owned(),
            url: url.to_owned(),
            format: Format::Json,
            secret_file: None,
            min_severity: Severity::Low,
            timeout_ms: 1,
            give_up_after_s: 1,
        };
        assert_eq!(of("siem", "https://siem.example/in").fault(), None);
        assert!(of("../x", "https://siem.example/in").fault().is_some());
        assert!(of("siem", "siem.example").fault().is_some());
    }
}
