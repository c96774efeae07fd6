//! From a request's body to records of the raw topic and a receipt: pure, without HTTP and without the bus.

use std::collections::HashMap;

use lapwing_bus::Record;
use lapwing_event::{Arrival, Entropy, Event, EventId, Kind, MAX_EVENT_BYTES, Rejection, encode, map_item};

use crate::items::items;
use crate::receipt::{Receipt, RejectionClass};
use crate::record::event_record;

/// What a body came to.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    /// What goes to the raw topic: the events of an item together, items in the order they came.
    pub records: Vec<Record>,
    /// What the client is told once the records are durable.
    pub receipt: Receipt,
    /// Why items were refused, for the counters.
    pub rejections: Vec<RejectionClass>,
    /// Where the event with this id stands in `records`.
    seen: HashMap<EventId, usize>,
}

/// The body has more items than a request may have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooManyItems;

/// Takes in a body. Item by item, so that a bad one costs only itself.
pub(crate) fn take_in(
    body: &[u8],
    lines: bool,
    may_review: bool,
    max_items: usize,
    arrival: &Arrival,
    entropy: &mut Entropy<'_>,
) -> Result<Intake, TooManyItems> {
    let mut intake = Intake::default();
    for (count, (index, item)) in items(body, lines).enumerate() {
        if count == max_items {
            return Err(TooManyItems);
        }
        let too_large = matches!(item, Ok(bytes) if bytes.len() > MAX_EVENT_BYTES);
        let events = item
            .and_then(|bytes| map_item(bytes, arrival, entropy))
            .and_then(|events| refuse_foreign(events, may_review));
        match events {
            Ok(events) => intake.take(index, &events),
            Err(rejection) if too_large => intake.refuse(index, 413, RejectionClass::TooLarge, rejection),
            Err(rejection) => intake.refuse(index, 400, RejectionClass::of(&rejection), rejection),
        }
    }
    Ok(intake)
}

/// An application must not forge what only Lapwing itself makes, nor judge the alerts that it causes.
fn refuse_foreign(events: Vec<Event>, may_review: bool) -> Result<Vec<Event>, Rejection> {
    if !may_review && events.iter().any(|event| event.kind == Kind::Review || event.review.is_some()) {
        return Err(Rejection::new("kind", "must not be review; the key needs the scope review for that"));
    }
    if events.iter().any(|event| event.kind == Kind::Audit) {
        return Err(Rejection::new("kind", "must not be audit; the record of who read what is made by the server"));
    }
    if events.iter().any(|event| event.audit.is_some()) {
        return Err(Rejection::new("audit", "must not be there; the record of who read what is made by the server"));
    }
    refuse_alerts(events)
}

/// Alerts come from the detector, straight to their own topic: neither an application nor a record of the raw topic
/// may bring one. Audits are not refused there: the server writes its own to that topic.
pub(crate) fn refuse_alerts(events: Vec<Event>) -> Result<Vec<Event>, Rejection> {
    if events.iter().any(|event| event.kind == Kind::Alert) {
        return Err(Rejection::new("kind", "must not be alert; alerts are made by the detector"));
    }
    if events.iter().any(|event| event.alert.is_some()) {
        return Err(Rejection::new("alert", "must not be there; alerts are made by the detector"));
    }
    Ok(events)
}

