//! The faults, and how each is healed again.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::installation::{Bus, Installation};
use crate::load::{Habits, Ledger, Load};
use crate::network::Network;
use crate::random::Random;
use crate::{application, broker, disk};

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
    FullBus,
    FullStore,
    FullSpool,
    KillEmitter,
    Damage,
    SlowDisk,
    Clock,
    KillIngest,
    KillStore,
    KillDetector,
    Zombie,
    Rebalance,
    BrokerKill,
    BrokerAway,
    Cut,
    RawPoison,
    Overrun,
    Remade,
}

/// What a fault itself put in or took away.
#[derive(Debug, Default)]
pub struct Harm {
    /// The service whose events are looked at.
    pub tag: String,
    /// What it sent beside the load.
    pub ledger: Ledger,
    /// How long it took until events could be searched again, if the fault has measured that.
    pub recovery: Option<Duration>,
    /// SHA-256 of records that belong into the dead letters, each once.
    pub poison: Vec<String>,
    /// Records that were removed before they were read; the gap that is on record says the same.
    pub removed: u64,
    /// What was promised and not kept while the fault was there.
    pub faults: Vec<String>,
}

const EMBEDDED: [Fault; 18] = [
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
    Fault::FullBus,
    Fault::FullStore,
    Fault::FullSpool,
    Fault::KillEmitter,
    Fault::Damage,
    Fault::SlowDisk,
    Fault::Clock,
];

const KAFKA: [Fault; 20] = [
    Fault::KillIngest,
    Fault::KillStore,
    Fault::KillDetector,
    Fault::Points,
    Fault::Zombie,
    Fault::Rebalance,
    Fault::BrokerKill,
    Fault::BrokerAway,
    Fault::Cut,
    Fault::RawPoison,
    Fault::Burst,
    Fault::Repeats,
    Fault::Terminate,
    Fault::FullStore,
    Fault::KillEmitter,
    Fault::Damage,
    Fault::SlowDisk,
    Fault::Clock,
    Fault::Overrun,
    Fault::Remade,
];

/// A service may take this much memory under a burst, and the process that is all of them this much.
const SERVICE_MIB: u64 = 512;
const UP_MIB: u64 = 640;

/// A stop under load may take this long, as `server.shutdown_timeout_s` says, and a moment for the process to end.
const STOP: Duration = Duration::from_secs(11);

impl Fault {
    pub fn of(bus: Bus) -> &'static [Self] {
        match bus {
            Bus::Embedded => &EMBEDDED,
            Bus::Kafka => &KAFKA,
        }
    }

    /// Whether it takes long, or tells little that the others do not: left out of the short form.
    pub fn is_long(self, bus: Bus) -> bool {
        match self {
            Self::KillTwice | Self::HalfState | Self::KillDetector | Self::BrokerAway => true,
            Self::Repeats | Self::KillEmitter | Self::SlowDisk | Self::Clock => bus == Bus::Kafka,
            _ => false,
        }
    }

    /// Whether it needs a disk that can be filled.
    pub fn needs_small_disk(self) -> bool {
        matches!(self, Self::FullBus | Self::FullStore | Self::FullSpool)
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
            Self::FullBus => ("full-bus", "the disk of the embedded log, or of all data, is full for a while"),
            Self::FullStore => ("full-store", "the disk of the store is full for a while"),
            Self::FullSpool => ("full-spool", "the disk of an emitter's spool is full while its front door is away"),
            Self::KillEmitter => ("kill-emitter", "kill -9 of an application that emits through a spool"),
            Self::Damage => ("damage", "a bit turns over in a file of a partition of the store"),
            Self::SlowDisk => ("slow-disk", "what becomes durable takes its time"),
            Self::Clock => ("clock", "the clock jumps by an hour, and back"),
            Self::KillIngest => ("kill-ingest", "kill -9 of ingest"),
            Self::KillStore => ("kill-store", "kill -9 of the store"),
            Self::KillDetector => ("kill-detector", "kill -9 of the detector"),
            Self::Zombie => ("zombie", "ingest stands still until its group has given it up, then comes back"),
            Self::Rebalance => ("rebalance", "a second ingest joins and is killed or leaves in mid-batch"),
            Self::BrokerKill => ("broker-kill", "kill -9 of the broker"),
            Self::BrokerAway => ("broker-away", "the broker does not answer for some seconds"),
            Self::Cut => ("cut", "the network between a service and the broker is cut, silent or slow"),
            Self::RawPoison => ("raw-poison", "records that are no events, straight on the raw topic"),
            Self::Overrun => ("overrun", "records are removed before a stopped ingest has read them"),
            Self::Remade => ("remade", "a topic is deleted and made again"),
        }
    }

    pub fn habits(self) -> Habits {
        Habits { poison: self == Self::Poison, repeat: self == Self::Repeats }
    }

    /// Does it, and undoes it.
    pub async fn inject(self, at: &mut Installation, load: &Load, tag: &str, random: &mut Random) -> Harm {
        let mut harm = Harm { tag: tag.to_owned(), ..Harm::default() };
        match self {
            Self::Kill => again(at, "up"),
            Self::KillTwice => {
                again(at, "up");
                sleep(random.millis(1, 300)).await;
                again(at, "up");
            }
            Self::Pause => pause(at, "up", random.millis(1000, 4000)).await,
            Self::Terminate => terminate(at, random, &mut harm),
            Self::TornLog => disk::torn_log(at, random),
            Self::HalfState => disk::half_state(at, random),
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
            Self::Cut => cut(at, random).await,
            Self::RawPoison => broker::raw_poison(at, random, &mut harm).await,
            Self::Overrun => broker::overrun(at, load, random, &mut harm).await,
            Self::Remade => broker::remade(at, load, random, &mut harm).await,
            Self::FullBus => {
                let part = ["data/bus", "data"][random.index(2)];
                disk::full(at, "up", part, random, &mut harm).await;
            }
            Self::FullStore => {
                let role = if at.bus == Bus::Embedded { "up" } else { "store" };
                disk::full(at, role, "data/index", random, &mut harm).await;
            }
            Self::FullSpool => application::full_spool(at, random, &mut harm).await,
            Self::KillEmitter => application::kill(at, random, &mut harm).await,
            Self::Damage => disk::damage(at, random, &mut harm).await,
            Self::SlowDisk => disk::slow(at, random).await,
            Self::Clock => clock(at, random).await,
        }
        harm
    }
}

