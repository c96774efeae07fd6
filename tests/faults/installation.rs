//! The processes under test, over one of the buses.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use lapwing_bus::embedded::{Embedded, EmbeddedConfig};
use lapwing_bus::kafka::{KafkaConfig, KafkaSink, KafkaSource};
use lapwing_bus::{Source, Start, Subscription};
use tempfile::TempDir;

use crate::check::{self, Disorder};
use crate::load::Item;
use crate::network::{Network, Proxy};
use crate::support::{DEADLINE, Server, command, repository, wait_for};

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
    /// Between each role and the broker, with the port that the role is given.
    proxies: BTreeMap<&'static str, (u16, Proxy)>,
    /// What each process of this run logged, those that have ended included.
    logs: Vec<(&'static str, Arc<Mutex<String>>)>,
    peaks: BTreeMap<u32, u64>,
    /// When something was last healed.
    pub healed: Instant,
    /// Records that faults removed before they were read, over all runs.
    pub removed: u64,
    /// Events that were sent and not acknowledged, of all runs.
    pub unanswered: BTreeSet<(String, Item)>,
}

impl Installation {
    pub async fn start(bus: Bus) -> Self {
        let broker = match bus {
            Bus::Embedded => String::new(),
            Bus::Kafka => std::env::var("LAPWING_TEST_KAFKA").expect("no broker: use `make faults`"),
        };
        let proxies = match bus {
            Bus::Embedded => BTreeMap::new(),
            Bus::Kafka => proxies().await,
        };
        let mut installation = Self {
            bus,
            folder: TempDir::new().unwrap(),
            broker,
            ports: BTreeMap::new(),
            running: BTreeMap::new(),
            proxies,
            logs: Vec::new(),
            peaks: BTreeMap::new(),
            healed: Instant::now(),
            removed: 0,
            unanswered: BTreeSet::new(),
        };
        installation.roles().iter().for_each(|role| installation.bring_up(role));
        installation
    }

