//! The processes under test, over one of the buses.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use lapwing_bus::embedded::{Embedded, EmbeddedConfig};
use lapwing_bus::kafka::{KafkaConfig, KafkaSink, KafkaSource};
use lapwing_bus::{Source, Start, Subscription};
use tempfile::TempDir;

use crate::check::{self, Disorder};
use crate::support::{Server, repository, wait_for};

/// What the processes talk over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Bus {
    /// One process, `lapwing up`.
    Embedded,
    /// `lapwing ingest`, `store` and `detector` over Apache Kafka.
    Kafka,
}

/// Running processes, each with a data folder and a port that stay the same when it is started again.
pub struct Installation {
    pub bus: Bus,
    folder: TempDir,
    broker: String,
    ports: BTreeMap<&'static str, u16>,
    running: BTreeMap<&'static str, Server>,
    peaks: BTreeMap<u32, u64>,
    /// When something was last healed.
    pub healed: Instant,
    /// Records that faults removed before they were read, over all runs.
    pub removed: u64,
}

impl Installation {
    pub async fn start(bus: Bus) -> Self {
        let broker = match bus {
            Bus::Embedded => String::new(),
            Bus::Kafka => std::env::var("LAPWING_TEST_KAFKA").expect("no broker: use `make faults`"),
        };
        let (ports, running, peaks) = Default::default();
        let mut installation = Self {
            bus,
            folder: TempDir::new().unwrap(),
            broker,
            ports,
            running,
            peaks,
            healed: Instant::now(),
            removed: 0,
        };
        installation.roles().iter().for_each(|role| installation.bring_up(role));
        installation
    }

    pub fn roles(&self) -> &'static [&'static str] {
        match self.bus {
            Bus::Embedded => &["up"],
            Bus::Kafka => &["ingest", "store", "detector"],
        }
    }

    /// Starts a process and waits until it is ready. Another name than that of a role is a further process of the
    /// role that the name begins with.
    pub fn bring_up(&mut self, name: &'static str) {
        self.bring_up_with(name, &[]);
    }

    /// As `bring_up`, with more in the environment.
    pub fn bring_up_with(&mut self, name: &'static str, more: &[(&str, &str)]) {
        self.healed = Instant::now();
        let role = name.split('-').next().unwrap();
        let home = self.home(name);
        std::fs::create_dir_all(&home).unwrap();
        let port = *self.ports.entry(name).or_insert_with(free_port);
        let listen = format!("127.0.0.1:{port}");
        let keys = self.folder.path().join("pseudonym.keys");
        let mut environment = vec![
            ("LAPWING__SERVER__LISTEN", listen.as_str()),
            ("LAPWING__SECRETS__PSEUDONYM_KEYS_FILE", keys.to_str().unwrap()),
        ];
        if self.bus == Bus::Kafka {
            environment.extend([("LAPWING__BUS__KIND", "kafka"), ("LAPWING__BUS__KAFKA__BROKERS", &self.broker)]);
        }
        environment.extend(more);
        let server = Server::start(role, &home, &environment);
        self.running.insert(name, server);
    }

    /// Waits until a process has ended by itself; false if it does not.
    pub async fn ended(&mut self, name: &str) -> bool {
        let server = self.running.get_mut(name).unwrap();
        let ended = wait_for(async || server.has_ended().then_some(())).await.is_some();
        self.running.remove(name);
        ended
    }

    pub fn kill(&mut self, name: &str) {
        self.note_peaks();
        self.running.remove(name).unwrap().kill();
    }

    /// SIGTERM: whether it ended well, within the time that it gives itself.
    pub fn terminate(&mut self, name: &str) -> bool {
        self.note_peaks();
        self.running.remove(name).unwrap().terminate().success()
    }

    /// Sends a signal, such as `-STOP`.
    pub fn signal(&mut self, name: &str, signal: &str) {
        self.running[name].signal(signal);
        self.healed = Instant::now();
    }

    pub fn home(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where events are sent.
    pub fn front(&self) -> &str {
        &self.running[self.roles()[0]].url
    }

    /// The metrics of the process that takes events.
    pub async fn front_metrics(&self) -> String {
        self.running[self.roles()[0]].metrics().await
    }

    /// Where they are searched.
    pub fn store(&self) -> &Server {
        self.running.get("store").unwrap_or_else(|| &self.running["up"])
    }

    /// The most memory that any process took, in MiB.
    pub fn peak_mib(&mut self) -> u64 {
        self.note_peaks();
        self.peaks.values().max().copied().unwrap_or_default() >> 10
    }

    fn note_peaks(&mut self) {
        for server in self.running.values() {
            let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap_or_default();
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
            self.peaks.insert(server.pid(), kib);
        }
    }

    /// broker.sh with a word of its own, such as `kill`, for the broker of this run.
    pub fn broker(&mut self, word: &str) {
        self.healed = Instant::now();
        let folder = std::env::var("LAPWING_TEST_KAFKA_DIR").expect("no broker: use `make faults`");
        let mut command = Command::new(repository().join("tests/support/kafka/broker.sh"));
        command.args([word, &folder]);
        if word == "start" {
            command.arg(self.broker.rsplit(':').next().unwrap());
        }
        assert!(command.status().unwrap().success(), "broker.sh {word}");
    }

    /// A signal to the broker.
    pub fn signal_broker(&mut self, signal: &str) {
        self.healed = Instant::now();
        let folder = std::env::var("LAPWING_TEST_KAFKA_DIR").expect("no broker: use `make faults`");
        let pid = std::fs::read_to_string(PathBuf::from(folder).join("broker.pid")).unwrap();
        assert!(Command::new("kill").args([signal, pid.trim()]).status().unwrap().success());
    }

    /// The broker's address.
    pub fn brokers(&self) -> &str {
        &self.broker
    }

    pub fn kafka(&self) -> KafkaConfig {
        KafkaConfig { brokers: self.broker.clone(), ..KafkaConfig::default() }
    }

    pub fn sink(&self) -> KafkaSink {
        KafkaSink::new(&self.kafka()).unwrap()
    }

    /// Reads a topic of Kafka from its beginning.
    pub fn reader(&self, topic: &str) -> KafkaSource {
        KafkaSource::new(&self.kafka(), from_beginning(topic)).unwrap()
    }

    /// Stops everything and looks at the order on the clean topic.
    pub async fn finish(mut self) -> Disorder {
        for name in self.running.keys().copied().collect::<Vec<_>>() {
            assert!(self.terminate(name), "{name} did not end well");
        }
        let topic = lapwing_bus::topics::CLEAN;
        let mut source: Box<dyn Source> = match self.bus {
            Bus::Kafka => Box::new(self.reader(topic)),
            Bus::Embedded => {
                let bus = Embedded::open(self.home("up").join("data/bus"), EmbeddedConfig::default()).unwrap();
                Box::new(bus.source(from_beginning(topic)).unwrap())
            }
        };
        check::disorder(source.as_mut()).await
    }
}

fn from_beginning(topic: &str) -> Subscription {
    Subscription { topics: vec![topic.to_owned()], start: Start::Checkpoint(lapwing_bus::Checkpoint::default()) }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
