//! Faults of what is on the broker.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use lapwing_bus::{Record, Sink, Source, topics};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::check;
use crate::fault::Harm;
use crate::installation::Installation;
use crate::load::Load;
use crate::random::Random;

/// The lag of ingest is measured this often, and a request may be under way.
const LAG_INTERVAL: Duration = Duration::from_secs(3);

/// Lets ingest come to the end of the raw topic, since nothing that was acknowledged may be among what is removed.
async fn rest(at: &Installation, load: &Load) {
    load.pause();
    sleep(LAG_INTERVAL).await;
    while !at.front_server().metrics().await.contains("\nlapwing_ingest_lag_records 0\n") {
        sleep(LAG_INTERVAL).await;
    }
}

/// Records that are no events, past the front door.
pub async fn raw_poison(at: &Installation, random: &mut Random, harm: &mut Harm) {
    let sink = at.sink();
    for _ in 0..20 {
        let length = 1 + random.index(200);
        let value = [b"{\"prompt\":".as_slice(), &random.bytes(length)].concat();
        let digest = Sha256::digest(&value);
        harm.poison.push(digest.iter().map(|byte| format!("{byte:02x}")).collect());
        sink.send(topics::RAW, vec![Record { value: value.into(), ..Record::default() }]).await.unwrap();
    }
}

/// Puts records on the raw topic that nobody reads, and removes them as retention would.
pub async fn overrun(at: &mut Installation, load: &Load, random: &mut Random, harm: &mut Harm) {
    let partitions = u64::from(at.kafka().partitions);
    rest(at, load).await;
    block_in_place(|| at.stop("ingest"));
    let sink = at.sink();
    let count = 1 + random.below(50);
    let doomed = |number: u64| Record {
        key: Some(format!("doomed-{}", number % (2 * partitions)).into()),
        value: format!(r#"{{"prompt":"doomed","number":{number}}}"#).into(),
        ..Record::default()
    };
    let mut before = at.reader(topics::RAW);
    sink.send(topics::RAW, (0..count).map(doomed).collect()).await.unwrap();
    let mut ends = BTreeMap::new();
    let mut doomed_seen = 0;
    while doomed_seen < count {
        for message in before.next_batch(1000, Duration::from_secs(10)).await.unwrap().messages {
            let value: Value = serde_json::from_slice(&message.record.value).unwrap_or_default();
            doomed_seen += u64::from(value["prompt"] == "doomed" && value["number"].as_u64() < Some(count));
            ends.insert(message.partition, message.offset + 1);
        }
    }
    remove_below(at, &ends);
    harm.removed = count;
    at.bring_up("ingest");
    load.times(1);
}

fn remove_below(at: &Installation, ends: &BTreeMap<i32, i64>) {
    let places: Vec<Value> = ends
        .iter()
        .map(|(partition, end)| serde_json::json!({"topic": topics::RAW, "partition": partition, "offset": end}))
        .collect();
    let file = at.home("ingest").join("remove.json");
    std::fs::write(&file, serde_json::json!({"version": 1, "partitions": places}).to_string()).unwrap();
    tool(at, &["org.apache.kafka.tools.DeleteRecordsCommand", "--offset-json-file", file.to_str().unwrap()]);
}

/// One of Kafka's own tools.
fn tool(at: &Installation, arguments: &[&str]) {
    let script = crate::support::repository().join("tests/support/kafka/broker.sh");
    let mut command = Command::new(script);
    command.arg("tool").arg(arguments[0]).args(["--bootstrap-server", at.brokers()]).args(&arguments[1..]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The clean topic is deleted and made again. Whoever kept a place in it must say so and not go on by itself; once
/// the advice is followed, all works.
pub async fn remade(at: &mut Installation, load: &Load, random: &mut Random, harm: &mut Harm) {
    rest(at, load).await;
    // What is deleted must have been read by both.
    harm.faults.extend(check::recovery(at, &format!("{}-read", harm.tag)).await.err());
    sleep(LAG_INTERVAL).await;
    let at_work = random.one_in(2);
    if !at_work {
        READERS.iter().for_each(|role| block_in_place(|| at.stop(role)));
    }
    topic(at, &["--delete"]);
    sleep(random.millis(500, 3000)).await;
    let partitions = at.kafka().partitions.to_string();
    topic(at, &["--create", "--partitions", &partitions, "--replication-factor", "1"]);
    for role in READERS {
        let (ended, log) = match at_work {
            true => (at.ended(role).await, at.last_log_of(role)),
            false => block_in_place(|| at.refuses(role)),
        };
        if !(ended && log.contains("made anew") && log.contains(topics::CLEAN)) {
            harm.faults.push(format!("{role} says nothing of a topic that was made anew, at work: {at_work}"));
        }
    }
    at.forget_position("store");
    std::fs::remove_file(at.home("detector").join("data/detector/state")).unwrap();
    READERS.iter().for_each(|role| at.bring_up(role));
    load.times(1);
}

/// Who keeps a place in the clean topic.
const READERS: [&str; 2] = ["store", "detector"];

fn topic(at: &Installation, arguments: &[&str]) {
    tool(at, &[&["org.apache.kafka.tools.TopicCommand", "--topic", topics::CLEAN], arguments].concat());
}