/// kill -9, and a new start.
fn again(at: &mut Installation, name: &'static str) {
    at.kill(name);
    at.bring_up(name);
}

fn terminate(at: &mut Installation, random: &mut Random, harm: &mut Harm) {
    let role = at.roles()[random.index(at.roles().len())];
    let began = Instant::now();
    let ended_well = block_in_place(|| at.terminate(role));
    if !ended_well || began.elapsed() > STOP {
        harm.faults.push(format!("{role} took {:?} to stop, well: {ended_well}", began.elapsed()));
    }
    at.bring_up(role);
}

/// The network of a service fails for some time. What was on its way through a silent one arrives late, or never.
async fn cut(at: &mut Installation, random: &mut Random) {
    let role = ["ingest", "ingest", "store", "detector"][random.index(4)];
    let late = Duration::from_millis(1 + random.below(300));
    let network = [Network::Cut, Network::Silent, Network::Slow(late)][random.index(3)];
    at.network(role, network);
    sleep(random.millis(2000, 12_000)).await;
    if network == Network::Silent && random.one_in(2) {
        at.network(role, Network::Cut);
        sleep(Duration::from_millis(200)).await;
    }
    at.network(role, Network::Whole);
}

/// The clocks of a process jump by an hour while it works, and back: those that our own code reads, or, where the library
/// for that is installed, every one that is read, librdkafka's included.
async fn clock(at: &mut Installation, random: &mut Random) {
    let role = at.roles()[random.index(at.roles().len())];
    let (jump, reads) = ([3600, -3600][random.index(2)], 1 + random.below(100));
    at.kill(role);
    match FAKETIME.iter().find(|path| Path::new(path).exists()) {
        Some(library) if random.one_in(2) => turn_all_clocks(at, role, library, jump, random).await,
        _ => {
            let clocks = ["clock", "bus::clock"].map(|clock| format!("{clock}={reads}*off->return({jump})"));
            at.bring_up_with(role, &[("FAILPOINTS", &clocks.join(";"))]);
            sleep(random.millis(3000, 6000)).await;
        }
    }
    at.kill(role);
    at.bring_up(role);
}

/// Where Debian's package libfaketime puts its library.
const FAKETIME: [&str; 2] =
    ["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"];

async fn turn_all_clocks(at: &mut Installation, role: &'static str, library: &str, jump: i64, random: &mut Random) {
    let file = at.home(role).join("clock");
    let turn = |seconds: i64| std::fs::write(&file, format!("{seconds:+}\n")).unwrap();
    turn(0);
    at.bring_up_with(
        role,
        &[
            ("LD_PRELOAD", library),
            ("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap()),
            // The library looks into the file once a second.
            ("FAKETIME_CACHE_DURATION", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ],
    );
    for seconds in [0, jump, 0] {
        turn(seconds);
        sleep(random.millis(1500, 3500)).await;
    }
}

async fn pause(at: &mut Installation, name: &str, time: Duration) {
    at.signal(name, "-STOP");
    sleep(time).await;
    at.signal(name, "-CONT");
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
    let (point, role) = points[random.index(points.len())];
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
    let limit = if at.bus == Bus::Embedded { UP_MIB } else { SERVICE_MIB };
    if peak > limit {
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
        false => assert!(block_in_place(|| at.terminate("ingest-second"))),
    }
}
