//! Errors in Elasticsearch's form, with its status codes.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::SearchError;

/// An error in Elasticsearch's form.
#[derive(Debug)]
pub(super) struct ElasticError {
    pub status: StatusCode,
    kind: &'static str,
    reason: String,
    /// The index at fault.
    index: Option<String>,
}

impl ElasticError {
    pub fn new(status: StatusCode, kind: &'static str, reason: impl Into<String>) -> Self {
        Self { status, kind, reason: reason.into(), index: None }
    }

    /// A request whose form is not understood.
    pub fn bad(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "parsing_exception", reason)
    }

    /// A request whose form is understood and whose content cannot be.
    pub fn illegal(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "illegal_argument_exception", reason)
    }

    pub fn no_index(name: &str) -> Self {
        let reason = format!("no such index [{name}]");
        let error = Self::new(StatusCode::NOT_FOUND, "index_not_found_exception", reason);
        Self { index: Some(name.to_owned()), ..error }
    }

    pub fn exists(name: &str) -> Self {
        let reason = format!("index [{name}] already exists");
        let error = Self::new(StatusCode::BAD_REQUEST, "resource_already_exists_exception", reason);
        Self { index: Some(name.to_owned()), ..error }
    }

    pub fn invalid_name(name: &str) -> Self {
        let reason = format!("Invalid index name [{name}]; write lower case letters, digits and hyphens");
        let error = Self::new(StatusCode::BAD_REQUEST, "invalid_index_name_exception", reason);
        Self { index: Some(name.to_owned()), ..error }
    }

    /// A document that is not of its index's types.
    pub fn document(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "document_parsing_exception", reason)
    }

    pub fn no_handler(uri: &str) -> Self {
        Self::illegal(format!("no handler found for uri [{uri}]; this is a subset of the API"))
    }

    pub fn without_tenant() -> Self {
        let reason = "the request has no tenant; the server must authenticate it first";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "security_exception", reason)
    }

    /// What stands under `error`.
    pub fn cause(&self) -> Value {
        let mut cause = json!({"type": self.kind, "reason": self.reason});
        if let Some(index) = &self.index {
            cause["index"] = json!(index);
        }
        cause
    }

    /// The whole body.
    pub fn body(&self) -> Value {
        let cause = self.cause();
        let mut error = cause.clone();
        error["root_cause"] = json!([cause]);
        json!({"error": error, "status": self.status.as_u16()})
    }
}

impl From<SearchError> for ElasticError {
    fn from(error: SearchError) -> Self {
        let (status, kind) = match &error {
            SearchError::Query(_) | SearchError::Parameter { .. } => (StatusCode::BAD_REQUEST, "parsing_exception"),
            SearchError::Timeout { .. } => (StatusCode::GATEWAY_TIMEOUT, "timeout_exception"),
            SearchError::Busy => (StatusCode::TOO_MANY_REQUESTS, "es_rejected_execution_exception"),
            SearchError::Cancelled | SearchError::Index { .. } | SearchError::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "search_phase_execution_exception")
            }
        };
        Self::new(status, kind, error.to_string())
    }
}

impl IntoResponse for ElasticError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body())).into_response()
    }
}
