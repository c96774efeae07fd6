//! Properties of the codec and the mapper over arbitrary input.
#![allow(clippy::unwrap_used)]

use lapwing_event::{Arrival, MAX_EVENT_BYTES, SanitizedEvent, TenantId, Timestamp, decode_raw, encode, map_item};
use proptest::prelude::*;
use serde_json::{Map, Value};

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..6).prop_map(|pairs| Value::Object(Map::from_iter(pairs))),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] =
        &["kind", "prompt", "tool", "name", "status", "service", "timestamp", "tool_called", "content", "attrs", "id"];
    prop_oneof![prop::sample::select(KNOWN).prop_map(str::to_owned), "[a-z]{1,6}"]
}

fn arrival() -> Arrival {
    Arrival::new(TenantId::default(), Timestamp::from_millis(1_795_501_800_000))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = map_item(&bytes, &arrival(), &mut |_| [1; 10]);
        let _ = SanitizedEvent::decode(&bytes);
    }

    #[test]
    fn what_is_accepted_survives_the_bus(pairs in prop::collection::vec((key(), json()), 0..8)) {
        let item = Value::Object(Map::from_iter(pairs));
        if let Ok(events) = map_item(item.to_string().as_bytes(), &arrival(), &mut |_| [1; 10]) {
            for event in events {
                let bytes = encode(&event);
                prop_assert!(bytes.len() <= 2 * MAX_EVENT_BYTES);
                let read = decode_raw(&bytes, &arrival(), &mut |_| [2; 10]).unwrap();
                prop_assert_eq!(&read[..], &[event][..]);
            }
        }
    }

    #[test]
    fn times_survive_their_text(nanos in 946_684_800_000_000_000_i64..4_102_444_800_000_000_000) {
        let time = Timestamp::from_nanos(nanos);
        prop_assert_eq!(Timestamp::parse(&time.to_string()).unwrap(), time);
    }
}
