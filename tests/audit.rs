//! The record of who read what.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Server, lapwing};

fn create_key(dir: &Path, scopes: &str) -> String {
    let data = dir.join("data");
    let environment = [("LAPWING__DATA__DIR", data.to_str().unwrap())];
    let output = lapwing(&["keys", "create", "--scopes", scopes], &environment);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_use_of_the_store_is_an_event_that_says_who() {
    let dir = tempfile::tempdir().unwrap();
    let key = create_key(dir.path(), "admin");
    let id = key.split('_').nth(1).unwrap().to_owned();
    let mut server = Server::up(dir.path());
    server.api_key = Some(key.clone());
    server.send(&json!({"prompt": "hello robin", "response": "hi", "user_id": "sam", "session_id": "s-1"})).await;
    let event = server.find("robin", 1).await[0].clone();

    server.get(&format!("/v1/events/{}", event["id"].as_str().unwrap()), &[]).await;
    server.get("/v1/sessions/s-1", &[]).await;
    server.get("/v1/export", &[("q", "mail to sam@mail.example")]).await;
    let body = json!({"query": {"match": {"content.prompt": "robin"}}}).to_string();
    let (status, _) = server.post("/lapwing/_search", "application/json", body).await;
    assert_eq!(status, 200);
    let aggregate = json!({"q": "kind:llm", "aggs": {"kinds": {"terms": {"field": "kind"}}}}).to_string();
    assert_eq!(server.post("/v1/aggregate", "application/json", aggregate).await.0, 200);

    // A search is asked again and again until it finds; that is one record, and one at the minute's end.
    let of = |audits: &[Value], action: &str, part: &str| -> Vec<Value> {
        let audits = audits.iter().map(|event| event["audit"].clone());
        audits.filter(|audit| audit["action"] == action && audit["query"].to_string().contains(part)).collect()
    };
    let audits = server.find("kind:audit", 6).await;
    assert_eq!(of(&audits, "search", "\"robin\"").len(), 1, "{audits:#?}");
    assert_eq!(of(&audits, "read", "id:")[0]["count"], 1);
    assert_eq!(of(&audits, "read", "session.id:").len(), 1);
    assert_eq!(of(&audits, "search", "content.prompt")[0]["count"], 1);
    assert_eq!(of(&audits, "search", "kind:llm")[0]["count"], 1);
    let export = &of(&audits, "export", "mail to")[0];
    assert!(!export.to_string().contains("sam@mail.example"), "{export}");
    for event in &audits {
        assert_eq!(event["sanitization"]["status"], "ok");
        assert!(event["audit"]["actor"].as_str().unwrap().starts_with("[USER:"), "{event}");
        assert!(!event.to_string().contains(&key));
    }

    // Whoever knows the key's id finds what it did, and a search that does not ask for records finds none.
    assert!(server.search(&format!("audit.actor:{id}")).await.len() >= 6);
    assert_eq!(server.search("*").await.len(), 1);
    let log = server.metrics().await;
    assert!(log.contains("lapwing_audit_dropped_total 0"), "{log}");
}
