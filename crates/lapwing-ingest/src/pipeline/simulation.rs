//! Thousands of lives of the pipeline over a bus in memory, on a clock that only moves when everybody waits.
//!
//! Every fault that the bus may show happens at moments that follow from a seed: a step fails before or after it was
//! taken, or hangs; reading fails; records are removed; the process is killed at any point, or stands still while its
//! successor works and then comes back. In the end every raw record has exactly one effect, in order.
//! In the environment of the build `LAPWING_SIMULATION_SEEDS` says how many seeds are run, `LAPWING_SIMULATION_SEED`
//! names a single one.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use lapwing_bus::Source;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::tests::{AT, sanitize};
use super::*;
use crate::EVENTS_LOST;

const SEEDS: u64 = 2_000;
const PARTITIONS: usize = 3;
/// Records of a life; some of them are no events.
const RECORDS: u64 = 12;
/// How long the last, undisturbed life may take, on the clock of the simulation.
const QUIET: Duration = Duration::from_secs(60);

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// What the bus holds, and what will go wrong with it.
struct State {
    random: Random,
    faulty: bool,
    raw: Vec<Vec<Message>>,
    low: [i64; PARTITIONS],
    committed: [i64; PARTITIONS],
    clean: Vec<Value>,
    dead: Vec<Value>,
    /// The member that may commit.
    member: u64,
}

#[derive(Clone)]
struct Bus(Arc<Mutex<State>>);

impl Bus {
    fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: Random(seed),
            faulty: true,
            raw: vec![Vec::new(); PARTITIONS],
            low: [0; PARTITIONS],
            committed: [0; PARTITIONS],
            clean: Vec::new(),
            dead: Vec::new(),
            member: 0,
        })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap())
    }

    /// A successor of all members before.
    fn join(&self) -> Member {
        let name = self.with(|state| {
            state.member += 1;
            state.member
        });
        Member { bus: self.clone(), name, next: None }
    }

    /// More records, and perhaps fewer.
    fn fill(&self) {
        self.with(|state| {
            for _ in 0..RECORDS {
                let partition = usize::try_from(state.random.below(PARTITIONS as u64)).unwrap();
                let offset = state.raw[partition].len();
                let value = match state.random.below(6) {
                    0 => "no event".to_owned(),
                    1 => json!({"prompt": "fail"}).to_string(),
                    _ => json!({"prompt": "p", "session_id": partition.to_string(), "latency_ms": offset}).to_string(),
                };
                state.raw[partition].push(Message {
                    topic: topics::RAW.to_owned(),
                    partition: partition as i32,
                    offset: offset as i64,
                    timestamp_ms: AT,
                    record: Record { value: value.into(), ..Record::default() },
                });
            }
            if state.random.one_in(4) {
                let partition = usize::try_from(state.random.below(PARTITIONS as u64)).unwrap();
                let end = state.raw[partition].len() as u64;
                let low = state.random.below(end + 1) as i64;
                state.low[partition] = state.low[partition].max(low);
            }
        });
    }

    /// Some time passes, if anything goes wrong at all.
    async fn delay(&self) {
        let pause = self.with(|state| if state.faulty { state.random.below(8) } else { 0 });
        sleep(Duration::from_millis(pause)).await;
    }
}

/// A member of the group, which knows where it is until a step fails.
struct Member {
    bus: Bus,
    name: u64,
    next: Option<[i64; PARTITIONS]>,
}

#[async_trait]
impl Source for Member {
    async fn next_batch(&mut self, max: usize, wait: Duration) -> Result<Batch, BusError> {
        self.bus.delay().await;
        let messages = self.bus.with(|state| {
            if state.faulty && state.random.one_in(8) {
                return Err(BusError::Unavailable("not read".to_owned()));
            }
            let next = self.next.get_or_insert(state.committed);
            for (partition, next) in next.iter_mut().enumerate() {
                let (first, low) = (*next, state.low[partition]);
                if first < low {
                    *next = low;
                    let topic = topics::RAW.to_owned();
                    return Err(BusError::Gap(Gap { topic, partition: partition as i32, first, next: low }));
                }
            }
            let mut messages = Vec::new();
            for (partition, next) in next.iter_mut().enumerate() {
                let take = 1 + usize::try_from(state.random.below(max as u64)).unwrap();
                let from = usize::try_from(*next).unwrap();
                messages.extend(state.raw[partition].iter().skip(from).take(take).cloned());
                *next = (from + take).min(state.raw[partition].len()) as i64;
            }
            Ok(messages)
        })?;
        if messages.is_empty() {
            sleep(wait).await;
        }
        Ok(Batch { messages })
    }

    async fn commit(&mut self, _: &Checkpoint) -> Result<(), BusError> {
        panic!("the pipeline commits only together with its effects");
    }

    async fn lag(&mut self) -> Result<u64, BusError> {
        Ok(0)
    }
}

