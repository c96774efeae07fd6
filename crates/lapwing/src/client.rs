//! The commands' side of the HTTP API.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Client as Http, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::args::Server;

/// Where a server listens if nobody says otherwise.
pub const DEFAULT_URL: &str = "http://127.0.0.1:7117";

/// A server, and the key for it.
#[derive(Clone)]
pub struct Client {
    http: Http,
    /// The server's address, without a slash at its end.
    pub url: String,
    api_key: Option<String>,
}

impl Client {
    /// From the arguments, else the environment, else this machine.
    pub fn new(server: &Server) -> Result<Self> {
        let from_environment = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let url = server.url.clone().or_else(|| from_environment("LAPWING_URL"));
        let url = url.unwrap_or_else(|| DEFAULT_URL.to_owned()).trim_end_matches('/').to_owned();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("{url:?} is no address of a server; write it as {DEFAULT_URL}");
        }
        // Fails only if a provider is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http =
            Http::builder().connect_timeout(Duration::from_secs(5)).build().context("prepare the HTTP client")?;
        Ok(Self { http, url, api_key: server.api_key.clone().or_else(|| from_environment("LAPWING_API_KEY")) })
    }

    /// The API key, if there is one.
    pub fn api_key(&self) -> Option<&str> {
        self.api_key.as_deref()
    }

    /// GET with a query.
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
        self.authorized(self.http.get(format!("{}{path}", self.url)).query(query))
    }

    /// POST of NDJSON.
    pub fn post_lines(&self, path: &str, lines: String) -> RequestBuilder {
        let request = self.http.post(format!("{}{path}", self.url)).header("content-type", "application/x-ndjson");
        self.authorized(request.body(lines))
    }

    /// GET, as JSON; an error that the server explains is passed on in its words.
    pub async fn json(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let response = self.get(path, query).timeout(Duration::from_secs(60)).send().await;
        let response = response.with_context(|| self.unreachable())?;
        let status = response.status();
        let body = response.bytes().await.context("read the answer")?;
        match status.is_success() {
            true => serde_json::from_slice(&body).context("the answer is not JSON; is this a Lapwing server?"),
            false => bail!("{}", explain(status, &body)),
        }
    }

    /// What to do when there is no connection.
    pub fn unreachable(&self) -> String {
        format!("no answer from {}; start a server with `lapwing up`, or name it with --url", self.url)
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.api_key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }
}

/// What the server said was wrong.
pub fn explain(status: StatusCode, body: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    match problem.get("detail").and_then(Value::as_str) {
        Some(detail) => detail.to_owned(),
        None => format!("the server answered {status}"),
    }
}
