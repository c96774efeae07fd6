//! What holds for any bytes: the fuzz target checks it, and so does `tests/any_bytes.rs`.

use lapwing_event::{Arrival, SanitizedEvent, TenantId, Timestamp, decode_raw, encode, map_item};

/// Nothing panics; what is taken as events is written and read back as the same events.
pub fn for_any_item(bytes: &[u8]) {
    let arrival = Arrival::new(TenantId::default(), Timestamp::from_millis(1_795_501_800_000));
    for read in [map_item, decode_raw] {
        let Ok(events) = read(bytes, &arrival, &mut |_| [7; 10]) else { continue };
        for event in events {
            let again = decode_raw(&encode(&event), &arrival, &mut |_| [8; 10]);
            assert_eq!(again.as_deref(), Ok([event].as_slice()), "an event reads back as another");
        }
    }
    if let Ok(event) = SanitizedEvent::decode(bytes) {
        let again = SanitizedEvent::decode(&event.encode()).expect("what was clean reads back as clean");
        assert!(*again == *event, "a clean event reads back as another");
    }
}
