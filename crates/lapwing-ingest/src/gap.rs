//! What is written when records were removed before a reader came to them: an event, so that the loss can be searched
//! and raises an alert.

use lapwing_bus::Gap;
use lapwing_event::{ErrorDetail, Event, EventId, Kind, Outcome, Timestamp};
use serde_json::json;

/// The [`ErrorDetail::kind`] of such an event.
pub const EVENTS_LOST: &str = "events_lost";

const DAY_MS: i64 = 86_400_000;

/// The event of a gap that this reader met. It belongs to the default tenant, the operator's, since nobody can tell
/// whose events were lost. The id follows from the gap and the day, so that a gap which is met again after a crash is
/// the same event.
pub fn gap_event(reader: &str, gap: &Gap, at: Timestamp) -> Event {
    let Gap { topic, partition, first, next } = gap;
    let place: [&[u8]; 6] = [
        b"gap",
        reader.as_bytes(),
        topic.as_bytes(),
        &partition.to_be_bytes(),
        &first.to_be_bytes(),
        &next.to_be_bytes(),
    ];
    let day = Timestamp::from_millis(at.millis() - at.millis().rem_euclid(DAY_MS));
    let mut event = Event::new(Kind::Error, EventId::derived(day, &place), at, "lapwing");
    event.outcome = Outcome::Error;
    event.error = Some(Box::new(ErrorDetail {
        kind: EVENTS_LOST.to_owned(),
        message: Some(format!("{reader}: {gap}")),
        code: None,
        retryable: Some(false),
        stack: None,
    }));
    // Names that say what the numbers are, or the sanitizer may take them for something else.
    let lost = json!({"reader": reader, "topic": topic, "partition": partition, "first_offset": first,
        "next_offset": next});
    event.attrs.insert("gap".to_owned(), lost);
    event
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_gap_met_again_is_the_same_event() {
        let gap = Gap { topic: "t".into(), partition: 3, first: 5, next: 12 };
        let at = Timestamp::from_millis(1_795_501_800_000);
        let event = gap_event("store", &gap, at);
        let later = Timestamp::from_millis(at.millis() + 60_000);
        assert_eq!(event.id, gap_event("store", &gap, later).id);
        assert_ne!(event.id, gap_event("detector", &gap, at).id);
        let said = event.error.unwrap().message.unwrap();
        assert_eq!(said, "store: retention removed 7 records of t partition 3 before they were read, offsets 5 to 11");
    }
}
