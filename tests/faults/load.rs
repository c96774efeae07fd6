//! Several producers that send numbered events at a steady rate and write down what was acknowledged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::random::Random;

/// Producers; each has a session of its own and awaits the answer to one request before the next.
const PRODUCERS: u32 = 4;
/// Further producers that send only while there is a burst.
const CROWD: u32 = 28;
/// Events in a request.
const BATCH: u32 = 10;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a producer that pauses looks whether it still should.
const PAUSED: Duration = Duration::from_millis(50);
/// Every so many-th event is toxic, which raises an alert.
pub const TOXIC: u32 = 10;

/// An event, by its producer and number.
pub type Item = (u32, u32);

/// What the producers do besides sending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Habits {
    /// A tenth of the items is no event.
    pub poison: bool,
    /// What was acknowledged is sent again, also long after, in another order.
    pub repeat: bool,
}

/// What became of what was sent.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Must be there once.
    pub acknowledged: BTreeSet<Item>,
    /// The answer did not come: may be there, at most once.
    pub unanswered: BTreeSet<Item>,
    /// Told to come again later (429, 503, 507).
    pub pushed_back: u64,
    /// No events, and refused as such.
    pub refused: u64,
    /// Answers that should not be.
    pub faults: Vec<String>,
}

/// Producers at work.
pub struct Load {
    producers: JoinSet<Ledger>,
    stop: CancellationToken,
    rate: Arc<AtomicU32>,
    base_rate: u32,
}

impl Ledger {
    pub fn add(&mut self, other: Self) {
        let Self { acknowledged, unanswered, pushed_back, refused, faults } = other;
        self.acknowledged.extend(acknowledged);
        self.unanswered.extend(unanswered);
        self.pushed_back += pushed_back;
        self.refused += refused;
        self.faults.extend(faults);
    }
}

impl Load {
    pub fn start(front: &str, tag: &str, rate: u32, habits: Habits, seed: u64) -> Self {
        let (stop, shared) = (CancellationToken::new(), Arc::new(AtomicU32::new(rate)));
        let (mut producers, beginning_ms) = (JoinSet::new(), days_ago_ms(1));
        for number in 0..PRODUCERS + CROWD {
            let producer = Producer {
                http: reqwest::Client::new(),
                url: format!("{front}/v1/events"),
                tag: tag.to_owned(),
                number,
                beginning_ms,
                base_rate: rate,
                habits,
                random: Random::new(seed.wrapping_add(number.into())),
                ledger: Ledger::default(),
            };
            producers.spawn(producer.run(Arc::clone(&shared), stop.clone()));
        }
        Self { producers, stop, rate: shared, base_rate: rate }
    }

    /// Multiplies the rate.
    pub fn times(&self, factor: u32) {
        self.rate.store(self.base_rate * factor, Ordering::Relaxed);
    }

    /// Sends nothing more, until [`times`](Self::times).
    pub fn pause(&self) {
        self.rate.store(0, Ordering::Relaxed);
    }

    /// Ends the producers, each after the answer to its last request.
    pub async fn stop(&mut self) -> Ledger {
        self.stop.cancel();
        let mut all = Ledger::default();
        while let Some(ledger) = self.producers.join_next().await {
            all.add(ledger.unwrap());
        }
        all
    }
}

struct Producer {
    http: reqwest::Client,
    url: String,
    tag: String,
    number: u32,
    beginning_ms: u64,
    base_rate: u32,
    habits: Habits,
    random: Random,
    ledger: Ledger,
}

impl Producer {
    async fn run(mut self, rate: Arc<AtomicU32>, stop: CancellationToken) -> Ledger {
        let mut next = 0;
        while !stop.is_cancelled() {
            let now = rate.load(Ordering::Relaxed);
            if now == 0 || (self.number >= PRODUCERS && now <= self.base_rate) {
                tokio::time::sleep(PAUSED).await;
                continue;
            }
            let numbers: Vec<u32> = (next..next + BATCH).collect();
            next += BATCH;
            self.send(&numbers).await;
            if self.habits.repeat && self.random.one_in(3) {
                self.repeat().await;
            }
            let producers = if now > self.base_rate { PRODUCERS + CROWD } else { PRODUCERS };
            let pause = Duration::from_secs(1) * BATCH * producers / now;
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.ledger
    }

    async fn send(&mut self, numbers: &[u32]) {
        let mut items: Vec<Value> = numbers.iter().map(|number| self.event(*number)).collect();
        let mut poison = 0;
        if self.habits.poison {
            let at = self.random.index(items.len());
            let bad = [json!(17), json!("no event"), json!({"kind": "alert"}), json!({"ts": "2100-01-01T00:00:00Z"})];
            items.insert(at, bad[self.random.index(4)].clone());
            poison = 1;
        }
        let answer = self.post(&items).await;
        let sent = numbers.iter().map(|number| (self.number, *number));
        match answer {
            Some((202 | 207 | 200, body)) => {
                if (&body["accepted"], &body["rejected"]) == (&numbers.len().into(), &poison.into()) {
                    self.ledger.acknowledged.extend(sent);
                    self.ledger.refused += poison;
                } else {
                    self.ledger.unanswered.extend(sent);
                    self.ledger.faults.push(format!("an answer does not fit: {body}"));
                }
            }
            // Nothing of the request was taken.
            Some((429 | 503 | 507, _)) => self.ledger.pushed_back += 1,
            Some((status, body)) => {
                self.ledger.unanswered.extend(sent);
                self.ledger.faults.push(format!("status {status}: {body}"));
            }
            None => self.ledger.unanswered.extend(sent),
        }
    }

    /// Sends some of what was acknowledged once more, backwards.
    async fn repeat(&mut self) {
        let count = self.ledger.acknowledged.len() as u64;
        if count == 0 {
            return;
        }
        let from = usize::try_from(self.random.below(count)).unwrap();
        let again: Vec<Value> =
            self.ledger.acknowledged.iter().skip(from).take(20).rev().map(|(_, number)| self.event(*number)).collect();
        self.post(&again).await;
    }

    /// Status and body, or nothing where no answer came.
    async fn post(&self, items: &[Value]) -> Option<(u16, Value)> {
        let request = self.http.post(&self.url).timeout(PATIENCE).json(items);
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        Some((status, serde_json::from_slice(&response.bytes().await.ok()?).unwrap_or_default()))
    }

    /// Time and ids follow from the number, so that the same item is the same event. Toxic ones belong to no session:
    /// a session's alerts are told as one.
    fn event(&self, number: u32) -> Value {
        let mut event = json!({
            "interaction_id": format!("{}-{}-{number}", self.tag, self.number),
            "timestamp": self.beginning_ms + u64::from(number),
            "service": self.tag,
            "prompt": "numbered",
            "producer": self.number,
            "number": number,
        });
        let (name, value) = match number.is_multiple_of(TOXIC) {
            true => ("toxicity_score", json!(0.9)),
            false => ("session_id", json!(format!("{}-{}", self.tag, self.number))),
        };
        event[name] = value;
        event
    }
}

/// So many days ago, in milliseconds.
pub fn days_ago_ms(days: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap() - days * 86_400_000
}
