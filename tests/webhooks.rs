//! Alerts to webhooks, through a receiver that fails and a server that is killed.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Server, wait_for};

/// A request as it came: head and body.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

/// Answers every request, the first `failures` of them with 503.
async fn receiver(failures: usize) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            let (head, body) = loop {
                let mut buffer = [0; 4096];
                let n = stream.read(&mut buffer).await.unwrap_or(0);
                bytes.extend_from_slice(&buffer[..n]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    if n == 0 { break (text, String::new()) } else { continue }
                };
                let head = head.to_lowercase();
                let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
                if n == 0 || body.len() >= length.unwrap_or(0) {
                    break (head, body.to_owned());
                }
            };
            let count = {
                let mut seen = kept.lock().unwrap();
                seen.push((head, body));
                seen.len()
            };
            let status = if count <= failures { "503 Service Unavailable" } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, seen)
}

fn toxic(id: &str) -> Value {
    json!([{"interaction_id": id, "session_id": id, "prompt": id, "toxicity_score": 0.9}])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_delivered_signed_through_failures_and_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let (url, seen) = receiver(1).await;
    let (secret, file) = (dir.path().join("secret"), dir.path().join("own.toml"));
    std::fs::write(&secret, "0123456789abcdef-0123\n").unwrap();
    let hook = |name: &str, more: &str| format!("[[webhooks]]\nname = \"{name}\"\nurl = \"{url}\"\n{more}\n");
    let signed = hook("siem", &format!("secret_file = {:?}", secret.to_str().unwrap()));
    std::fs::write(&file, format!("{signed}{}", hook("chat", "format = \"slack\""))).unwrap();
    let environment = [("LAPWING_CONFIG", file.to_str().unwrap())];

    let server = Server::start("up", dir.path(), &environment);
    server.send(&toxic("first")).await;
    let bodies = |wanted: &'static str| {
        let seen = Arc::clone(&seen);
        async move {
            let holds = |(_, body): &&(String, String)| body.contains(wanted);
            wait_for(async || {
                let seen = seen.lock().unwrap();
                let found: Vec<_> = seen.iter().filter(holds).cloned().collect();
                (found.len() >= 2).then_some(found)
            })
            .await
            .unwrap()
        }
    };
    let found = bodies("AID-21").await;
    let signed = found.iter().find(|(_, body)| body.contains("\"dedup_key\"")).unwrap();
    for header in ["x-lapwing-signature: v1=", "x-lapwing-timestamp: ", "idempotency-key: "] {
        assert!(signed.0.contains(header), "{header} is not in {}", signed.0);
    }
    assert!(found.iter().any(|(head, body)| body.contains("mrkdwn") && !head.contains("x-lapwing-signature")));
    server.kill();

    let before = seen.lock().unwrap().len();
    let server = Server::start("up", dir.path(), &environment);
    server.send(&toxic("second")).await;
    let delivered = async || (seen.lock().unwrap().len() >= before + 2).then_some(());
    wait_for(delivered).await.expect("both webhooks go on after the kill");
    let metrics = server.metrics().await;
    assert!(metrics.contains("lapwing_webhook_alerts_total{webhook=\"siem\",outcome=\"delivered\"}"), "{metrics}");
}
