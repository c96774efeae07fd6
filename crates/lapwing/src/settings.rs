//! Settings: defaults, then the file, then `LAPWING__SECTION__KEY`; every fault in them reported at once.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};
use lapwing_bus::embedded::EmbeddedConfig;
use lapwing_bus::kafka::KafkaConfig;
use lapwing_detector::DetectorConfig;
use lapwing_ingest::IngestConfig;
use lapwing_sanitizer::SanitizerConfig;
use lapwing_store::StoreConfig;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::TlsConfig;
use crate::api::otlp::OtlpConfig;
use crate::roles::notify::WebhookConfig;
use crate::rule_files;
use crate::telemetry::TelemetryConfig;

/// Everything that can be set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where data lives.
    pub data: DataConfig,
    /// The HTTP server.
    pub server: ServerConfig,
    /// The ports of OpenTelemetry's exporters.
    pub otlp: OtlpConfig,
    /// Who may do what.
    pub auth: AuthConfig,
    /// The bus.
    pub bus: BusConfig,
    /// The keys of pseudonyms.
    pub secrets: SecretsConfig,
    /// The sanitizer.
    pub sanitizer: SanitizerConfig,
    /// The ingest service.
    pub ingest: IngestConfig,
    /// The store service.
    pub store: StoreConfig,
    /// The detector service.
    pub detector: DetectorConfig,
    /// Where alerts are sent.
    pub webhooks: Vec<WebhookConfig>,
    /// The process's own log.
    pub telemetry: TelemetryConfig,
}

/// Where data lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// One folder for everything: bus, index, detector state, keys.
    pub dir: PathBuf,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self { dir: PathBuf::from("lapwing-data") }
    }
}

/// The HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// How long a stop may take before what is left is abandoned, in seconds.
    pub shutdown_timeout_s: u64,
    /// HTTPS.
    pub tls: TlsConfig,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 7117)), shutdown_timeout_s: 10, tls: TlsConfig::default() }
    }
}

/// Who may do what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// The file with the API keys' hashes; without it `keys/api-keys.json` under the data folder.
    pub keys_file: Option<PathBuf>,
}

/// The keys of pseudonyms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretsConfig {
    /// The file with the keys that make pseudonyms; without it `keys/pseudonym.keys` under the data folder,
    /// made on the first start.
    pub pseudonym_keys_file: Option<PathBuf>,
}

/// Which bus, and how.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BusConfig {
    /// `embedded` or `kafka`.
    pub kind: BusKind,
    /// The embedded bus.
    pub embedded: EmbeddedConfig,
    /// Kafka.
    pub kafka: KafkaConfig,
}

/// Which bus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BusKind {
    /// A log on local disk, for one process.
    #[default]
    Embedded,
    /// Apache Kafka.
    Kafka,
}

/// All that is wrong with the settings.
#[derive(Debug)]
pub struct Faults(pub Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} fault(s):", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for Faults {}

impl Settings {
    /// Composes the settings. `file` must exist if it is given; without it `config/lapwing.toml` is read where
    /// it exists.
    pub fn load(file: Option<&Path>) -> Result<Self, Faults> {
        let source = match file {
            Some(path) => File::from(path).format(FileFormat::Toml).required(true),
            None => File::from(Path::new("config/lapwing.toml")).format(FileFormat::Toml).required(false),
        };
        let environment = Environment::with_prefix("LAPWING").prefix_separator("__").separator("__").try_parsing(true);
        let given = Config::builder().add_source(source).add_source(environment).build();
        let given: Value = given.and_then(Config::try_deserialize).map_err(|error| Faults(vec![error.to_string()]))?;
        let faults = Self::key_faults(&given);
        if !faults.is_empty() {
            return Err(Faults(faults));
        }
        let mut settings: Self = serde_json::from_value(given).map_err(|error| Faults(vec![error.to_string()]))?;
        settings.detector.rules.texts = match &settings.detector.rules.path {
            Some(path) => {
                rule_files::read(path).map_err(|error| Faults(vec![format!("detector.rules.path: {error:#}")]))?
            }
            None => Vec::new(),
        };
        match settings.range_faults() {
            faults if faults.is_empty() => Ok(settings),
            faults => Err(Faults(faults)),
        }
    }

