//! SIGTERM under load: what was begun is finished, and the process ends well.

use serde_json::json;

use crate::support::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_ends_well_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    let mut acknowledged = 0;
    for number in 0.. {
        let batch = json!([{"prompt": "loaded", "number": number}]).to_string();
        match server.try_post("/v1/events", "application/json", batch).await {
            Ok((202, _)) => acknowledged += 1,
            Ok((503, _)) | Err(_) => break,
            Ok((status, body)) => panic!("{status} {body}"),
        }
        if number == 100 {
            server.ask_to_stop();
        }
    }
    assert!(acknowledged > 100);
    let status = server.terminate();
    assert!(status.success(), "{status}");

    let server = Server::up(dir.path());
    server.find("loaded", acknowledged).await;
}
