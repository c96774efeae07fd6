//! To an HTTP endpoint: `POST /v1/events`, one event a line, compressed.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url, redirect};
use rustls_platform_verifier::BuilderVerifierExt;
use serde::Deserialize;

use super::{Delivery, SendError, Transport};
use crate::BuildError;
use crate::batch::Encoded;

/// How long one attempt may take, with connecting and answering.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A destination may ask for at most this much patience.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);
/// A shorter body is sent as it is.
const COMPRESS_FROM: usize = 1024;

pub(crate) struct Http {
    client: Client,
    url: Url,
}

/// What the front door says of a batch; it may say more.
#[derive(Deserialize)]
struct Receipt {
    rejected: usize,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    status: u16,
    #[serde(default)]
    field: String,
    #[serde(default)]
    reason: String,
}

impl Http {
    /// To the installation at this URL; the path of the front door is added.
    pub(crate) fn new(endpoint: &str, api_key: Option<&str>) -> Result<Self, BuildError> {
        let url = Url::parse(endpoint).map_err(|_| BuildError::Endpoint)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(BuildError::Endpoint);
        }
        let path = format!("{}/v1/events", url.path().trim_end_matches('/').trim_end_matches("/v1/events"));
        let mut target = url.clone();
        target.set_path(&path);

        let mut headers = HeaderMap::new();
        if let Some(key) = api_key {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| BuildError::ApiKey)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let tls = tls_config(url.scheme() == "https")?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| BuildError::Tls(error.to_string()))?;
        Ok(Self { client, url: target })
    }
}

/// TLS by rustls with ring, whatever provider the application has installed for itself. The system's roots are
/// read only where they are needed.
fn tls_config(secure: bool) -> Result<rustls::ClientConfig, BuildError> {
    let fault = |error: rustls::Error| BuildError::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(fault)?;
    let config = match secure {
        true => config.with_platform_verifier().map_err(fault)?,
        false => config.with_root_certificates(rustls::RootCertStore::empty()),
    };
    Ok(config.with_no_client_auth())
}

#[async_trait]
impl Transport for Http {
    async fn send(&mut self, events: &[Encoded]) -> Result<Delivery, SendError> {
        let body = lines(events);
        let mut request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/x-ndjson");
        request = match gzip(&body) {
            Some(compressed) => request.header(CONTENT_ENCODING, "gzip").body(compressed),
            None => request.body(body),
        };
        let response = request.send().await.map_err(|error| retry(fault_of(&error)))?;
        let (status, after) = (response.status(), retry_after(response.headers()));
        // A body that did not arrive whole is no receipt.
        let answer = response.bytes().await.map_err(|error| retry(fault_of(&error)))?;
        judge(status, after, &answer, events.len())
    }
}

/// What an answer means for the batch. A refusal that says what is wrong with it is final; any other (a wrong
/// key, a path that is not there yet, a proxy's page) may be mended by a person while the events wait.
fn judge(status: StatusCode, after: Option<Duration>, answer: &[u8], events: usize) -> Result<Delivery, SendError> {
    let receipt = serde_json::from_slice::<Receipt>(answer).ok();
    match (status.as_u16(), receipt) {
        (202, Some(receipt)) | (400 | 413, Some(receipt)) if receipt.rejected <= events => {
            let first = receipt.items.into_iter().find(|item| item.status != 202);
            let reason = first.map(|item| format!("{}: {}", item.field, item.reason));
            Ok(Delivery { rejected: receipt.rejected, reason })
        }
        (413, _) => Err(SendError::TooLarge),
        (400 | 415 | 422, _) => Err(SendError::Rejected(format!("endpoint answered {status}"))),
        _ => Err(SendError::Retry { fault: format!("endpoint answered {status}"), after }),
    }
}

fn retry(fault: String) -> SendError {
    SendError::Retry { fault, after: None }
}

/// The fault's kind. Its own text would name the URL, which may hold a credential.
fn fault_of(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "endpoint did not answer in time"
    } else if error.is_connect() {
        "endpoint cannot be reached"
    } else {
        "connection to the endpoint broke"
    };
    kind.to_owned()
}

/// In seconds; the form with a date is rare and not worth a clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

fn lines(events: &[Encoded]) -> Vec<u8> {
    let mut body = Vec::with_capacity(events.iter().map(|event| event.json.len() + 1).sum());
    for event in events {
        body.extend_from_slice(&event.json);
        body.push(b'\n');
    }
    body
}

fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < COMPRESS_FROM {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn answers_are_judged() {
        let check = |status: u16, answer: &str, expect: Result<Delivery, SendError>| {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(judge(status, None, answer.as_bytes(), 2), expect, "{status} {answer}");
        };
        let retry = |text: &str| Err(SendError::Retry { fault: text.to_owned(), after: None });
        let mixed = r#"{"accepted":1,"rejected":1,"items":[{"index":0,"status":202,"ids":[]},
            {"index":1,"status":400,"field":"kind","reason":"is missing"}]}"#;
        let refused = Delivery { rejected: 1, reason: Some("kind: is missing".to_owned()) };
        check(202, r#"{"accepted":2,"rejected":0,"items":[]}"#, Ok(Delivery::default()));
        check(202, mixed, Ok(refused));
        check(400, r#"{"accepted":0,"rejected":2,"items":[]}"#, Ok(Delivery { rejected: 2, reason: None }));
        check(202, "<html>a captive portal</html>", retry("endpoint answered 202 Accepted"));
        check(200, "{}", retry("endpoint answered 200 OK"));
        check(401, "{}", retry("endpoint answered 401 Unauthorized"));
        check(429, "", retry("endpoint answered 429 Too Many Requests"));
        check(503, "", retry("endpoint answered 503 Service Unavailable"));
        check(413, "", Err(SendError::TooLarge));
        check(422, "", Err(SendError::Rejected("endpoint answered 422 Unprocessable Entity".to_owned())));
    }

    #[test]
    fn endpoints_are_completed_or_refused() {
        let url = |endpoint: &str| Http::new(endpoint, None).map(|http| http.url.to_string());
        for endpoint in ["http://h:1", "http://h:1/", "http://h:1/v1/events"] {
            assert_eq!(url(endpoint).unwrap(), "http://h:1/v1/events");
        }
        assert_eq!(url("http://h/base/").unwrap(), "http://h/base/v1/events");
        for endpoint in ["", "h:1", "ftp://h", "/v1/events"] {
            assert!(matches!(url(endpoint), Err(BuildError::Endpoint)), "{endpoint}");
        }
        assert!(matches!(Http::new("http://h", Some("a\nb")), Err(BuildError::ApiKey)));
    }

    #[test]
    fn patience_is_bounded() {
        let parse = |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]));
        assert_eq!(parse("2"), Some(Duration::from_secs(2)));
        assert_eq!(parse("999999"), Some(MAX_RETRY_AFTER));
        assert_eq!(parse("Tue, 24 Nov 2026 06:30:00 GMT"), None);
    }
}
