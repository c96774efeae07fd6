//! Indices that earlier versions wrote are opened, searched and appended to. `examples/write_index.rs` made them.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use lapwing_store::{AggregateRequest, Erasure, SearchRequest, inspect};
use serde_json::json;

use crate::support::*;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[tokio::test]
async fn the_index_of_every_format_serves_and_grows() {
    for format in ["index-1"] {
        let dir = tempfile::tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(format), dir.path());
        let reports = inspect(dir.path(), true).unwrap();
        assert_eq!(reports.iter().map(|report| report.events).collect::<Vec<_>>(), [6, 6], "{reports:?}");
        assert!(reports.iter().all(|report| report.is_whole()) && reports[0].root.is_some(), "{reports:?}");

        let store = open(dir.path());
        assert_eq!(store.position().as_deref(), Some("today 9"));
        let check = async |q: &str, expect: u64| assert_eq!(count(&store, q).await, expect, "{q}");
        check("", 12).await;
        check("number7", 1).await;
        check("\"hello number3\"", 1).await;
        check("kind:tool", 4).await;
        check("latency_ms:>=8", 4).await;
        check("attrs.team:red AND session:\"[SESSION:k1:old]\"", 12).await;
        check("model:small @timestamp:>now-1h", 3).await;
        let aggs = json!({"users": {"terms": {"field": "user.id"}, "aggs": {"ms": {"max": {"field": "latency_ms"}}}}});
        let request = AggregateRequest { q: String::new(), from: Some("now-3d".to_owned()), to: None, aggs };
        let answer = store.aggregate(&scope(), &request).await.unwrap();
        assert_eq!((answer.total, answer.aggregations["users"]["buckets"].as_array().unwrap().len()), (12, 4));

        // Stored once, into either partition; erased; newest first.
        store.append([numbered(11..14, NOW), numbered(14..16, NOW - DAY)].concat(), "on".to_owned()).await.unwrap();
        store.flush().await.unwrap();
        check("", 16).await;
        let erased = store.erase(&scope(), Erasure::User("[USER:k1:1]".to_owned())).await.unwrap();
        assert_eq!((erased.events, erased.complete), (3, true));
        let page = search(&store, &SearchRequest { size: Some(1), ..ever("hello") }).await;
        assert_eq!(decoded(&page.hits[0]).timestamp, ts(NOW + 13));
        store.compact().await.unwrap();
        assert!(inspect(dir.path(), true).unwrap().iter().all(|report| report.root.is_some() && report.is_whole()));
    }
}
