//! Retention: how long events are kept, by tenant and kind, and the legal hold that overrules it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lapwing_event::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::partition::PartitionId;
use crate::query::Query;
use crate::search::is;
use crate::writer::{Command, Erasing};
use crate::{Store, StoreError};

/// How many days events are kept, counted from the end of their partition. The first that applies holds: a legal
/// hold, the tenant's days, the kind's days, `days`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// For everything that has no rule of its own.
    pub days: u32,
    /// By tenant.
    pub tenants: BTreeMap<String, u32>,
    /// By kind, such as `audit = 730`.
    pub kinds: BTreeMap<String, u32>,
    /// Tenants of which nothing is removed.
    pub legal_hold: BTreeSet<String>,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { days: 190, tenants: BTreeMap::new(), kinds: BTreeMap::new(), legal_hold: BTreeSet::new() }
    }
}

/// What becomes of a partition.
#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    Keep,
    /// Nothing in it is to be kept.
    Drop,
    /// What matches is to be removed.
    Remove(Query),
}

/// What retention removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Partitions that were dropped whole.
    pub partitions: Vec<String>,
    /// Events that were removed from partitions that stay.
    pub events: u64,
}

impl RetentionConfig {
    /// What becomes of a partition whose span ended `age_days` ago.
    fn verdict(&self, age_days: u64) -> Verdict {
        let past = |days: &u32| u64::from(*days) < age_days;
        let held = self.legal_hold.iter().map(|tenant| (tenant, false));
        let ruled = self.tenants.iter().filter(|(tenant, _)| !self.legal_hold.contains(*tenant));
        let tenants: BTreeMap<_, _> = held.chain(ruled.map(|(tenant, days)| (tenant, past(days)))).collect();
        let (gone, kept): (Vec<_>, Vec<_>) = self.kinds.iter().partition(|(_, days)| past(days));

        let others_gone = past(&self.days);
        if others_gone && kept.is_empty() && tenants.values().all(|gone| *gone) {
            return Verdict::Drop;
        }
        let any = |path: &'static str, values: Vec<&String>| Query::Or(values.iter().map(|v| is(path, v)).collect());
        let gone_tenants: Vec<_> = tenants.iter().filter(|(_, gone)| **gone).map(|(tenant, _)| *tenant).collect();
        let unruled = Query::Not(Box::new(any("tenant.id", tenants.keys().copied().collect())));
        let kinds = |kinds: Vec<(&String, &u32)>| any("kind", kinds.into_iter().map(|(kind, _)| kind).collect());
        let mut parts = Vec::new();
        if !gone_tenants.is_empty() {
            parts.push(any("tenant.id", gone_tenants));
        }
        if others_gone {
            parts.push(Query::And(vec![unruled, Query::Not(Box::new(kinds(kept)))]));
        } else if !gone.is_empty() {
            parts.push(Query::And(vec![unruled, kinds(gone)]));
        }
        if parts.is_empty() { Verdict::Keep } else { Verdict::Remove(Query::Or(parts)) }
    }
}

impl RetentionConfig {
    /// Whether nothing of the tenant is kept of a partition whose span ended `age_days` ago.
    fn is_past(&self, tenant: &TenantId, age_days: u64) -> bool {
        if self.legal_hold.contains(tenant.as_str()) {
            return false;
        }
        let longest = || self.kinds.values().copied().fold(self.days, u32::max);
        u64::from(self.tenants.get(tenant.as_str()).copied().unwrap_or_else(longest)) < age_days
    }
}

impl Store {
    /// Removes what is past its retention as of `now`. Call it now and then, an hour apart or so.
    pub async fn enforce_retention(&self, now: Timestamp) -> Result<Removed, StoreError> {
        let mut removed = Removed::default();
        let snapshot = self.shared.snapshot();
        let ids: Vec<PartitionId> = snapshot.views.iter().map(|view| view.id.clone()).collect();
        drop(snapshot);
        for id in ids {
            let Some((_, end)) = id.span() else { continue };
            match self.config.retention.verdict(days_since(end, now)) {
                Verdict::Keep => {}
                Verdict::Drop => {
                    let (reply, answer) = oneshot::channel();
                    self.command(Command::Drop(id.clone(), reply)).await?;
                    answer.await.map_err(|_| StoreError::Closed)??;
                    removed.partitions.push(id.to_string());
                }
                Verdict::Remove(query) => {
                    let (reply, answer) = oneshot::channel();
                    let work = Erasing { scope: None, query, partitions: Some(vec![id]) };
                    self.command(Command::Erase(work, reply)).await?;
                    removed.events += answer.await.map_err(|_| StoreError::Closed)??.events;
                }
            }
        }
        let retention = self.config.retention.clone();
        let is_past = move |tenant: &TenantId, end: Timestamp| retention.is_past(tenant, days_since(end, now));
        let (reply, answer) = oneshot::channel();
        self.command(Command::Forget(Box::new(is_past), reply)).await?;
        answer.await.map_err(|_| StoreError::Closed)??;
        Ok(removed)
    }
}

fn days_since(end: Timestamp, now: Timestamp) -> u64 {
    now.since(end).as_secs() / DAY.as_secs()
}

const DAY: Duration = Duration::from_secs(86_400);

/// A tenant that a rule names must be one.
pub(crate) fn check(config: &RetentionConfig) -> bool {
    config.tenants.keys().chain(&config.legal_hold).all(|tenant| TenantId::new(tenant).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(days: u32, tenants: &[(&str, u32)], kinds: &[(&str, u32)], hold: &[&str]) -> RetentionConfig {
        let map = |pairs: &[(&str, u32)]| pairs.iter().map(|(key, days)| ((*key).to_owned(), *days)).collect();
        let legal_hold = hold.iter().map(|tenant| (*tenant).to_owned()).collect();
        RetentionConfig { days, tenants: map(tenants), kinds: map(kinds), legal_hold }
    }

    #[test]
    fn a_partition_is_kept_dropped_or_thinned() {
        let check = |config: &RetentionConfig, age, expect: &str| {
            let verdict = match config.verdict(age) {
                Verdict::Keep => "keep",
                Verdict::Drop => "drop",
                Verdict::Remove(_) => "remove",
            };
            assert_eq!(verdict, expect, "{config:?} at {age}");
        };
        let plain = config(190, &[], &[], &[]);
        check(&plain, 190, "keep");
        check(&plain, 191, "drop");
        let audit = config(190, &[], &[("audit", 730)], &[]);
        check(&audit, 191, "remove");
        check(&audit, 731, "drop");
        let short = config(190, &[("trial", 7)], &[("retrieval", 30)], &[]);
        check(&short, 7, "keep");
        check(&short, 8, "remove");
        check(&short, 191, "drop");
        check(&config(190, &[("acme", 7)], &[], &["acme"]), 8, "keep");
        check(&config(190, &[], &[], &["acme"]), 9_999, "remove");
    }

    #[test]
    fn erased_ids_are_past_when_nothing_of_their_tenant_is_kept() {
        let check = |config: &RetentionConfig, age, expect| {
            let tenant = TenantId::new("acme").unwrap_or_default();
            assert_eq!(config.is_past(&tenant, age), expect, "{config:?} at {age}");
        };
        check(&config(190, &[], &[], &[]), 190, false);
        check(&config(190, &[], &[], &[]), 191, true);
        check(&config(190, &[], &[("audit", 730)], &[]), 191, false);
        check(&config(190, &[("acme", 7)], &[("audit", 730)], &[]), 8, true);
        check(&config(190, &[("acme", 7)], &[], &["acme"]), 9_999, false);
    }
}
