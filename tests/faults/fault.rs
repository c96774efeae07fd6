//! The faults, and how each is healed again.

use std::time::{Duration, Instant};

use lapwing_bus::{Record, Sink, Source, topics};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use crate::installation::{Bus, Installation};
use crate::load::{Habits, Load};
use crate::random::Random;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Kill,
    KillTwice,
    Pause,
    Terminate,
    TornLog,
    HalfState,
    Points,
    Burst,
    Queries,
    Poison,
    Repeats,
    KillIngest,
    KillStore,
    KillDetector,
    Zombie,
    Rebalance,
    BrokerKill,
    BrokerAway,
    RawPoison,
    Overrun,
}

/// What a fault itself put in or took away.
#[derive(Debug, Default)]
pub struct Harm {
    /// SHA-256 of records that belong into the dead letters, each once.
    pub poison: Vec<String>,
    /// Records that were removed before they were read; the gap that is on record says the same.
    pub removed: u64,
    /// What was promised and not kept while the fault was there.
    pub faults: Vec<String>,
}

const EMBEDDED: [Fault; 11] = [
    Fault::Kill,
    Fault::KillTwice,
    Fault::Pause,
    Fault::Terminate,
    Fault::TornLog,
    Fault::HalfState,
    Fault::Points,
    Fault::Burst,
    Fault::Queries,
    Fault::Poison,
    Fault::Repeats,
];

const KAFKA: [Fault; 12] = [
    Fault::KillIngest,
    Fault::KillStore,
    Fault::KillDetector,
    Fault::Points,
    Fault::Zombie,
    Fault::Rebalance,
    Fault::BrokerKill,
    Fault::BrokerAway,
    Fault::RawPoison,
    Fault::Repeats,
    Fault::Terminate,
    Fault::Overrun,
];

/// A service may take this much memory under a burst.
const MEMORY_MIB: u64 = 512;

/// The lag of ingest is measured this often, and a request may be under way.
const LAG_INTERVAL: Duration = Duration::from_secs(3);

/// A stop under load may take this long, as `server.shutdown_timeout_s` says, and a moment for the process to end.
const STOP: Duration = Duration::from_secs(11);

impl Fault {
    pub fn of(bus: Bus) -> Vec<Self> {
        match bus {
            Bus::Embedded => EMBEDDED.to_vec(),
            Bus::Kafka => KAFKA.to_vec(),
        }
    }

