//! Keys: made on the command line, needed by every request, each for its own tenant.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::{Server, lapwing};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_its_own_tenant_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let data = [("LAPWING__DATA__DIR", data.to_str().unwrap())];
    let create = |tenant: &str, scopes: &str| {
        let output = lapwing(&["keys", "create", "--tenant", tenant, "--scopes", scopes], &data);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (acme, zeta, writer) = (create("acme", "ingest,search"), create("zeta", "search"), create("acme", "ingest"));
    let reviewer = create("acme", "ingest,review");
    let mut server = Server::up(dir.path());

    assert_eq!(server.get("/v1/search", &[("q", "*")]).await.0, 401);
    server.api_key = Some(format!("{acme}x"));
    assert_eq!(server.get("/v1/search", &[("q", "*")]).await.0, 401);

    server.api_key = Some(acme);
    server.send(&json!({"prompt": "ours alone", "tenant": {"id": "zeta"}})).await;
    assert_eq!(server.find("ours", 1).await[0]["tenant"]["id"], "acme");

    let by = async |name: &str, value: String| {
        let request = reqwest::Client::new().get(format!("{}/v1/search?q=ours", server.url)).header(name, value);
        request.send().await.unwrap()
    };
    let key = server.api_key.clone().unwrap();
    let basic = |pair: String| format!("Basic {}", STANDARD.encode(pair));
    assert_eq!(by("authorization", basic(format!("anybody:{key}"))).await.status().as_u16(), 200);
    let pair = key.trim_start_matches("lw_").replacen('_', ":", 1);
    assert_eq!(by("authorization", format!("ApiKey {}", STANDARD.encode(&pair))).await.status().as_u16(), 200);
    let refused = by("authorization", basic("anybody:lw_0_0".to_owned())).await;
    assert_eq!(refused.status().as_u16(), 401);
    assert!(refused.headers()["www-authenticate"].to_str().unwrap().contains("Basic"));
    let missing = by("x", String::new()).await;
    assert_eq!(missing.headers()["content-type"], "application/problem+json");

    server.api_key = Some(zeta);
    assert_eq!(server.search("ours OR tenant.id:acme").await.len(), 0);
    assert_eq!(server.post("/v1/events", "application/json", "{}").await.0, 403);
    server.api_key = Some(writer.clone());
    assert_eq!(server.get("/v1/search", &[("q", "*")]).await.0, 403);

    let review = json!({"kind": "review", "service": {"name": "app"},
        "review": {"target_id": "x", "verdict": "benign", "reviewer": "ann"}});
    let (_, judged) = server.post("/v1/events", "application/json", review.to_string()).await;
    assert_eq!((&judged["accepted"], &judged["rejected"]), (&0.into(), &1.into()), "an application judges: {judged}");
    server.api_key = Some(reviewer);
    server.send(&review).await;

    let log = server.log.lock().unwrap().clone();
    assert!(!log.contains(&writer), "a key stands in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_one_rate_whichever_way_it_sends() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let data = [("LAPWING__DATA__DIR", data.to_str().unwrap())];
    let create = || {
        let output = lapwing(&["keys", "create", "--tenant", "acme", "--scopes", "ingest"], &data);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (first, second) = (create(), create());
    // The debt of the first request is paid in more than an hour.
    let mut server = Server::start("up", dir.path(), &[("LAPWING__INGEST__MAX_EVENTS_PER_SECOND", "1")]);
    server.api_key = Some(first);
    let many = "{\"prompt\":\"a\"}\n".repeat(5_000);
    assert_eq!(server.post("/v1/events", "application/x-ndjson", many).await.0, 202);
    let bulk = "{\"create\":{}}\n{\"prompt\":\"b\"}\n";
    let (status, body) = server.post("/lapwing/_bulk", "application/x-ndjson", bulk).await;
    assert_eq!(status, 429, "{body}");
    server.api_key = Some(second);
    assert_eq!(server.post("/lapwing/_bulk", "application/x-ndjson", bulk).await.0, 200);
}

#[test]
fn another_address_without_keys_is_refused_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let output = lapwing(&["up"], &[("LAPWING__DATA__DIR", data), ("LAPWING__SERVER__LISTEN", "0.0.0.0:0")]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("lapwing keys create"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_only_this_machine_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    let request = reqwest::Client::new().get(format!("{}/v1/search?q=x", server.url)).header("host", "evil.example");
    assert_eq!(request.send().await.unwrap().status().as_u16(), 403);
}
