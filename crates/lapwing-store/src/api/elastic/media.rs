//! What stands around a body: its compression, and the media types that Elasticsearch's clients name.

use std::io::Read;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use flate2::read::GzDecoder;

use super::error::ElasticError;
use crate::api::ApiState;

/// A body is at most this long, as sent and after decompression.
const MAX_BODY_BYTES: usize = 32 << 20;

/// Clients refuse to talk to a server without it.
const PRODUCT: HeaderName = HeaderName::from_static("x-elastic-product");

/// A request's body, decompressed.
pub(super) struct Content(pub Vec<u8>);

impl FromRequest<ApiState> for Content {
    type Rejection = ElasticError;

    async fn from_request(request: Request, _: &ApiState) -> Result<Self, ElasticError> {
        let (parts, body) = request.into_parts();
        let too_long = || {
            let reason = format!("body is longer than {MAX_BODY_BYTES} bytes; send it in parts");
            ElasticError::new(StatusCode::PAYLOAD_TOO_LARGE, "illegal_argument_exception", reason)
        };
        let bytes = axum::body::to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| too_long())?;
        match encoding(&parts.headers) {
            None | Some("identity") => Ok(Self(bytes.into())),
            Some("gzip") => Ok(Self(gunzip(&bytes)?.ok_or_else(too_long)?)),
            Some(other) => {
                Err(ElasticError::illegal(format!("content encoding [{other}] is not supported; send gzip")))
            }
        }
    }
}

fn encoding(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_ENCODING)?.to_str().ok()
}

/// Nothing if there is more than fits.
fn gunzip(bytes: &Bytes) -> Result<Option<Vec<u8>>, ElasticError> {
    let mut plain = Vec::new();
    let read = GzDecoder::new(bytes.as_ref()).take(MAX_BODY_BYTES as u64 + 1).read_to_end(&mut plain);
    read.map_err(|_| ElasticError::illegal("body is not gzip, though its header says so"))?;
    Ok((plain.len() <= MAX_BODY_BYTES).then_some(plain))
}

/// Names the product, and answers JSON in the media type that was asked for: clients send
/// `application/vnd.elasticsearch+json; compatible-with=9` and want it back.
pub(super) async fn name_product(request: Request, next: Next) -> Response {
    let asked = asked_for(request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(PRODUCT, HeaderValue::from_static("Elasticsearch"));
    if let (Some(media), true) = (asked, is_json(headers)) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    }
    response
}

/// The same, for a response that came from elsewhere.
pub(super) fn with_product(mut response: Response<Body>) -> Response {
    response.headers_mut().insert(PRODUCT, HeaderValue::from_static("Elasticsearch"));
    response
}

fn asked_for(headers: &HeaderMap) -> Option<&'static str> {
    let accept = headers.get(header::ACCEPT)?.to_str().ok()?;
    let versioned = accept.split(',').find(|media| media.contains("vnd.elasticsearch+json"))?;
    match versioned.split_once("compatible-with=")?.1.trim() {
        "8" => Some("application/vnd.elasticsearch+json;compatible-with=8"),
        _ => Some("application/vnd.elasticsearch+json;compatible-with=9"),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|media| media.as_bytes().starts_with(b"application/json"))
}
