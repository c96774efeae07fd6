//! The description of the API is whole: every route of every service stands in it, and what it describes is there.

use std::fs;

use crate::support::{Server, repository};

/// The files that make routes of our own API.
const SOURCES: [&str; 4] = [
    "crates/lapwing/src/api.rs",
    "crates/lapwing-ingest/src/api.rs",
    "crates/lapwing-ingest/src/api/otlp.rs",
    "crates/lapwing-store/src/api/mod.rs",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_every_service_is_described_and_answers() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    let (_, document) = server.get("/openapi.json", &[]).await;
    let paths = document["paths"].as_object().unwrap();
    for source in SOURCES {
        let text = fs::read_to_string(repository().join(source)).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let routes: Vec<&str> = code.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(!routes.is_empty(), "{source} makes no routes");
        for route in routes {
            assert!(paths.contains_key(route), "{route} of {source} is not described");
        }
    }
    let others = paths.iter().filter(|(_, operations)| operations.get("x-served-by").is_some());
    for (path, operations) in others {
        let (status, _) = match operations.get("post") {
            Some(_) => server.post(path, "application/json", "{\"prompt\":\"hello\"}").await,
            None => server.get(path, &[]).await,
        };
        assert!((200..300).contains(&status), "{path} {status}");
    }
    let (status, problem) = server.get("/v1/nothing", &[]).await;
    assert_eq!((status, &problem["status"]), (404, &404.into()), "{problem}");
    assert_eq!(server.post("/v1/alerts", "application/json", "{}").await.0, 405);
}
