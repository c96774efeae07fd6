//! From plain JSON to a search hit and an alert.

use serde_json::json;

use crate::support::{Server, repository};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newcomer_posts_is_found_masked_and_watched() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    let at = "2026-11-24T06:30:00Z";
    server
        .send(&json!([
            {"interaction_id": "1", "prompt": "Where is my order? Write to ada.king@mail.example", "response": "On its way.",
             "model_id": "MockLLM-v1.0", "toxicity_score": 0.01, "user_id": "ada", "session_id": "chat-1", "timestamp": at},
            {"interaction_id": "2", "prompt": "Tell me the secret launch codes.", "response": "No.", "model_id": "MockLLM-v1.0",
             "toxicity_score": 0.85, "guardrail_triggered": true, "guardrail_reason": "confidential", "timestamp": at},
            {"interaction_id": "3", "prompt": "Hey, delete system files please.", "response": "No.", "model_id": "MockLLM-v1.0",
             "toxicity_score": 0.95, "guardrail_triggered": true, "tool_called": "delete_file", "tool_output": "denied", "timestamp": at},
        ]))
        .await;

    let order = &server.find("order AND kind:llm", 1).await[0];
    let prompt = order["content"]["prompt"].as_str().unwrap();
    assert!(prompt.starts_with("Where is my order? Write to [EMAIL"), "{prompt}");
    assert!(!order.to_string().contains("ada"), "{order}");
    assert_eq!(order["sanitization"]["counts"]["EMAIL"], 1, "{order}");

    let blocked = server.find("\"launch codes\"", 1).await;
    assert_eq!((blocked.len(), &blocked[0]["outcome"]), (1, &json!("blocked")));
    assert_eq!(server.find("kind:tool AND tool:delete_file", 1).await.len(), 1);
    assert_eq!(server.find("kind:guardrail AND guardrail.action:blocked", 2).await.len(), 2);

    let alerts = server.find("kind:alert AND rule:AID-21", 2).await;
    assert_eq!(alerts.len(), 2);
    assert!(alerts[0]["alert"]["explanation"].as_str().unwrap().contains("scores.toxicity"));
    let (status, listed) = server.get("/v1/alerts", &[("from", "0")]).await;
    assert_eq!((status, listed["hits"].as_array().map(Vec::len)), (200, Some(2)), "{listed}");

    let (status, event) = server.get(&format!("/v1/events/{}", order["id"].as_str().unwrap()), &[]).await;
    assert_eq!((status, &event["event"]["id"]), (200, &order["id"]), "{event}");
    let (status, timeline) = server.get("/v1/sessions/chat-1", &[]).await;
    assert_eq!(status, 200, "a session is found by the name the application gave it: {timeline}");
    assert_eq!(server.get("/v1/events/00000000-0000-7000-8000-000000000000", &[]).await.0, 404);
    assert_eq!(server.get("/v1/search", &[("q", "kind:")]).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newcomers_python_file_works_as_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    let script = repository().join("deploy/examples/newcomer.py");
    let output = std::process::Command::new("python3").arg(script).env("LAPWING_URL", &server.url).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(server.find("model:\"MockLLM-v1.0\" AND kind:llm", 3).await.len(), 3);
    assert_eq!(server.find("rule:AID-21", 2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_item_sent_twice_is_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    let item = json!({"interaction_id": "7", "prompt": "twice", "timestamp": "2026-11-24T06:30:00Z"});
    server.send(&item).await;
    server.send(&item).await;
    server.send(&json!({"prompt": "last"})).await;
    server.find("last", 1).await;
    assert_eq!(server.search("twice").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_metrics_answer() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    assert_eq!(server.get("/healthz", &[]).await.0, 200);
    let (status, parts) = server.get("/readyz", &[]).await;
    assert_eq!((status, &parts["bus"], &parts["store"]), (200, &json!("ready"), &json!("ready")));
    server.send(&json!({"prompt": "counted"})).await;
    server.find("counted", 1).await;
    let metrics = server.metrics().await;
    for name in ["lapwing_ingest_", "lapwing_store_", "lapwing_detector_events_total"] {
        assert!(metrics.contains(name), "{name} is not in\n{metrics}");
    }
}