    pub fn name(self) -> &'static str {
        self.described().0
    }

    pub fn about(self) -> &'static str {
        self.described().1
    }

    fn described(self) -> (&'static str, &'static str) {
        match self {
            Self::Kill => ("kill", "kill -9 of the one process"),
            Self::KillTwice => ("kill-twice", "kill -9, and again while it recovers"),
            Self::Pause => ("pause", "SIGSTOP for some seconds, then SIGCONT"),
            Self::Terminate => ("terminate", "SIGTERM under load: drains and exits with 0 in time"),
            Self::TornLog => ("torn-log", "kill -9, with half a write at the end of the bus's journal"),
            Self::HalfState => ("half-state", "kill -9 while the detector's state was being written"),
            Self::Points => ("points", "the process ends itself right before or after a write becomes durable"),
            Self::Burst => ("burst", "100 times the rate for some seconds"),
            Self::Queries => ("queries", "a storm of slow queries"),
            Self::Poison => ("poison", "a tenth of the items is no event"),
            Self::Repeats => ("repeats", "events come again, late and in another order"),
            Self::KillIngest => ("kill-ingest", "kill -9 of ingest"),
            Self::KillStore => ("kill-store", "kill -9 of the store"),
            Self::KillDetector => ("kill-detector", "kill -9 of the detector"),
            Self::Zombie => ("zombie", "ingest stands still until its group has given it up, then comes back"),
            Self::Rebalance => ("rebalance", "a second ingest joins and is killed or leaves in mid-batch"),
            Self::BrokerKill => ("broker-kill", "kill -9 of the broker"),
            Self::BrokerAway => ("broker-away", "the broker does not answer for some seconds"),
            Self::RawPoison => ("raw-poison", "records that are no events, straight on the raw topic"),
            Self::Overrun => ("overrun", "records are removed before a stopped ingest has read them"),
        }
    }

    pub fn habits(self) -> Habits {
        Habits { poison: self == Self::Poison, repeat: self == Self::Repeats }
    }

    /// Does it, and undoes it.
    pub async fn inject(self, at: &mut Installation, load: &Load, random: &mut Random) -> Harm {
        let mut harm = Harm::default();
        match self {
            Self::Kill => again(at, "up"),
            Self::KillTwice => {
                again(at, "up");
                sleep(random.millis(1, 300)).await;
                again(at, "up");
            }
            Self::Pause => pause(at, "up", random.millis(1000, 4000)).await,
            Self::Terminate => {
                let role = at.roles()[usize::try_from(random.below(at.roles().len() as u64)).unwrap()];
                let began = Instant::now();
                let ended_well = tokio::task::block_in_place(|| at.terminate(role));
                if !ended_well || began.elapsed() > STOP {
                    harm.faults.push(format!("{role} took {:?} to stop, well: {ended_well}", began.elapsed()));
                }
                at.bring_up(role);
            }
            Self::TornLog => torn_log(at, random),
            Self::HalfState => half_state(at, random),
            Self::Points => points(at, random).await,
            Self::Burst => burst(at, load, random, &mut harm).await,
            Self::Queries => queries(at, random).await,
            Self::Poison | Self::Repeats => sleep(random.millis(1000, 2000)).await,
            Self::KillIngest => again(at, "ingest"),
            Self::KillStore => again(at, "store"),
            Self::KillDetector => again(at, "detector"),
            // The group gives a member up after 6 s.
            Self::Zombie => pause(at, "ingest", random.millis(7000, 9000)).await,
            Self::Rebalance => rebalance(at, random).await,
            Self::BrokerKill => {
                at.broker("kill");
                sleep(random.millis(0, 2000)).await;
                at.broker("start");
            }
            Self::BrokerAway => {
                at.signal_broker("-STOP");
                sleep(random.millis(4000, 12_000)).await;
                at.signal_broker("-CONT");
            }
            Self::RawPoison => raw_poison(at, random, &mut harm).await,
            Self::Overrun => overrun(at, load, random, &mut harm).await,
        }
        harm
    }
}

/// kill -9, and a new start.
fn again(at: &mut Installation, name: &'static str) {
    at.kill(name);
    at.bring_up(name);
}

async fn pause(at: &mut Installation, name: &str, time: Duration) {
    at.signal(name, "-STOP");
    sleep(time).await;
    at.signal(name, "-CONT");
}

/// What a power cut leaves behind a write that was not acknowledged.
fn torn_log(at: &mut Installation, random: &mut Random) {
    at.kill("up");
    let bus = at.home("up").join("data/bus");
    let journal = crate::support::files_below(&bus)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "jnl"))
        .max_by_key(|path| path.metadata().unwrap().modified().unwrap())
        .unwrap_or_else(|| panic!("no journal below {}", bus.display()));
    let length = usize::try_from(1 + random.below(2000)).unwrap();
    append(&journal, &random.bytes(length));
    at.bring_up("up");
}