#[async_trait]
impl Transact for Member {
    async fn send_and_commit(
        &mut self,
        outputs: Vec<(String, Vec<Record>)>,
        checkpoint: &Checkpoint,
    ) -> Result<(), BusError> {
        // Given back only by success, also where the call is cancelled.
        let next = self.next.take();
        self.bus.delay().await;
        let fate = self.bus.with(|state| if state.faulty { state.random.below(10) } else { 9 });
        if fate == 0 {
            std::future::pending::<()>().await;
        }
        if fate == 1 {
            return Err(BusError::Unavailable("not taken".to_owned()));
        }
        self.bus.with(|state| {
            if state.member != self.name {
                return Err(BusError::Fatal("another process has taken over".to_owned()));
            }
            for (topic, records) in outputs {
                let values = records.iter().map(|record| serde_json::from_slice(&record.value).unwrap());
                if topic == topics::CLEAN { &mut state.clean } else { &mut state.dead }.extend(values);
            }
            for (_, partition, next) in checkpoint.iter() {
                state.committed[usize::try_from(partition).unwrap()] = next;
            }
            Ok(())
        })?;
        match fate {
            2 => std::future::pending().await,
            3 => Err(BusError::Unavailable("the answer was lost".to_owned())),
            _ => {
                self.next = next;
                Ok(())
            }
        }
    }
}

fn pipeline(member: Member) -> Pipeline {
    let config = IngestConfig { batch_size: 4, batch_wait_ms: 20, workers: 2, ..IngestConfig::default() };
    let clock = || Timestamp::from_millis(AT);
    Pipeline::with(Box::new(member), Arc::new(sanitize), config, clock, &mut Registry::default())
}

async fn simulate(seed: u64) {
    let bus = Bus::new(seed);
    let mut zombies = JoinSet::new();
    for _ in 0..bus.with(|state| state.random.below(6)) {
        bus.fill();
        let life = Duration::from_millis(bus.with(|state| state.random.below(200)));
        let living = pipeline(bus.join()).run(std::future::pending());
        if bus.with(|state| state.random.one_in(3)) {
            // It goes on after its successor has taken over.
            zombies.spawn(living);
            sleep(life).await;
        } else {
            let _killed = tokio::time::timeout(life, living).await;
        }
    }
    bus.fill();
    bus.with(|state| state.faulty = false);
    let done = async {
        while bus.with(|state| (0..PARTITIONS).any(|at| state.committed[at] < state.raw[at].len() as i64)) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        ended = pipeline(bus.join()).run(std::future::pending()) => panic!("seed {seed}: ended by itself: {ended:?}"),
        done = tokio::time::timeout(QUIET, done) => assert!(done.is_ok(), "seed {seed}: does not come to its end"),
    }
    zombies.shutdown().await;
    bus.with(|state| check(seed, state));
}

/// Each raw record has one effect: a clean event, a dead letter, or a place in a gap.
fn check(seed: u64, state: &State) {
    let mut effects: BTreeMap<(i64, i64), u32> = BTreeMap::new();
    let mut last = [-1; PARTITIONS];
    for event in &state.clean {
        if event["error"]["type"] == EVENTS_LOST {
            let gap = &event["attrs"]["gap"];
            for offset in gap["first_offset"].as_i64().unwrap()..gap["next_offset"].as_i64().unwrap() {
                *effects.entry((gap["partition"].as_i64().unwrap(), offset)).or_default() += 1;
            }
            continue;
        }
        let partition: i64 = event["session"]["id"].as_str().unwrap().parse().unwrap();
        let offset = event["latency_ms"].as_f64().unwrap() as i64;
        *effects.entry((partition, offset)).or_default() += 1;
        let before = std::mem::replace(&mut last[usize::try_from(partition).unwrap()], offset);
        assert!(before < offset, "seed {seed}: partition {partition}: {offset} after {before}");
    }
    for letter in &state.dead {
        let place = (letter["partition"].as_i64().unwrap(), letter["offset"].as_i64().unwrap());
        *effects.entry(place).or_default() += 1;
    }
    for message in state.raw.iter().flatten() {
        let count = effects.remove(&(message.partition.into(), message.offset)).unwrap_or(0);
        let Message { partition, offset, .. } = message;
        assert_eq!(count, 1, "seed {seed}: partition {partition} offset {offset} has {count} effects");
    }
    assert!(effects.is_empty(), "seed {seed}: effects without a cause: {effects:?}");
}

#[test]
fn every_record_has_one_effect_whatever_happens() {
    let number = |value: Option<&str>| value.map(|value| value.parse::<u64>().unwrap());
    let seeds = match number(option_env!("LAPWING_SIMULATION_SEED")) {
        Some(seed) => seed..seed + 1,
        None => 0..number(option_env!("LAPWING_SIMULATION_SEEDS")).unwrap_or(SEEDS),
    };
    for seed in seeds {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(simulate(seed));
    }
}
