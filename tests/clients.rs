//! The official Python clients of Elasticsearch and OpenSearch, and pyarrow, against the real binary.
//!
//! They are installed once, with pip. A machine that cannot do that fails the test and says why: what is not tried is
//! not known to work.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::{Server, lapwing, repository};

/// The Python of an environment of this name that holds the packages of a file.
fn python(name: &str, requirements: &str) -> String {
    let output = Command::new(repository().join("tests/support/venv.sh"))
        .args([name.as_ref(), repository().join("tests/clients").join(requirements).as_os_str()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn create_key(dir: &Path, tenant: &str, scopes: &str) -> String {
    let data = dir.join("data");
    let environment = [("LAPWING__DATA__DIR", data.to_str().unwrap())];
    let output = lapwing(&["keys", "create", "--tenant", tenant, "--scopes", scopes], &environment);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn drive(python: &str, script: &str, arguments: &[&str]) {
    let script = repository().join("tests/clients").join(script);
    let output = Command::new(python).arg("-B").arg(&script).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}:\n{}{}",
        script.display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_clients_work() {
    let dir = tempfile::tempdir().unwrap();
    let writer = create_key(dir.path(), "acme", "ingest,search");
    let reader = create_key(dir.path(), "acme", "search");
    let other = create_key(dir.path(), "zeta", "ingest,search");
    let server = Server::up(dir.path());
    let python = python("search-clients", "requirements.txt");
    drive(&python, "elasticsearch_client.py", &[&server.url, &writer, &reader]);
    let prefixed = format!("{}/_elastic", server.url);
    drive(&python, "opensearch_client.py", &[&prefixed, &other]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pyarrow_reads_an_export() {
    const ROWS: usize = 50;
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    for n in 0..ROWS {
        server.send(&json!({"prompt": format!("parcel {n} für ☃"), "response": "on its way", "latency_ms": n})).await;
    }
    server.find("parcel", ROWS).await;
    let url = format!("{}/v1/export?q=parcel&format=parquet&from=0", server.url);
    let response = reqwest::get(url).await.unwrap();
    assert_eq!(response.status(), 200);
    let file = dir.path().join("export.parquet");
    std::fs::write(&file, response.bytes().await.unwrap()).unwrap();
    let rows = ROWS.to_string();
    drive(&python("pyarrow", "parquet-requirements.txt"), "parquet.py", &[file.to_str().unwrap(), &rows]);
}
