//! HTTPS with a certificate of our own making.

use std::path::Path;
use std::process::Command;

use crate::support::{Server, lapwing};

/// A certificate for this machine and its key, in PEM.
pub fn certificate(dir: &Path) -> (String, String) {
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .expect("openssl is there; `make setup` installs it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (cert.to_str().unwrap().to_owned(), key.to_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_certificate_speaks_https_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(dir.path());
    let server =
        Server::start("up", dir.path(), &[("LAPWING__SERVER__TLS__CERT", &cert), ("LAPWING__SERVER__TLS__KEY", &key)]);
    let plain = server.url.clone();
    let server = server.over_tls(Path::new(&cert));
    // A connection that never shakes hands holds up nobody.
    let _silent = std::net::TcpStream::connect(plain.trim_start_matches("http://")).unwrap();
    assert_eq!(server.get("/healthz", &[]).await, (200, "ok\n".into()));
    assert_eq!(server.get("/v1/search", &[("q", "x")]).await.0, 200);

    let untrusting = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    assert!(untrusting.get(format!("{}/healthz", server.url)).send().await.is_err());
    assert!(reqwest::get(format!("{plain}/healthz")).await.is_err(), "plain HTTP is answered");
    assert!(server.terminate().success());
}

#[test]
fn files_that_cannot_serve_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(dir.path());
    let other = tempfile::tempdir().unwrap();
    let (_, foreign) = certificate(other.path());
    let data = dir.path().join("data");
    let check = |cert: &str, key: &str, part: &str| {
        let mut environment = vec![
            ("LAPWING__DATA__DIR", data.to_str().unwrap()),
            ("LAPWING__SERVER__LISTEN", "127.0.0.1:0"),
            ("LAPWING__SERVER__TLS__CERT", cert),
        ];
        if !key.is_empty() {
            environment.push(("LAPWING__SERVER__TLS__KEY", key));
        }
        let output = lapwing(&["up"], &environment);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(part), "{part}: {error}");
    };
    check("/nowhere/cert.pem", &key, "read the certificate in /nowhere/cert.pem");
    check(&cert, "/nowhere/key.pem", "read the private key in /nowhere/key.pem");
    check(&key, &key, "no certificate");
    check(&cert, &foreign, "do not belong together");
    check(&cert, "", "both cert and key");
}
