//! How many events a second a tenant may send.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use lapwing_event::TenantId;

/// A tenant that was quiet may send this much of its rate at once.
const BURST: Duration = Duration::from_secs(5);

/// The rate of each tenant, by the generic cell rate algorithm (ITU-T I.371, annex A): one point in time a
/// tenant, which every event moves ahead by its share of a second. Tenants come from credentials, so there are
/// only so many.
#[derive(Debug)]
pub(crate) struct RateLimit {
    /// What one event takes of the rate; none is no limit.
    interval: Option<Duration>,
    paid_until: Mutex<HashMap<TenantId, Instant>>,
}

impl RateLimit {
    /// At most so many events a second; 0 is no limit.
    pub(crate) fn new(events_per_second: u32) -> Self {
        let interval = (events_per_second > 0).then(|| Duration::from_secs(1) / events_per_second);
        Self { interval, paid_until: Mutex::default() }
    }

    /// Takes the events, or says how long to wait. A request is taken as a whole while the tenant is within its
    /// burst, however large it is; the debt is paid before the next one.
    pub(crate) fn take(&self, tenant: &TenantId, events: usize, now: Instant) -> Result<(), Duration> {
        let Some(interval) = self.interval else { return Ok(()) };
        let mut tenants = self.paid_until.lock().expect("nobody panics while holding the lock");
        let paid_until = tenants.get(tenant).copied().unwrap_or(now).max(now);
        let ahead = paid_until - now;
        if ahead > BURST {
            return Err(ahead - BURST);
        }
        let cost = interval.saturating_mul(u32::try_from(events).unwrap_or(u32::MAX));
        tenants.insert(tenant.clone(), paid_until + cost);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_tenant_keeps_to_its_rate_and_others_do_not_pay() {
        let limit = RateLimit::new(10);
        let (a, b) = (TenantId::new("a").unwrap(), TenantId::new("b").unwrap());
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        assert_eq!(limit.take(&a, 50, at(0.0)), Ok(()));
        assert_eq!(limit.take(&a, 20, at(0.0)), Ok(()), "exactly the burst is ahead");
        assert_eq!(limit.take(&a, 1, at(0.0)), Err(Duration::from_secs(2)));
        assert_eq!(limit.take(&b, 1, at(0.0)), Ok(()));
        assert_eq!(limit.take(&a, 1, at(1.5)), Err(Duration::from_millis(500)));
        assert_eq!(limit.take(&a, 1, at(2.0)), Ok(()));
        assert_eq!(limit.take(&a, 1, at(100.0)), Ok(()));
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let limit = RateLimit::new(0);
        assert!((0..10).all(|_| limit.take(&TenantId::default(), usize::MAX, Instant::now()).is_ok()));
    }
}
