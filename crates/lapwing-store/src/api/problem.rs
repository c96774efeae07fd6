//! Errors as problem details (RFC 9457), `application/problem+json`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::error;

use crate::{SearchError, StoreError};

/// A problem, as it goes over the wire. `type` names the kind of problem and does not change between versions.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    /// Where in the query, in characters from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    /// What was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<String>,
    /// The parameter at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'static str>,
}

impl Problem {
    fn new(status: StatusCode, r#type: &'static str, title: &'static str, detail: String) -> Self {
        Self { r#type, title, status: status.as_u16(), detail, position: None, suggestion: None, parameter: None }
    }

    /// A request that cannot be read.
    pub fn bad(detail: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "urn:lapwing:problem:request", "bad request", detail)
    }

    /// As [`Self::bad`], with a status of its own.
    pub fn of_status(status: StatusCode, detail: String) -> Self {
        Self::new(status, "urn:lapwing:problem:request", "bad request", detail)
    }

    /// Nothing of that name in the tenant.
    pub fn not_found(detail: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, "urn:lapwing:problem:not-found", "not found", detail)
    }

    /// The server did not authenticate the request before it came here.
    pub fn without_tenant() -> Self {
        let detail = "the request has no tenant; the server must authenticate it first".to_owned();
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "urn:lapwing:problem:tenant", "no tenant", detail)
    }
}

impl From<SearchError> for Problem {
    fn from(cause: SearchError) -> Self {
        let detail = cause.to_string();
        match cause {
            SearchError::Query(query) => Self {
                position: Some(query.position),
                suggestion: query.suggestion,
                parameter: Some("q"),
                ..Self::new(StatusCode::BAD_REQUEST, "urn:lapwing:problem:query", "query not understood", detail)
            },
            SearchError::Parameter { parameter, .. } => Self {
                parameter: Some(parameter),
                ..Self::new(StatusCode::BAD_REQUEST, "urn:lapwing:problem:parameter", "bad parameter", detail)
            },
            SearchError::Timeout { .. } => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, "urn:lapwing:problem:timeout", "search took too long", detail)
            }
            SearchError::Busy => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "urn:lapwing:problem:busy", "too many searches", detail)
            }
            SearchError::Cancelled | SearchError::Internal | SearchError::Index { .. } => {
                error!(error = &cause as &dyn std::error::Error, "search failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "urn:lapwing:problem:internal", "search failed", detail)
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(cause: StoreError) -> Self {
        error!(error = &cause as &dyn std::error::Error, "store failed");
        let kind = "urn:lapwing:problem:store";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, "store cannot do this now", cause.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let busy = status == StatusCode::SERVICE_UNAVAILABLE;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if busy {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