    /// What the types cannot see: values out of range.
    fn range_faults(&self) -> Vec<String> {
        let mut faults = self.telemetry.faults();
        faults.extend(self.server.tls.fault());
        faults.extend(self.ingest.faults().into_iter().map(|fault| format!("ingest.{fault}")));
        faults.extend(self.detector.validate().err().map(|fault| fault.to_string()));
        for (at, webhook) in self.webhooks.iter().enumerate() {
            let twice = self.webhooks[..at].iter().any(|other| other.name == webhook.name);
            let fault = webhook.fault().or_else(|| twice.then(|| "`name` stands twice".to_owned()));
            faults.extend(fault.map(|fault| format!("webhooks[{at}]: {fault}")));
        }
        if !self.detector.rules.texts.is_empty() {
            let rules = self.detector.rules.compile().err().unwrap_or_default();
            faults.extend(rules.iter().map(|fault| format!("detector.rules.path: {fault}")));
        }
        faults
    }

    /// Tries every key alone upon the defaults, so that one fault does not hide the next.
    fn key_faults(given: &Value) -> Vec<String> {
        let mut leaves = Vec::new();
        collect_leaves(given, &mut Vec::new(), &mut leaves);
        let alone = |(path, leaf): &(Vec<String>, Value)| {
            let nested = path
                .iter()
                .rev()
                .fold(leaf.clone(), |inner, key| Value::Object(Map::from_iter([(key.clone(), inner)])));
            let error = serde_json::from_value::<Self>(nested).err()?;
            let variable = format!("LAPWING__{}", path.join("__").to_uppercase());
            Some(format!("{}: {error} (set in the file or by {variable})", path.join(".")))
        };
        leaves.iter().filter_map(alone).collect()
    }

    /// Where the store is.
    pub fn store_dir(&self) -> PathBuf {
        self.data.dir.join("index")
    }

    /// Where the API keys are.
    pub fn api_keys_file(&self) -> PathBuf {
        self.auth.keys_file.clone().unwrap_or_else(|| self.data.dir.join("keys/api-keys.json"))
    }

    /// Where the keys of pseudonyms are.
    pub fn pseudonym_keys_file(&self) -> PathBuf {
        self.secrets.pseudonym_keys_file.clone().unwrap_or_else(|| self.data.dir.join("keys/pseudonym.keys"))
    }
}

fn collect_leaves(value: &Value, path: &mut Vec<String>, leaves: &mut Vec<(Vec<String>, Value)>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                path.push(key.clone());
                collect_leaves(value, path, leaves);
                path.pop();
            }
        }
        Value::Object(_) => {}
        leaf => leaves.push((path.clone(), leaf.clone())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn every_fault_is_reported_with_its_key() {
        let faults = Settings::key_faults(&json!({
            "server": {"listen": "nowhere", "shutdown_timeout_s": 5, "lisen": "127.0.0.1:1"},
            "bus": {"kind": "pigeon"},
            "colour": "red",
        }));
        let text = faults.join("\n");
        for part in ["server.listen: ", "server.lisen: unknown field", "bus.kind: unknown variant `pigeon`", "colour: "]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(faults.len(), 4, "{text}");
        assert!(text.contains("LAPWING__SERVER__LISTEN"));
    }

    #[test]
    fn values_out_of_range_are_reported_together() {
        let mut settings = Settings::default();
        assert!(settings.range_faults().is_empty());
        settings.ingest.max_items = 0;
        settings.detector.behaviour.false_alarm_rate = 0.0;
        let text = settings.range_faults().join("\n");
        assert!(text.contains("ingest.max_items") && text.contains("behaviour.false_alarm_rate"), "{text}");
    }

    #[test]
    fn the_shipped_file_parses_and_states_the_defaults() {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/lapwing.toml"));
        let shipped = serde_json::to_value(Settings::load(Some(path)).unwrap()).unwrap();
        assert_eq!(shipped, serde_json::to_value(Settings::default()).unwrap());
    }
}
