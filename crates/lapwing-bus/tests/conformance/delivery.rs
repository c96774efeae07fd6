//! Everything acknowledged is delivered once to each reader, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use lapwing_bus::{Message, Sink, Source, Subscription};
use tokio::task::JoinSet;

use super::{DEADLINE, Harness, from_beginning, in_group, numbered, read, record, text, texts};

pub async fn order_per_key(harness: &mut impl Harness) {
    let topic = harness.topic("order").await;
    let sink = harness.sink();
    for round in 0..20 {
        let records = (0..10).flat_map(|key| numbered(&format!("key-{key}"), round * 5..round * 5 + 5)).collect();
        sink.send(&topic, records).await.unwrap();
    }
    let mut source = harness.source(in_group("g", &topic)).unwrap();
    let messages = read(&mut source, 1000).await;
    for key in 0..10 {
        let key = format!("key-{key}");
        let of_key = messages.iter().filter(|message| message.record.key.as_deref() == Some(key.as_bytes()));
        let of_key: Vec<&Message> = of_key.collect();
        assert!(of_key.iter().map(|message| text(message)).eq((0..100).map(|number| format!("{key}:{number}"))));
        assert_eq!(of_key.iter().map(|message| message.partition).collect::<BTreeSet<_>>().len(), 1);
    }
    assert_offsets_ascend(&messages);
}

pub async fn many_producers(harness: &mut impl Harness) {
    let topic = harness.topic("producers").await;
    let mut producers = JoinSet::new();
    for producer in 0..8 {
        let (sink, topic) = (harness.sink(), topic.clone());
        producers.spawn(async move {
            for round in 0..20 {
                let key = format!("producer-{producer}");
                sink.send(&topic, numbered(&key, round * 10..round * 10 + 10)).await.unwrap();
            }
        });
    }
    let mut source = harness.source(in_group("g", &topic)).unwrap();
    let messages = read(&mut source, 1600).await;
    producers.join_all().await;
    let mut last = BTreeMap::new();
    for message in &messages {
        let (producer, number) = text(message).split_once(':').unwrap();
        let number: i64 = number.parse().unwrap();
        let before = last.insert(producer, number).unwrap_or(-1);
        assert_eq!(number, before + 1, "{producer} is out of order");
    }
    assert_eq!(last.values().copied().collect::<Vec<_>>(), [199; 8]);
    assert_offsets_ascend(&messages);
}

pub async fn durable_after_reopen(harness: &mut impl Harness) {
    let topic = harness.topic("durable").await;
    harness.sink().send(&topic, numbered("k", 0..10)).await.unwrap();
    harness.reopen().await;
    harness.sink().send(&topic, numbered("k", 10..20)).await.unwrap();
    harness.reopen().await;
    let mut source = harness.source(from_beginning(&topic)).unwrap();
    let messages = read(&mut source, 20).await;
    assert!(texts(&messages).iter().eq(&texts_of("k", 0..20)));
    assert!(messages.iter().map(|message| message.offset).eq(0..20), "offsets go on after a restart");
}

pub async fn wakes_a_waiting_reader(harness: &mut impl Harness) {
    let topic = harness.topic("wakes").await;
    let mut source = harness.source(in_group("g", &topic)).unwrap();
    let waiting = tokio::spawn(async move { read(&mut source, 1).await });
    harness.sink().send(&topic, vec![record("k", "wake up")]).await.unwrap();
    let messages = tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap();
    assert_eq!(texts(&messages), ["wake up"]);
}

pub async fn nothing_in_time(harness: &mut impl Harness) {
    let topic = harness.topic("nothing").await;
    let mut source = harness.source(from_beginning(&topic)).unwrap();
    let batch = source.next_batch(10, Duration::from_millis(1)).await.unwrap();
    assert!(batch.messages.is_empty());
}

/// Every call is dropped at its first wait, as `select!` does, until one comes through.
pub async fn cancelling_loses_nothing(harness: &mut impl Harness) {
    let topic = harness.topic("cancel").await;
    harness.sink().send(&topic, numbered("k", 0..300)).await.unwrap();
    let mut source = harness.source(in_group("g", &topic)).unwrap();
    let mut messages = read(&mut source, 1).await;
    while messages.len() < 300 {
        for _ in 0..3 {
            let mut next = pin!(source.next_batch(7, Duration::from_secs(1)));
            if let Poll::Ready(batch) = poll_fn(|context| Poll::Ready(next.as_mut().poll(context))).await {
                messages.extend(batch.unwrap().messages);
            }
        }
        messages.extend(source.next_batch(7, Duration::from_secs(1)).await.unwrap().messages);
    }
    assert!(texts(&messages).iter().eq(&texts_of("k", 0..300)));
}

pub async fn respects_the_maximum(harness: &mut impl Harness) {
    let topic = harness.topic("maximum").await;
    let records = (0..100).map(|number| record(&number.to_string(), "")).collect();
    harness.sink().send(&topic, records).await.unwrap();
    let mut source = harness.source(from_beginning(&topic)).unwrap();
    let mut total = 0;
    while total < 100 {
        let batch = source.next_batch(7, Duration::from_secs(1)).await.unwrap();
        assert!(batch.messages.len() <= 7);
        total += batch.messages.len();
    }
    assert_eq!(total, 100);
}

pub async fn reads_several_topics(harness: &mut impl Harness) {
    let (one, two) = (harness.topic("several-1").await, harness.topic("several-2").await);
    harness.sink().send(&one, numbered("one", 0..3)).await.unwrap();
    harness.sink().send(&two, numbered("two", 0..3)).await.unwrap();
    let Subscription { start, .. } = in_group("g", &one);
    let mut source = harness.source(Subscription { topics: vec![one.clone(), two], start }).unwrap();
    let messages = read(&mut source, 6).await;
    let (of_one, of_two): (Vec<Message>, Vec<Message>) = messages.into_iter().partition(|message| message.topic == one);
    assert_eq!(texts(&of_one), texts_of("one", 0..3));
    assert_eq!(texts(&of_two), texts_of("two", 0..3));
}

fn texts_of(key: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("{key}:{number}")).collect()
}

fn assert_offsets_ascend(messages: &[Message]) {
    let mut next = BTreeMap::new();
    for message in messages {
        let before = next.insert(message.partition, message.offset).unwrap_or(-1);
        assert!(message.offset > before, "partition {} goes back to {}", message.partition, message.offset);
    }
}
