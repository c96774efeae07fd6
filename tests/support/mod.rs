//! A Lapwing process under test, and talking to it.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The binary under test.
pub const LAPWING: &str = env!("CARGO_BIN_EXE_lapwing");

/// The repository's folder.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// How long anything may take that a test waits for.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A running process; killed when dropped.
pub struct Server {
    child: Child,
    /// Its address, without a slash at its end.
    pub url: String,
    /// Where exporters send to over HTTP and over gRPC, of the roles that take them.
    pub otlp: Option<(String, String)>,
    /// What it logged so far.
    pub log: Arc<Mutex<String>>,
    http: reqwest::Client,
    /// Sent with every request, where the server has keys.
    pub api_key: Option<String>,
}

impl Server {
    /// `lapwing up` with its data in `dir`.
    pub fn up(dir: &Path) -> Self {
        Self::start("up", dir, &[])
    }

    /// `lapwing ROLE` with its data in `dir`, once it says that it is ready.
    pub fn start(role: &str, dir: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = command(role, dir, environment).stderr(Stdio::piped()).spawn().unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let log = Arc::new(Mutex::new(String::new()));
        let (tell, told) = std::sync::mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let entry: Value = serde_json::from_str(&line).unwrap_or_default();
                if entry["message"] == "ready" {
                    let _ = tell.send(entry.clone());
                }
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let Ok(ready) = told.recv_timeout(DEADLINE) else {
            let _ = child.kill();
            panic!("{role} did not become ready:\n{}", log.lock().unwrap());
        };
        let url = |key: &str| ready[key].as_str().map(|address| format!("http://{address}"));
        let otlp = url("otlp_http").zip(url("otlp_grpc"));
        Self { child, url: url("address").unwrap(), otlp, log, http: reqwest::Client::new(), api_key: None }
    }

    /// Talks to it over TLS from now on, and trusts this certificate.
    #[allow(dead_code, reason = "not every test that shares this file speaks TLS")]
    pub fn over_tls(mut self, cert: &Path) -> Self {
        let trusted = reqwest::Certificate::from_pem(&fs::read(cert).unwrap()).unwrap();
        self.http = reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap();
        let secure = |url: &str| url.replacen("http://", "https://", 1);
        self.url = secure(&self.url);
        self.otlp = self.otlp.as_ref().map(|(http, grpc)| (secure(http), secure(grpc)));
        self
    }

    fn authorized(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        self.api_key.iter().fold(request, |request, key| request.bearer_auth(key))
    }

    /// GET: status and body.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> (u16, Value) {
        answer(self.authorized(self.http.get(format!("{}{path}", self.url)).query(query))).await.unwrap()
    }

    /// POST of bytes: status and body.
    pub async fn post(&self, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> (u16, Value) {
        self.try_post(path, content_type, body).await.unwrap()
    }

    /// As `post`, for a server that may be killed meanwhile.
    pub async fn try_post(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> Result<(u16, Value), reqwest::Error> {
        let request =
            self.http.post(format!("{}{path}", self.url)).header("content-type", content_type).body(body.into());
        answer(self.authorized(request)).await
    }

    /// Posts JSON to the front door and expects that all of it is taken.
    pub async fn send(&self, events: &Value) {
        let (status, body) = self.post("/v1/events", "application/json", events.to_string()).await;
        assert_eq!((status, &body["rejected"]), (202, &Value::from(0)), "{body}");
    }

    /// The events that a query finds over all time, at most 1000.
    pub async fn search(&self, query: &str) -> Vec<Value> {
        let (status, body) = self.get("/v1/search", &[("q", query), ("size", "1000"), ("from", "0")]).await;
        assert_eq!(status, 200, "{body}");
        body["hits"].as_array().unwrap().iter().map(|hit| hit["event"].clone()).collect()
    }

    /// The events that a query finds, once there are at least `count`.
    pub async fn find(&self, query: &str, count: usize) -> Vec<Value> {
        let found = wait_for(async || {
            let events = self.search(query).await;
            (events.len() >= count).then_some(events)
        });
        let Some(found) = found.await else { panic!("{query} did not find {count} events") };
        found
    }

    /// What it says of whether it is ready, part by part; nothing while it does not answer.
    #[allow(dead_code, reason = "not every test that shares this file asks")]
    pub async fn readiness(&self) -> String {
        let answer = answer(self.http.get(format!("{}/readyz", self.url))).await;
        answer.map(|(_, parts)| parts.to_string()).unwrap_or_default()
    }

    /// The metrics as text.
    pub async fn metrics(&self) -> String {
        self.http.get(format!("{}/metrics", self.url)).send().await.unwrap().text().await.unwrap()
    }

    /// Ends it without warning, as a power cut or the kernel's out-of-memory killer would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and waits.
    pub fn terminate(mut self) -> ExitStatus {
        self.ask_to_stop();
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < DEADLINE, "did not stop:\n{}", self.log.lock().unwrap());
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Whether it is not running any more.
    #[allow(dead_code, reason = "not every test that shares this file asks")]
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends SIGTERM.
    pub fn ask_to_stop(&self) {
        self.signal("-TERM");
    }

    /// Sends a signal, such as `-STOP`.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("log of {}:\n{}", self.url, self.log.lock().unwrap());
        }
    }
}

/// What starts `lapwing ROLE` with its data in `dir`.
pub fn command(role: &str, dir: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(LAPWING);
    command
        .arg(role)
        .current_dir(dir)
        .env("LAPWING__DATA__DIR", dir.join("data"))
        .env("LAPWING__SERVER__LISTEN", "127.0.0.1:0")
        .env("LAPWING__OTLP__HTTP_LISTEN", "127.0.0.1:0")
        .env("LAPWING__OTLP__GRPC_LISTEN", "127.0.0.1:0")
        .env("LAPWING__TELEMETRY__FORMAT", "json")
        .envs(environment.iter().copied());
    command
}

async fn answer(request: reqwest::RequestBuilder) -> Result<(u16, Value), reqwest::Error> {
    let response = request.timeout(DEADLINE).send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

/// Looks again and again until there is something, at most for the deadline.
pub async fn wait_for<T>(mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    let began = Instant::now();
    while began.elapsed() < DEADLINE {
        pace.tick().await;
        if let Some(found) = look().await {
            return Some(found);
        }
    }
    None
}

/// Runs a command of the binary to its end.
pub fn lapwing<S: AsRef<OsStr>>(arguments: &[S], environment: &[(&str, &str)]) -> Output {
    Command::new(LAPWING).args(arguments).envs(environment.iter().copied()).output().unwrap()
}

/// The interpreter of a Python environment with the packages of a file below `tests/`, made when it is first asked for.
pub fn python(name: &str, requirements: &str) -> PathBuf {
    let tests = repository().join("tests");
    let made = Command::new(tests.join("support/venv.sh")).arg(name).arg(tests.join(requirements)).output().unwrap();
    assert!(made.status.success(), "no Python environment:\n{}", String::from_utf8_lossy(&made.stderr));
    PathBuf::from(String::from_utf8(made.stdout).unwrap().trim_end())
}

/// Every file below a folder.
pub fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}
