//! How many events a second an API key, and a tenant with all its keys, may send.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lapwing_event::TenantId;

use crate::IngestConfig;

/// Whoever was quiet may send this much of its rate at once.
const BURST: Duration = Duration::from_secs(5);

/// Who sends, as it is accounted for.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Whether it may bring reviews.
    pub may_review: bool,
    /// Whose events these are.
    pub tenant: TenantId,
    /// The public part of the key it came with; the tenant's name where it came without one.
    pub key: Arc<str>,
}

/// The caller sends more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{who} sends more events a second than it may; wait {} s", .wait.as_secs_f64().ceil())]
pub(crate) struct TooFast {
    who: &'static str,
    /// Until it may send again.
    pub wait: Duration,
}

/// The rates of keys and of tenants.
#[derive(Debug)]
pub(crate) struct RateLimits {
    keys: Rates,
    tenants: Rates,
}

impl RateLimits {
    pub(crate) fn new(config: &IngestConfig) -> Self {
        let (keys, tenants) = (config.max_events_per_second, config.max_tenant_events_per_second);
        Self { keys: Rates::new(keys), tenants: Rates::new(tenants) }
    }

    /// Takes the events from what the key and its tenant may send, or from neither.
    pub(crate) fn take(&self, caller: &Caller, events: usize, now: Instant) -> Result<(), TooFast> {
        let too_fast = |who| move |wait| TooFast { who, wait };
        self.tenants.take(caller.tenant.as_str(), 0, now).map_err(too_fast("tenant"))?;
        self.keys.take(&caller.key, events, now).map_err(too_fast("API key"))?;
        self.tenants.take(caller.tenant.as_str(), events, now).map_err(too_fast("tenant"))
    }
}

/// Rates by name, by the generic cell rate algorithm (ITU-T I.371, annex A): one point in time a name, which every
/// event moves ahead by its share of a second. Names come from credentials, so there are only so many.
#[derive(Debug)]
struct Rates {
    /// What one event takes of the rate; none is no limit.
    interval: Option<Duration>,
    paid_until: Mutex<HashMap<String, Instant>>,
}

impl Rates {
    /// At most so many events a second; 0 is no limit.
    fn new(events_per_second: u32) -> Self {
        let interval = (events_per_second > 0).then(|| Duration::from_secs(1) / events_per_second);
        Self { interval, paid_until: Mutex::default() }
    }

    /// Takes the events, or says how long to wait. A request is taken as a whole while its sender is within its
    /// burst, however large it is; the debt is paid before the next one.
    fn take(&self, name: &str, events: usize, now: Instant) -> Result<(), Duration> {
        let Some(interval) = self.interval else { return Ok(()) };
        let mut rates = self.paid_until.lock().expect("nobody panics while holding the lock");
        let paid_until = rates.get(name).copied().unwrap_or(now).max(now);
        let ahead = paid_until - now;
        if ahead > BURST {
            return Err(ahead - BURST);
        }
        let cost = interval.saturating_mul(u32::try_from(events).unwrap_or(u32::MAX));
        rates.insert(name.to_owned(), paid_until + cost);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn caller(tenant: &str, key: &str) -> Caller {
        Caller { tenant: TenantId::new(tenant).unwrap(), key: key.into(), may_review: false }
    }

    fn limits(per_key: u32, per_tenant: u32) -> RateLimits {
        RateLimits::new(&IngestConfig {
            max_events_per_second: per_key,
            max_tenant_events_per_second: per_tenant,
            ..IngestConfig::default()
        })
    }

    #[test]
    fn a_key_keeps_to_its_rate_and_others_do_not_pay() {
        let limits = limits(10, 0);
        let (a, b) = (caller("acme", "a"), caller("acme", "b"));
        let start = Instant::now();
        let check = |caller: &Caller, events, seconds: f64, wait: Option<f64>| {
            let taken = limits.take(caller, events, start + Duration::from_secs_f64(seconds));
            let wait = wait.map(|wait| TooFast { who: "API key", wait: Duration::from_secs_f64(wait) });
            assert_eq!(taken.err(), wait, "{events} at {seconds}");
        };
        check(&a, 50, 0.0, None);
        check(&a, 20, 0.0, None);
        check(&a, 1, 0.0, Some(2.0));
        check(&b, 1, 0.0, None);
        check(&a, 1, 1.5, Some(0.5));
        check(&a, 1, 2.0, None);
        check(&a, 1, 100.0, None);
    }

    #[test]
    fn a_tenant_is_bounded_whatever_keys_it_makes() {
        let limits = limits(100, 10);
        let now = Instant::now();
        assert_eq!(limits.take(&caller("acme", "a"), 60, now), Ok(()));
        let wait = Duration::from_secs(1);
        assert_eq!(limits.take(&caller("acme", "b"), 1, now), Err(TooFast { who: "tenant", wait }));
        assert_eq!(limits.take(&caller("other", "c"), 1, now), Ok(()));
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let limits = limits(0, 0);
        assert!((0..10).all(|_| limits.take(&caller("acme", "a"), usize::MAX, Instant::now()).is_ok()));
    }
}
