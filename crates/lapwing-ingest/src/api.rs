//! The front door over HTTP: `POST /v1/events`.
//!
//! Whoever mounts the router puts the caller's [`TenantId`] among the request's extensions, from its credential.

use std::time::Duration;

use axum::body::{self, Body as HttpBody};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use lapwing_event::TenantId;
use serde_json::json;

use crate::FrontDoor;
use crate::encoding::{Encoding, EncodingFault};
use crate::front_door::{Body, RETRY_AFTER, Refusal};

/// The routes of the front door.
pub fn router(front_door: FrontDoor) -> Router {
    Router::new().route("/v1/events", post(post_events)).with_state(front_door)
}

async fn post_events(
    State(door): State<FrontDoor>,
    tenant: Option<Extension<TenantId>>,
    request: Request<HttpBody>,
) -> Response {
    let Some(Extension(tenant)) = tenant else {
        return problem(StatusCode::UNAUTHORIZED, "request names no tenant; send a credential");
    };
    match take(&door, tenant, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn take(door: &FrontDoor, tenant: TenantId, request: Request<HttpBody>) -> Result<Response, Response> {
    let (parts, body) = request.into_parts();
    let lines = is_lines(&parts.headers)?;
    let encoding = encoding(&parts.headers)?;
    let max = door.config().max_body_bytes;
    let too_large = || problem(StatusCode::PAYLOAD_TOO_LARGE, &format!("body is longer than {max} bytes"));
    let announced = content_length(&parts.headers).unwrap_or(max);
    if announced > max {
        return Err(too_large());
    }
    let _permit = door.admit(announced, encoding).await.map_err(refuse)?;
    let reading = tokio::time::timeout(door.config().body_timeout(), body::to_bytes(body, announced));
    let bytes = match reading.await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) if is_length_limit(&error) => return Err(too_large()),
        Ok(Err(_)) => return Err(problem(StatusCode::BAD_REQUEST, "body ended early")),
        Err(_) => return Err(problem(StatusCode::REQUEST_TIMEOUT, "body did not come in time")),
    };
    let receipt = door.accept(tenant, Body { bytes, encoding, lines }).await.map_err(refuse)?;
    let status = StatusCode::from_u16(receipt.status()).expect("a receipt's status is a constant");
    Ok((status, Json(receipt)).into_response())
}

/// Whether the content type says NDJSON; a type that is not JSON at all is refused. Without a type, and with
/// the one that `curl -d` sends unasked, the body speaks for itself.
fn is_lines(headers: &HeaderMap) -> Result<bool, Response> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(false) };
    let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
    match value.split(';').next().unwrap_or_default().trim() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => Ok(true),
        "application/json" | "text/json" | "text/plain" | "application/x-www-form-urlencoded" | "" => Ok(false),
        _ => Err(problem(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content type is not supported; send application/json or application/x-ndjson",
        )),
    }
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Response> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let first = values.next().map_or(Some(Encoding::Identity), |value| Encoding::parse(value.to_str().ok()?));
    first.filter(|_| values.next().is_none()).ok_or_else(|| {
        let detail = "content encoding is not supported; send gzip, zstd or identity";
        let mut response = problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
        response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd, identity"));
        response
    })
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is_length_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn refuse(refusal: Refusal) -> Response {
    let detail = refusal.to_string();
    match refusal {
        Refusal::Empty | Refusal::Encoding(EncodingFault::Malformed(_)) => problem(StatusCode::BAD_REQUEST, &detail),
        Refusal::TooManyItems(_) | Refusal::Encoding(EncodingFault::TooLarge(_)) => {
            problem(StatusCode::PAYLOAD_TOO_LARGE, &detail)
        }
        Refusal::Busy | Refusal::BusUnavailable => {
            let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, &detail);
            response.headers_mut().insert(header::RETRY_AFTER, seconds(RETRY_AFTER));
            response
        }
        Refusal::BusRefused | Refusal::Failed => problem(StatusCode::INTERNAL_SERVER_ERROR, &detail),
    }
}

fn seconds(duration: Duration) -> HeaderValue {
    HeaderValue::from(duration.as_secs())
}

/// A fault of the request as a whole (RFC 9457).
fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let body = json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail});
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))];
    (status, content_type, body.to_string()).into_response()
}
