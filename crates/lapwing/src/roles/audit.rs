//! The record of who read what: each use of the store becomes an event of kind `audit` on the raw topic and goes the
//! way of every event. Nothing here passes through the HTTP API, so the record of a search is not itself a search.
//!
//! A use waits for nothing: it is put in a bounded queue, and what does not fit is counted as dropped. A console that
//! asks the same again and again makes two records a minute and not one for each time: the first use at once, and at
//! the minute's end one that says how often it was repeated and how many events that touched.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use lapwing_bus::{Record, Sink, topics};
use lapwing_event::{Audit, Event, EventId, Kind, Tenant, TenantId, encode};
use lapwing_ingest::event_record;
use lapwing_store::api::{Access, Action, Auditor};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tokio::sync::mpsc;
use tracing::{error, warn};
use uuid::Uuid;

use super::consume::RETRY;

/// Uses that wait to be written.
const QUEUE: usize = 4_096;
/// Uses that are written at once.
const BATCH: usize = 256;
/// How long the same use is counted and not recorded again.
const WINDOW: Duration = Duration::from_secs(60);
/// How often it is looked for uses whose window is over.
const PACE: Duration = Duration::from_secs(5);
/// Different uses that are remembered; beyond, each is recorded by itself.
const MAX_REMEMBERED: usize = 4_096;
/// How often a batch is tried before it is given up.
const TRIES: usize = 30;

/// The queue between the store's routes and the bus.
pub struct Trail {
    queue: mpsc::Receiver<Access>,
    dropped: Counter,
}

/// Makes the queue. It ends when its auditor is gone.
pub fn trail(registry: &mut Registry) -> (Auditor, Trail) {
    let (sender, queue) = mpsc::channel(QUEUE);
    let dropped = Counter::default();
    registry.register("lapwing_audit_dropped", "Uses of the store that could not be put on record", dropped.clone());
    let counter = dropped.clone();
    let auditor: Auditor = Arc::new(move |access| {
        if sender.try_send(access).is_err() {
            counter.inc();
        }
    });
    (auditor, Trail { queue, dropped })
}

impl Trail {
    /// Writes what comes until the last auditor is gone and everything is written.
    pub async fn run(mut self, sink: Arc<dyn Sink>) -> Result<()> {
        let mut recent = Recent::default();
        let mut pace = tokio::time::interval(PACE);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let open = tokio::select! {
                taken = self.queue.recv_many(&mut batch, BATCH) => taken > 0,
                _ = pace.tick() => true,
            };
            let now = Instant::now();
            let mut records: Vec<Record> = batch.drain(..).filter_map(|access| recent.take(access, now)).collect();
            records.extend(recent.over(if open { Some(now) } else { None }));
            self.write(sink.as_ref(), records).await;
            if !open {
                return Ok(());
            }
        }
    }

    async fn write(&self, sink: &dyn Sink, records: Vec<Record>) {
        if records.is_empty() {
            return;
        }
        for _ in 0..TRIES {
            match sink.send(topics::RAW, records.clone()).await {
                Ok(()) => return,
                Err(error) if error.is_retryable() => {
                    warn!(%error, records = records.len(), "audit not written, trying again");
                    tokio::time::sleep(RETRY).await;
                }
                Err(error) => {
                    error!(%error, "audit refused by the bus");
                    break;
                }
            }
        }
        error!(records = records.len(), "audit records lost");
        self.dropped.inc_by(records.len() as u64);
    }
}

#[derive(PartialEq, Eq, Hash)]
struct Use {
    tenant: TenantId,
    actor: Arc<str>,
    action: Action,
    query: String,
}

struct Repeats {
    since: Instant,
    times: u64,
    count: Option<u64>,
    last: Access,
}

/// The uses of the last minute.
#[derive(Default)]
struct Recent(HashMap<Use, Repeats>);

impl Recent {
    /// The record of a use that is new; a repeated one is counted.
    fn take(&mut self, access: Access, now: Instant) -> Option<Record> {
        let Access { tenant, actor, action, query, .. } = access.clone();
        let key = Use { tenant, actor, action, query };
        if let Some(repeats) = self.0.get_mut(&key).filter(|repeats| now - repeats.since < WINDOW) {
            repeats.times += 1;
            repeats.count = repeats.count.into_iter().chain(access.count).reduce(u64::saturating_add);
            repeats.last = access;
            return None;
        }
        let record = record(&access, 0);
        if self.0.len() < MAX_REMEMBERED && !self.0.contains_key(&key) {
            self.0.insert(key, Repeats { since: now, times: 0, count: None, last: access });
        }
        Some(record)
    }

    /// Forgets the uses whose window is over, all of them without a time, and gives the records of the repeated ones.
    fn over(&mut self, now: Option<Instant>) -> Vec<Record> {
        let ended = |_: &Use, repeats: &mut Repeats| now.is_none_or(|now| now - repeats.since >= WINDOW);
        let ended = self.0.extract_if(ended).map(|(_, repeats)| repeats).filter(|repeats| repeats.times > 0);
        ended.map(|Repeats { times, count, last, .. }| record(&Access { count, ..last }, times)).collect()
    }
}

fn record(access: &Access, repeats: u64) -> Record {
    let mut event = Event::new(Kind::Audit, EventId::from(Uuid::now_v7()), access.at, "lapwing");
    event.tenant = Tenant { id: access.tenant.clone() };
    event.audit = Some(Box::new(Audit {
        action: access.action.as_str().to_owned(),
        actor: access.actor.to_string(),
        query: (!access.query.is_empty()).then(|| access.query.clone()),
        count: access.count,
    }));
    if repeats > 0 {
        event.attrs.insert("repeats".to_owned(), repeats.into());
    }
    event_record(&event, encode(&event))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use lapwing_event::Timestamp;
    use serde_json::Value;

    use super::*;

    fn access(query: &str, count: u64) -> Access {
        Access {
            tenant: TenantId::default(),
            actor: Arc::from("k1"),
            action: Action::Search,
            query: query.to_owned(),
            count: Some(count),
            at: Timestamp::from_millis(1_795_501_800_000),
        }
    }

    fn event(record: &Record) -> Value {
        serde_json::from_slice(&record.value).unwrap()
    }

    #[test]
    fn what_is_repeated_is_counted_and_recorded_at_the_end() {
        let (mut recent, begun) = (Recent::default(), Instant::now());
        let first = recent.take(access("a", 3), begun).unwrap();
        assert_eq!(event(&first)["audit"]["query"], "a");
        assert_eq!(event(&first)["audit"]["count"], 3);
        assert!(recent.take(access("a", 4), begun + WINDOW / 2).is_none());
        assert!(recent.take(access("a", 5), begun + WINDOW / 2).is_none());
        assert!(recent.take(access("b", 1), begun).is_some());
        assert!(recent.over(Some(begun + WINDOW / 2)).is_empty());
        let ended = recent.over(Some(begun + WINDOW));
        assert_eq!(ended.len(), 1, "b was not repeated");
        assert_eq!(
            (&event(&ended[0])["audit"]["count"], &event(&ended[0])["attrs"]["repeats"]),
            (&9.into(), &2.into())
        );
        assert!(recent.take(access("a", 1), begun + WINDOW).is_some(), "a new window");
    }

    #[test]
    fn nothing_waits_and_what_does_not_fit_is_counted() {
        let (auditor, trail) = trail(&mut Registry::default());
        for number in 0..QUEUE + 7 {
            auditor(access(&number.to_string(), 1));
        }
        assert_eq!(trail.dropped.get(), 7);
    }
}
