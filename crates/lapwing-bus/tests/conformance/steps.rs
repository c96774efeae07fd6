//! Consume, transform, produce: each record has its effect exactly once.

use std::time::{Duration, Instant};

use bytes::Bytes;
use lapwing_bus::{Batch, BusError, Checkpoint, MAX_RECORD_BYTES, Message, Record, Sink, Source, Transact};

use super::{DEADLINE, Harness, after, from_beginning, in_group, numbered, read, record, texts};

/// A worker that dies between reading and its step, again and again, and whose steps are cancelled within.
pub async fn outputs_and_offsets_move_together(harness: &mut impl Harness) {
    let (input, output) = (harness.topic("step-in").await, harness.topic("step-out").await);
    let other = harness.topic("step-other").await;
    harness.sink().send(&input, numbered("k", 0..60)).await.unwrap();
    let mut reader = harness.source(from_beginning(&output)).unwrap();
    let (started, mut seen) = (Instant::now(), Vec::new());
    while seen.len() < 60 {
        assert!(started.elapsed() < DEADLINE * 2, "only {} steps were taken", seen.len());
        let mut source = harness.transactional(in_group("g", &input), "i").unwrap();
        step(&mut source, [&output, &other], DEADLINE).await;
        step(&mut source, [&output, &other], Duration::ZERO).await;
        step(&mut source, [&output, &other], DEADLINE).await;
        let unfinished = source.next_batch(7, Duration::from_millis(1)).await;
        assert!(unfinished.as_ref().map_or_else(BusError::is_retryable, |_| true), "{unfinished:?}");
        seen.extend(reader.next_batch(100, Duration::from_millis(10)).await.unwrap().messages);
    }
    let mut other = harness.source(from_beginning(&other)).unwrap();
    let expect: Vec<String> = (0..60).map(|number| format!("k:{number}")).collect();
    assert_eq!((texts(&seen), texts(&read(&mut other, 60).await)), (expect.clone(), expect));
    for reader in [reader, other].iter_mut() {
        let more = reader.next_batch(10, Duration::from_millis(200)).await.unwrap();
        assert!(more.messages.is_empty(), "{:?} came twice", texts(&more.messages));
    }
}

/// Copies what comes next to both topics, or gives up after this time.
async fn step(source: &mut impl Transact, topics: [&str; 2], patience: Duration) {
    let batch = source.next_batch(7, Duration::from_millis(500)).await;
    assert!(batch.as_ref().map_or_else(BusError::is_retryable, |_| true), "{batch:?}");
    let Batch { messages } = batch.unwrap_or_default();
    let records: Vec<Record> = messages.iter().map(|message| message.record.clone()).collect();
    let outputs = topics.map(|topic| (topic.to_owned(), records.clone())).into();
    let checkpoint = after(&messages);
    if let Ok(result) = tokio::time::timeout(patience, source.send_and_commit(outputs, &checkpoint)).await {
        assert!(result.as_ref().map_or_else(BusError::is_retryable, |()| true), "{result:?}");
    }
}

pub async fn a_step_that_fails_is_taken_again(harness: &mut impl Harness) {
    let (input, output) = (harness.topic("fail-in").await, harness.topic("fail-out").await);
    harness.sink().send(&input, numbered("k", 0..3)).await.unwrap();
    let mut source = harness.transactional(in_group("g", &input), "i").unwrap();
    let messages = read(&mut source, 3).await;
    let big = Record { value: Bytes::from(vec![0; MAX_RECORD_BYTES + 1]), ..Record::default() };
    let outputs_of = |messages: &[Message]| messages.iter().map(|message| message.record.clone()).collect::<Vec<_>>();
    let bad = vec![(output.clone(), outputs_of(&messages)), (output.clone(), vec![big])];
    let error = source.send_and_commit(bad, &after(&messages)).await.unwrap_err();
    assert!(matches!(error, BusError::Refused(_)), "{error}");

    let again = read(&mut source, 3).await;
    assert_eq!(again, messages, "the group has not moved");
    source.send_and_commit(vec![(output.clone(), outputs_of(&again))], &after(&again)).await.unwrap();
    let mut reader = harness.source(from_beginning(&output)).unwrap();
    assert_eq!(texts(&read(&mut reader, 3).await), ["k:0", "k:1", "k:2"]);
    drop(source);
    harness.sink().send(&input, vec![record("k", "next")]).await.unwrap();
    let mut source = harness.source(in_group("g", &input)).unwrap();
    assert_eq!(texts(&read(&mut source, 1).await), ["next"], "the offsets moved with the outputs");
}

pub async fn only_a_group_takes_steps(harness: &mut impl Harness) {
    let topic = harness.topic("no-group").await;
    let error = match harness.transactional(from_beginning(&topic), "i") {
        Ok(mut source) => source.send_and_commit(Vec::new(), &Checkpoint::default()).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, BusError::Refused(_)), "{error}");
}
