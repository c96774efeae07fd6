//! What a record holds comes back as it was.

use bytes::Bytes;
use lapwing_bus::{BusError, MAX_RECORD_BYTES, Record, Sink, Start, Subscription};

use super::{Harness, from_beginning, in_group, numbered, read, record};

pub async fn roundtrip(harness: &mut impl Harness) {
    let topic = harness.topic("roundtrip").await;
    let binary = Bytes::from_iter(0..=255_u8);
    let records = vec![
        record("key", "value"),
        Record { key: None, value: binary.clone(), headers: Vec::new() },
        Record { key: Some(Bytes::new()), value: Bytes::new(), headers: vec![(String::new(), Bytes::new())] },
        Record {
            key: Some(binary.clone()),
            value: binary.clone(),
            headers: vec![
                ("ce_id".into(), Bytes::from_static(b"1")),
                ("ce_id".into(), Bytes::from_static(b"2")),
                ("größe".into(), binary),
            ],
        },
    ];
    harness.sink().send(&topic, records.clone()).await.unwrap();
    let mut source = harness.source(from_beginning(&topic)).unwrap();
    let messages = read(&mut source, records.len()).await;
    for record in &records {
        let found = messages.iter().find(|message| message.record == *record);
        let found = found.unwrap_or_else(|| panic!("{record:?} is not among {messages:?}"));
        assert_eq!(found.topic, topic);
        assert!(found.timestamp_ms > 1_600_000_000_000, "appended in {}", found.timestamp_ms);
    }
}

pub async fn big_records(harness: &mut impl Harness) {
    let topic = harness.topic("big").await;
    let big = |byte: u8| Record { value: Bytes::from(vec![byte; MAX_RECORD_BYTES - 1]), ..record("k", "") };
    let records: Vec<Record> = (0..12).map(big).collect();
    harness.sink().send(&topic, records.clone()).await.unwrap();
    let mut source = harness.source(in_group("g", &topic)).unwrap();
    let messages = read(&mut source, records.len()).await;
    assert!(messages.into_iter().map(|message| message.record).eq(records));
}

pub async fn refuses_what_is_too_big(harness: &mut impl Harness) {
    let topic = harness.topic("too-big").await;
    let sink = harness.sink();
    let big = Record { value: Bytes::from(vec![0; MAX_RECORD_BYTES]), ..record("k", "") };
    let error = sink.send(&topic, vec![record("k", "before"), big]).await.unwrap_err();
    assert!(matches!(error, BusError::Refused(_)), "{error}");
    sink.send(&topic, vec![record("k", "after")]).await.unwrap();
    let mut source = harness.source(from_beginning(&topic)).unwrap();
    let messages = read(&mut source, 1).await;
    assert_eq!(super::texts(&messages), ["after"], "nothing of the refused records was written");
}

pub async fn refuses_bad_names(harness: &mut impl Harness) {
    for name in ["", "a/b", "ä", ".."] {
        let error = harness.sink().send(name, numbered("k", 0..1)).await.unwrap_err();
        assert!(matches!(error, BusError::Refused(_)), "{name:?}: {error}");
        let error = harness.source(from_beginning(name)).err().unwrap();
        assert!(matches!(error, BusError::Refused(_)), "{name:?}: {error}");
    }
    let error =
        harness.source(Subscription { topics: vec!["t".into()], start: Start::Group(String::new()) }).err().unwrap();
    assert!(matches!(error, BusError::Refused(_)), "{error}");
}