impl Intake {
    fn take(&mut self, index: usize, events: &[Event]) {
        let mut fresh = Vec::with_capacity(events.len());
        for event in events {
            let encoded = encode(event);
            // The envelope may carry an item that just fitted over the bound that every reader keeps.
            if encoded.len() > MAX_EVENT_BYTES {
                let reason =
                    format!("is {} bytes long as an event; at most {MAX_EVENT_BYTES} are taken", encoded.len());
                return self.refuse(index, 413, RejectionClass::TooLarge, Rejection::new("$", reason));
            }
            match self.seen.get(&event.id) {
                Some(&place) if self.records[place].value == encoded => {}
                Some(_) => {
                    let reason = "was used by an earlier item of this request for something else";
                    return self.refuse(index, 409, RejectionClass::Id, Rejection::new("id", reason));
                }
                None => fresh.push((event.id, event_record(event, encoded))),
            }
        }
        let ids = events.iter().map(|event| event.id).collect();
        self.receipt.accept(index, ids, fresh.is_empty());
        for (id, record) in fresh {
            self.seen.insert(id, self.records.len());
            self.records.push(record);
        }
    }
    fn refuse(&mut self, index: usize, status: u16, class: RejectionClass, rejection: Rejection) {
        self.rejections.push(class);
        self.receipt.reject(index, status, rejection);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use lapwing_event::{TenantId, Timestamp};
    use serde_json::Value;

    use super::*;

    fn take(body: &str) -> Intake {
        let arrival = Arrival::new(TenantId::default(), Timestamp::parse("2026-11-24T06:30:00Z").unwrap());
        let mut drawn = 0;
        let mut entropy = |_| {
            drawn += 1;
            [drawn; 10]
        };
        take_in(body.as_bytes(), false, false, 100, &arrival, &mut entropy).unwrap()
    }

    const ID: &str = "0198a1b2-0000-7000-8000-000000000000";

    fn tool(id: &str, name: &str) -> String {
        format!(r#"{{"kind":"tool","id":"{id}","service":{{"name":"app"}},"tool":{{"name":"{name}","status":"ok"}}}}"#)
    }

    #[test]
    fn the_events_of_an_item_stay_together_and_in_order() {
        let plain = r#"{"prompt":"a","guardrail_triggered":false,"tool_called":["x","y"],"session_id":"s"}"#;
        let intake = take(&format!("[{plain},{}]", tool(ID, "z")));
        let kinds: Vec<String> = intake
            .records
            .iter()
            .map(|record| serde_json::from_slice::<Value>(&record.value).unwrap()["kind"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(kinds, ["llm", "guardrail", "tool", "tool", "tool"]);
        assert_eq!((intake.receipt.accepted, intake.receipt.rejected), (2, 0));
        assert!(intake.records[..4].iter().all(|record| record.key.as_deref() == Some(b"default\x1fs".as_slice())));
        let header = |name: &str| intake.records[4].headers.iter().find(|(key, _)| key == name).unwrap().1.clone();
        assert_eq!((header("ce_id"), header("ce_type")), (ID.into(), "ai.event.v1".into()));
    }

    #[test]
    fn an_id_is_used_once() {
        let intake = take(&format!("[{},{},{}]", tool(ID, "x"), tool(ID, "x"), tool(ID, "y")));
        assert_eq!(intake.records.len(), 1);
        let receipt = serde_json::to_value(&intake.receipt).unwrap();
        assert_eq!(receipt["items"][1], serde_json::json!({"index":1,"status":202,"ids":[ID],"duplicate":true}));
        assert_eq!((&receipt["items"][2]["status"], &receipt["items"][2]["field"]), (&409.into(), &"id".into()));
    }

    #[test]
    fn a_review_takes_a_reviewer() {
        let review = r#"{"kind":"review","service":{"name":"app"},"review":{"target_id":"x","verdict":"benign","reviewer":"ann"}}"#;
        let receipt = serde_json::to_value(take(review).receipt).unwrap();
        assert_eq!((&receipt["rejected"], &receipt["items"][0]["field"]), (&1.into(), &"kind".into()));
        let arrival = Arrival::new(TenantId::default(), Timestamp::parse("2026-11-24T06:30:00Z").unwrap());
        let judged = take_in(review.as_bytes(), false, true, 100, &arrival, &mut |_| [7; 10]).unwrap();
        assert_eq!(judged.receipt.accepted, 1);
    }

    #[test]
    fn a_client_cannot_forge_alerts() {
        let alert = r#"{"rule_id":"r","severity":"high","event_ids":[],"dedup_key":"k","status":"open"}"#;
        let forged = format!(r#"{{"kind":"alert","service":{{"name":"app"}},"alert":{alert}}}"#);
        let smuggled = tool(ID, "x").replacen('{', &format!(r#"{{"alert":{alert},"#), 1);
        let intake = take(&format!("[{forged},{smuggled}]"));
        assert_eq!(intake.rejections, [RejectionClass::Kind; 2]);
        assert_eq!(intake.receipt.status(), 400);
    }

    #[test]
    fn a_client_cannot_forge_the_record_of_who_read_what() {
        let audit = r#"{"action":"search","actor":"somebody else"}"#;
        let forged = format!(r#"{{"kind":"audit","service":{{"name":"app"}},"audit":{audit}}}"#);
        let smuggled = tool(ID, "x").replacen('{', &format!(r#"{{"audit":{audit},"#), 1);
        let intake = take(&format!("[{forged},{smuggled}]"));
        assert_eq!(intake.rejections, [RejectionClass::Kind; 2]);
        assert!(intake.records.is_empty());
    }
}