    pub fn roles(&self) -> &'static [&'static str] {
        match self.bus {
            Bus::Embedded => &["up"],
            Bus::Kafka => &SERVICES,
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
        let (role, home) = (role_of(name), self.home(name));
        std::fs::create_dir_all(&home).unwrap();
        let environment = self.environment(name);
        let environment: Vec<(&str, &str)> = environment.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let server = Server::start(role, &home, &[&environment, more].concat());
        self.logs.push((name, Arc::clone(&server.log)));
        self.running.insert(name, server);
    }

    fn environment(&mut self, name: &'static str) -> Vec<(&'static str, String)> {
        let port = *self.ports.entry(name).or_insert_with(free_port);
        let keys = self.folder.path().join("pseudonym.keys");
        let mut environment = vec![
            ("LAPWING__SERVER__LISTEN", format!("127.0.0.1:{port}")),
            ("LAPWING__SECRETS__PSEUDONYM_KEYS_FILE", keys.to_str().unwrap().to_owned()),
        ];
        if let Some((port, _)) = self.proxies.get(role_of(name)) {
            let brokers = format!("127.0.0.1:{port}");
            environment.extend([("LAPWING__BUS__KIND", "kafka".to_owned()), ("LAPWING__BUS__KAFKA__BROKERS", brokers)]);
        }
        environment
    }

    /// Lets the stopped process that has the store read the bus from its beginning.
    pub fn forget_position(&self, name: &str) {
        let forgotten = command("store", &self.home(name), &[]).arg("forget-position").output().unwrap();
        assert!(forgotten.status.success(), "{}", String::from_utf8_lossy(&forgotten.stderr));
    }

    /// Starts a process that should not go on: whether it ended with an error, and what it logged.
    pub fn refuses(&mut self, name: &'static str) -> (bool, String) {
        let (home, environment) = (self.home(name), self.environment(name));
        let environment: Vec<(&str, &str)> = environment.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let mut child = command(role_of(name), &home, &environment).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut log = String::new();
            stderr.read_to_string(&mut log).map(|_| log).unwrap_or_default()
        });
        let began = Instant::now();
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(status) => break !status.success(),
                None if began.elapsed() > DEADLINE => break false,
                None => std::thread::park_timeout(std::time::Duration::from_millis(20)),
            }
        };
        let _ = child.kill();
        let _ = child.wait();
        let log = reader.join().unwrap();
        self.logs.push((name, Arc::new(Mutex::new(log.clone()))));
        (ended, log)
    }

    /// Waits until a process has ended by itself; false if it does not.
    pub async fn ended(&mut self, name: &str) -> bool {
        let server = self.running.get_mut(name).unwrap();
        let ended = wait_for(async || server.has_ended().then_some(())).await.is_some();
        self.running.remove(name);
        ended
    }

    /// What the process logged that was last started under this name.
    pub fn last_log_of(&self, name: &str) -> String {
        let log = self.logs.iter().rfind(|(started, _)| *started == name);
        log.map(|(_, log)| log.lock().unwrap().clone()).unwrap_or_default()
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

    /// SIGTERM, after which it must end well.
    pub fn stop(&mut self, name: &str) {
        assert!(self.terminate(name), "{name} did not end well");
    }

    /// What is between a role and the broker becomes so.
    pub fn network(&mut self, role: &str, network: Network) {
        let (_, proxy) = self.proxies.get(role).expect("there is a network over Kafka only");
        proxy.becomes(network);
        self.healed = Instant::now();
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

    /// The process that takes events.
    pub fn front_server(&self) -> &Server {
        &self.running[self.roles()[0]]
    }

    /// Forgets the logs of processes that have ended, and how much memory each took so far.
    pub fn begin_run(&mut self) {
        self.logs.retain(|(_, log)| Arc::strong_count(log) > 1);
        self.peaks.clear();
        for server in self.running.values() {
            // Resets VmHWM (proc_pid_clear_refs(5)).
            std::fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").unwrap();
        }
    }

    /// The last lines of what every process has logged, in the order in which they were started.
    pub fn last_words(&self) -> String {
        let mut words = String::new();
        for (name, log) in &self.logs {
            let log = log.lock().unwrap();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
            words.push_str(&format!(
                "---- {name}, the last {} of {} lines\n{}\n",
                last.len(),
                lines.len(),
                last.join("\n")
            ));
        }
        words
    }

    /// Where they are searched.
    pub fn store(&self) -> &Server {
        self.running.get("store").unwrap_or_else(|| &self.running["up"])
    }

    /// The most memory that any process took in this run, in MiB, the mapped parts of files included.
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

    /// Looks at the order on the clean topic of the broker.
    pub async fn order_on_broker(&self) -> Disorder {
        check::disorder(&mut self.reader(lapwing_bus::topics::CLEAN), &self.unanswered).await
    }

    /// Stops everything and looks at the order on the clean topic.
    pub async fn finish(mut self) -> Disorder {
        for name in self.running.keys().copied().collect::<Vec<_>>() {
            self.stop(name);
        }
        let topic = lapwing_bus::topics::CLEAN;
        let mut source: Box<dyn Source> = match self.bus {
            Bus::Kafka => Box::new(self.reader(topic)),
            Bus::Embedded => {
                let bus = Embedded::open(self.home("up").join("data/bus"), EmbeddedConfig::default()).unwrap();
                Box::new(bus.source(from_beginning(topic)).unwrap())
            }
        };
        check::disorder(source.as_mut(), &self.unanswered).await
    }
}

/// What runs over Kafka, a process each.
const SERVICES: [&str; 3] = ["ingest", "store", "detector"];

/// So many lines of each log are shown after a failure.
const LAST_LINES: usize = 60;

fn role_of(name: &'static str) -> &'static str {
    name.split('-').next().unwrap()
}

/// Between the two ports of each of the broker's further listeners, with the one that clients are to use.
async fn proxies() -> BTreeMap<&'static str, (u16, Proxy)> {
    let folder = std::env::var("LAPWING_TEST_KAFKA_DIR").expect("no broker: use `make faults`");
    let ports = std::fs::read_to_string(PathBuf::from(folder).join("proxied")).unwrap();
    let mut proxies = BTreeMap::new();
    for (role, ports) in SERVICES.into_iter().zip(ports.lines()) {
        let (to, listen) = ports.split_once(' ').unwrap();
        let listen = listen.parse().unwrap();
        proxies.insert(role, (listen, Proxy::start(listen, to.parse().unwrap()).await));
    }
    assert_eq!(proxies.len(), SERVICES.len(), "the broker has a listener for each service");
    proxies
}

fn from_beginning(topic: &str) -> Subscription {
    Subscription { topics: vec![topic.to_owned()], start: Start::Checkpoint(lapwing_bus::Checkpoint::default()) }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
