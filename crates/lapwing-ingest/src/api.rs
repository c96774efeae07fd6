//! The front door over HTTP: `POST /v1/events`, and OpenTelemetry's exports over HTTP and gRPC.
//!
//! Whoever mounts the router puts the caller's [`TenantId`] among the request's extensions, from its credential, and
//! the [`KeyId`] of that, and [`Reviewer`] where it may judge alerts.

mod grpc;
mod otlp;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{self, Body as HttpBody, Bytes};
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http_body_util::LengthLimitError;
use lapwing_event::TenantId;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use crate::FrontDoor;
use crate::encoding::{Encoding, EncodingFault};
use crate::front_door::{Body, RETRY_AFTER, Refusal};
use crate::otlp::DecodeFault;
use crate::rate::Caller;
use crate::receipt::Receipt;

pub use grpc::grpc_router;
pub use otlp::{is_otlp, otlp_router, refuse_otlp};

/// The public part of the key that a request came with: its rate is counted by that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyId(pub Arc<str>);

/// Among a request's extensions: the caller may judge alerts. Without it events of kind `review` are refused.
#[derive(Debug, Clone, Copy)]
pub struct Reviewer;

/// The routes of Lapwing's own front door.
pub fn router(front_door: FrontDoor) -> Router {
    Router::new().route("/v1/events", post(post_events)).with_state(front_door)
}

/// Why a request as a whole was not taken.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("request names no tenant; send a credential")]
    NoTenant,
    #[error("content type is not supported; send {0}")]
    ContentType(&'static str),
    #[error("content encoding is not supported; send gzip, zstd or identity")]
    ContentEncoding,
    #[error("body is longer than {0} bytes; send fewer events in a request")]
    TooLong(usize),
    #[error("body ended early")]
    Cut,
    #[error("body did not come in time")]
    Slow,
    #[error(transparent)]
    Refused(#[from] Refusal),
}

async fn post_events(State(door): State<FrontDoor>, request: Request<HttpBody>) -> Response {
    match take(&door, request).await {
        Ok(receipt) => {
            let status = StatusCode::from_u16(receipt.status()).expect("a receipt's status is a constant");
            (status, Json(receipt)).into_response()
        }
        Err(fault) => fault.into_response(),
    }
}

async fn take(door: &FrontDoor, request: Request<HttpBody>) -> Result<Receipt, Fault> {
    let (parts, body) = request.into_parts();
    let caller = caller(&parts.extensions)?;
    let lines = is_lines(&parts.headers).ok_or(Fault::ContentType("application/json or application/x-ndjson"))?;
    let (bytes, encoding, _permit) = admitted(door, &parts.headers, body).await?;
    Ok(door.accept(caller, Body { bytes, encoding, lines }).await?)
}

/// Who sends, as whoever mounted the router found out.
fn caller(extensions: &Extensions) -> Result<Caller, Fault> {
    let tenant = extensions.get::<TenantId>().ok_or(Fault::NoTenant)?.clone();
    let key = extensions.get::<KeyId>().map_or_else(|| tenant.as_str().into(), |key| Arc::clone(&key.0));
    Ok(Caller { tenant, key, may_review: extensions.get::<Reviewer>().is_some() })
}

/// The body, once there is room for it, which is kept while the permit is.
async fn admitted(
    door: &FrontDoor,
    headers: &HeaderMap,
    body: HttpBody,
) -> Result<(Bytes, Encoding, OwnedSemaphorePermit), Fault> {
    let encoding = encoding(headers).ok_or(Fault::ContentEncoding)?;
    let max = door.config().max_body_bytes;
    let announced = content_length(headers).unwrap_or(max);
    if announced > max {
        return Err(Fault::TooLong(max));
    }
    let permit = door.admit(announced, encoding).await?;
    let bytes = read(body, announced, door.config().body_timeout()).await?;
    Ok((bytes, encoding, permit))
}

async fn read(body: HttpBody, max: usize, timeout: Duration) -> Result<Bytes, Fault> {
    match tokio::time::timeout(timeout, body::to_bytes(body, max)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if error.source().is_some_and(|source| source.is::<LengthLimitError>()) => {
            Err(Fault::TooLong(max))
        }
        Ok(Err(_)) => Err(Fault::Cut),
        Err(_) => Err(Fault::Slow),
    }
}

/// Whether the content type says NDJSON; none for a type that is not JSON at all. Without a type, and with the
/// one that `curl -d` sends unasked, the body speaks for itself.
fn is_lines(headers: &HeaderMap) -> Option<bool> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Some(false) };
    let value = value.to_str().ok()?.to_ascii_lowercase();
    match value.split(';').next().unwrap_or_default().trim() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => Some(true),
        "application/json" | "text/json" | "text/plain" | "application/x-www-form-urlencoded" | "" => Some(false),
        _ => None,
    }
}

fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let first = values.next().map_or(Some(Encoding::Identity), |value| Encoding::parse(value.to_str().ok()?));
    first.filter(|_| values.next().is_none())
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl Fault {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoTenant => StatusCode::UNAUTHORIZED,
            Self::ContentType(_) | Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Cut => StatusCode::BAD_REQUEST,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Refused(refusal) => match refusal {
                Refusal::Empty
                | Refusal::Encoding(EncodingFault::Malformed(_))
                | Refusal::Decode(DecodeFault::Malformed(_)) => StatusCode::BAD_REQUEST,
                Refusal::TooManyItems(_)
                | Refusal::Encoding(EncodingFault::TooLarge(_))
                | Refusal::Decode(DecodeFault::TooManyMessages) => StatusCode::PAYLOAD_TOO_LARGE,
                Refusal::TooFast(_) => StatusCode::TOO_MANY_REQUESTS,
                Refusal::Busy | Refusal::BusUnavailable | Refusal::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
                Refusal::BusRefused | Refusal::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(Refusal::Busy | Refusal::BusUnavailable | Refusal::NoRoom) => Some(RETRY_AFTER),
            Self::Refused(Refusal::TooFast(fault)) => Some(fault.wait),
            _ => None,
        }
    }

    /// Adds the headers that say what to do next.
    fn with_advice(&self, mut response: Response) -> Response {
        if let Some(wait) = self.retry_after() {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self, Self::ContentEncoding) {
            let known = HeaderValue::from_static("gzip, zstd, identity");
            response.headers_mut().insert(header::ACCEPT_ENCODING, known);
        }
        response
    }
}

/// As a problem (RFC 9457).
impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status = self.status();
        let title = status.canonical_reason().unwrap_or_default();
        let problem =
            json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": self.to_string()});
        let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))];
        self.with_advice((status, content_type, problem.to_string()).into_response())
    }
}