fn append(path: &std::path::Path, bytes: &[u8]) {
    use std::io::Write;
    std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

fn half_state(at: &mut Installation, random: &mut Random) {
    at.kill("up");
    let folder = at.home("up").join("data/detector");
    std::fs::create_dir_all(&folder).unwrap();
    let length = usize::try_from(random.below(5000)).unwrap();
    std::fs::write(folder.join("state.new"), random.bytes(length)).unwrap();
    at.bring_up("up");
}

/// The places in the code where a write becomes durable, with the role they are in over Kafka.
const POINTS: [(&str, Option<&str>); 6] = [
    ("bus::commit", None),
    ("bus::committed", None),
    ("store::commit", Some("store")),
    ("store::committed", Some("store")),
    ("detector::save", Some("detector")),
    ("detector::saved", Some("detector")),
];

async fn points(at: &mut Installation, random: &mut Random) {
    let points: Vec<_> = POINTS.iter().filter(|(_, role)| at.bus == Bus::Embedded || role.is_some()).collect();
    let (point, role) = points[usize::try_from(random.below(points.len() as u64)).unwrap()];
    let role = if at.bus == Bus::Embedded { "up" } else { role.unwrap() };
    at.kill(role);
    // Not at the first passes, or it would never get ready.
    let passes = 1 + random.below(if point.starts_with("detector") { 2 } else { 20 });
    at.bring_up_with(role, &[("FAILPOINTS", &format!("{point}={passes}*off->return"))]);
    assert!(at.ended(role).await, "{role} does not come by {point}");
    at.bring_up(role);
}

async fn burst(at: &mut Installation, load: &Load, random: &mut Random, harm: &mut Harm) {
    load.times(100);
    sleep(random.millis(3000, 5000)).await;
    load.times(1);
    let peak = at.peak_mib();
    if peak > MEMORY_MIB {
        harm.faults.push(format!("a service took {peak} MiB under the burst"));
    }
}

/// Queries that expand to many terms and look at everything. They may be refused; ingestion must not mind.
async fn queries(at: &Installation, random: &mut Random) {
    let slow = ["*a*", "prompt:*e* OR prompt:*n*", "NOT kind:tool", "session:f* AND NOT service:x*", "*"];
    let until = Instant::now() + random.millis(2000, 4000);
    let storm = (0..32).map(async |number: usize| {
        while Instant::now() < until {
            let query = [("q", slow[number % slow.len()]), ("from", "0"), ("size", "1000"), ("sort", "score")];
            at.store().get("/v1/search", &query).await;
        }
    });
    futures_util::future::join_all(storm).await;
}

async fn rebalance(at: &mut Installation, random: &mut Random) {
    at.bring_up("ingest-second");
    sleep(random.millis(500, 3000)).await;
    match random.one_in(2) {
        true => at.kill("ingest-second"),
        false => assert!(tokio::task::block_in_place(|| at.terminate("ingest-second"))),
    }
}

async fn raw_poison(at: &Installation, random: &mut Random, harm: &mut Harm) {
    let sink = at.sink();
    for _ in 0..20 {
        let length = usize::try_from(1 + random.below(200)).unwrap();
        let value = [b"{\"prompt\":".as_slice(), &random.bytes(length)].concat();
        let digest = Sha256::digest(&value);
        harm.poison.push(digest.iter().map(|byte| format!("{byte:02x}")).collect());
        sink.send(topics::RAW, vec![Record { value: value.into(), ..Record::default() }]).await.unwrap();
    }
}

/// Puts records on the raw topic that nobody reads, and removes them as retention would.
async fn overrun(at: &mut Installation, load: &Load, random: &mut Random, harm: &mut Harm) {
    let partitions = u64::from(at.kafka().partitions);
    // Nothing that was acknowledged may be among what is removed.
    load.pause();
    sleep(LAG_INTERVAL).await;
    while !at.front_metrics().await.contains("\nlapwing_ingest_lag_records 0\n") {
        sleep(LAG_INTERVAL).await;
    }
    assert!(tokio::task::block_in_place(|| at.terminate("ingest")));
    let sink = at.sink();
    let count = 1 + random.below(50);
    let doomed = |number: u64| Record {
        key: Some(format!("doomed-{}", number % (2 * partitions)).into()),
        value: format!(r#"{{"prompt":"doomed","number":{number}}}"#).into(),
        ..Record::default()
    };
    let mut before = at.reader(topics::RAW);
    sink.send(topics::RAW, (0..count).map(doomed).collect()).await.unwrap();
    let mut ends = std::collections::BTreeMap::new();
    let mut doomed_seen = 0;
    while doomed_seen < count {
        for message in before.next_batch(1000, Duration::from_secs(10)).await.unwrap().messages {
            let value: Value = serde_json::from_slice(&message.record.value).unwrap_or_default();
            doomed_seen += u64::from(value["prompt"] == "doomed" && value["number"].as_u64() < Some(count));
            ends.insert(message.partition, message.offset + 1);
        }
    }
    remove_below(at, &ends);
    harm.removed = count;
    at.bring_up("ingest");
    load.times(1);
}

fn remove_below(at: &Installation, ends: &std::collections::BTreeMap<i32, i64>) {
    let places: Vec<Value> = ends
        .iter()
        .map(|(partition, end)| serde_json::json!({"topic": topics::RAW, "partition": partition, "offset": end}))
        .collect();
    let file = at.home("ingest").join("remove.json");
    std::fs::write(&file, serde_json::json!({"version": 1, "partitions": places}).to_string()).unwrap();
    let script = crate::support::repository().join("tests/support/kafka/broker.sh");
    let output = std::process::Command::new(script)
        .args(["tool", "org.apache.kafka.tools.DeleteRecordsCommand", "--bootstrap-server", at.brokers()])
        .arg("--offset-json-file")
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
