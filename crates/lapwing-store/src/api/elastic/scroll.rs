//! Searches that go on page by page: a bounded number of scrolls, each until it is ended or was not asked for in time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lapwing_event::{TenantId, Timestamp};

use super::ask::Ask;
use super::error::ElasticError;
use super::index::Target;
use super::search::MAX_KEEP_ALIVE;
use crate::Scope;

/// Scrolls that are open at once, over all tenants.
const MAX_SCROLLS: usize = 500;

/// The open scrolls.
#[derive(Default)]
pub(super) struct Scrolls(Mutex<Open>);

#[derive(Default)]
struct Open {
    scrolls: HashMap<String, Scroll>,
    opened: u64,
}

struct Scroll {
    tenant: TenantId,
    target: Target,
    ask: Ask,
    keep_alive: Duration,
    ends: Timestamp,
}

impl Scrolls {
    /// Keeps a search to go on with, and gives its id.
    pub fn open(&self, scope: &Scope, target: Target, ask: Ask, keep_alive: Duration) -> Result<String, ElasticError> {
        let mut open = self.lock();
        open.scrolls.retain(|_, scroll| scroll.ends > scope.now);
        if open.scrolls.len() >= MAX_SCROLLS {
            let reason = format!("there are {MAX_SCROLLS} open scrolls; end one, or page with search_after");
            return Err(ElasticError::new(StatusCode::TOO_MANY_REQUESTS, "es_rejected_execution_exception", reason));
        }
        open.opened += 1;
        let id = URL_SAFE_NO_PAD.encode(format!("scroll:{}:{}", scope.now.nanos(), open.opened));
        let scroll = Scroll { tenant: scope.tenant.clone(), target, ask, keep_alive, ends: scope.now + keep_alive };
        open.scrolls.insert(id.clone(), scroll);
        Ok(id)
    }

    /// The search of an open scroll of the tenant, whose time begins anew.
    pub fn resume(&self, scope: &Scope, id: &str, keep_alive: Option<Duration>) -> Option<(Target, Ask)> {
        let mut open = self.lock();
        let scroll = open.scrolls.get_mut(id)?;
        if scroll.tenant != scope.tenant || scroll.ends <= scope.now {
            return None;
        }
        scroll.keep_alive = keep_alive.unwrap_or(scroll.keep_alive);
        scroll.ends = scope.now + scroll.keep_alive;
        Some((scroll.target.clone(), scroll.ask.clone()))
    }

    /// Keeps the place that a scroll has reached.
    pub fn put_back(&self, id: &str, ask: Ask) {
        if let Some(scroll) = self.lock().scrolls.get_mut(id) {
            scroll.ask = ask;
        }
    }

    /// Ends these of the tenant's scrolls, `_all` for all of them, and says how many.
    pub fn close(&self, scope: &Scope, ids: &[String]) -> usize {
        let mut open = self.lock();
        let before = open.scrolls.len();
        let named = |id: &String| ids.iter().any(|named| named == id || named == "_all");
        open.scrolls.retain(|id, scroll| scroll.tenant != scope.tenant || !named(id));
        before - open.scrolls.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A state of an index, as the id of a point in time says it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Events from this sequence number on are not seen.
    pub as_of: u64,
    pub index: String,
}

impl Held {
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("pit:{}:{}", self.as_of, self.index))
    }

    pub fn decode(id: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
        let (as_of, index) = text.strip_prefix("pit:")?.split_once(':')?;
        Some(Self { as_of: as_of.parse().ok()?, index: index.to_owned() })
    }
}

/// Reads how long a scroll is kept: `1m`, `30s`, at most a day.
pub(super) fn keep_alive(text: &str) -> Result<Duration, ElasticError> {
    let fault = || ElasticError::illegal(format!("[{text}] is not a time to keep a search; write 30s, 5m or 1h"));
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let amount: u64 = text[..digits].parse().map_err(|_| fault())?;
    let millis = match &text[digits..] {
        "ms" => amount,
        "s" => amount.saturating_mul(1_000),
        "m" => amount.saturating_mul(60_000),
        "h" => amount.saturating_mul(3_600_000),
        "d" => amount.saturating_mul(86_400_000),
        _ => return Err(fault()),
    };
    let length = Duration::from_millis(millis);
    match length > MAX_KEEP_ALIVE {
        true => Err(ElasticError::illegal(format!("keep alive [{text}] is too large; at most 1d is kept"))),
        false => Ok(length),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::api::elastic::ask::Options;

    fn scope(tenant: &str, millis: i64) -> Scope {
        Scope::new(TenantId::new(tenant).unwrap(), Timestamp::from_millis(millis))
    }

    fn ask() -> Ask {
        Ask::read(&json!({}), &Options::default()).unwrap()
    }

    #[test]
    fn a_scroll_is_its_tenants_until_it_ends() {
        let scrolls = Scrolls::default();
        let minute = Duration::from_secs(60);
        let id = scrolls.open(&scope("acme", 0), Target::Events, ask(), minute).unwrap();
        assert!(scrolls.resume(&scope("acme", 59_000), &id, None).is_some());
        assert!(scrolls.resume(&scope("zeta", 59_000), &id, None).is_none());
        assert!(scrolls.resume(&scope("acme", 118_000), &id, Some(Duration::from_secs(1))).is_some());
        assert!(scrolls.resume(&scope("acme", 120_000), &id, None).is_none(), "its time is over");
        let id = scrolls.open(&scope("acme", 0), Target::Events, ask(), minute).unwrap();
        assert_eq!(scrolls.close(&scope("zeta", 0), &["_all".to_owned()]), 0);
        assert_eq!(scrolls.close(&scope("acme", 0), std::slice::from_ref(&id)), 1);
        assert!(scrolls.resume(&scope("acme", 0), &id, None).is_none());
    }

    #[test]
    fn their_number_is_bounded_and_the_expired_make_room() {
        let scrolls = Scrolls::default();
        let second = Duration::from_secs(1);
        for _ in 0..MAX_SCROLLS {
            scrolls.open(&scope("acme", 0), Target::Events, ask(), second).unwrap();
        }
        let error = scrolls.open(&scope("acme", 500), Target::Events, ask(), second).unwrap_err();
        assert_eq!(error.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(scrolls.open(&scope("acme", 1_000), Target::Events, ask(), second).is_ok());
    }

    #[test]
    fn times_to_keep_are_read_within_a_day() {
        assert_eq!(keep_alive("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(keep_alive("1d").unwrap(), MAX_KEEP_ALIVE);
        for text in ["", "m", "1", "1y", "25h", "-1m", "1é"] {
            assert!(keep_alive(text).is_err(), "{text}");
        }
        let held = Held { as_of: 7, index: "lapwing".to_owned() };
        assert_eq!(Held::decode(&held.encode()), Some(held));
        assert_eq!(Held::decode("x"), None);
    }
}
