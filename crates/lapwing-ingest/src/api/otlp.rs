//! OTLP over HTTP: `POST /v1/traces`, `/v1/logs` and `/v1/metrics`, in protobuf or JSON, as the protocol's
//! specification (1.9, section OTLP/HTTP) says.

use axum::Router;
use axum::body::Body as HttpBody;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsPartialSuccess, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use prost::Message;
use serde::Serialize;
use serde_json::json;
use tonic::{Code, Status};

use super::{Fault, admitted, caller};
use crate::FrontDoor;
use crate::front_door::ExportBody;
use crate::otlp::{Exported, Format, Signal};

/// The routes of OTLP over HTTP.
pub fn otlp_router(front_door: FrontDoor) -> Router {
    let export = |signal| post(move |state, request| export(state, signal, request));
    Router::new()
        .route("/v1/traces", export(Signal::Traces))
        .route("/v1/logs", export(Signal::Logs))
        .route("/v1/metrics", export(Signal::Metrics))
        .with_state(front_door)
}

async fn export(State(door): State<FrontDoor>, signal: Signal, request: Request<HttpBody>) -> Response {
    let format = format(request.headers());
    match take(&door, signal, format, request).await {
        Ok(exported) => {
            let (format, body) = answer(signal, format.unwrap_or(Format::Json), exported);
            (StatusCode::OK, content_type(format), body).into_response()
        }
        Err(fault) => refusal(&fault, format.unwrap_or(Format::Json)),
    }
}

async fn take(
    door: &FrontDoor,
    signal: Signal,
    format: Option<Format>,
    request: Request<HttpBody>,
) -> Result<Exported, Fault> {
    let (parts, body) = request.into_parts();
    let caller = caller(&parts.extensions)?;
    let format = format.ok_or(Fault::ContentType("application/x-protobuf or application/json"))?;
    let (bytes, encoding, _permit) = admitted(door, &parts.headers, body).await?;
    Ok(door.accept_export(caller, ExportBody { bytes, encoding, signal, format }).await?)
}

fn format(headers: &HeaderMap) -> Option<Format> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    match value.split(';').next().unwrap_or_default().trim() {
        "application/x-protobuf" | "application/protobuf" => Some(Format::Protobuf),
        "application/json" => Some(Format::Json),
        _ => None,
    }
}

fn content_type(format: Format) -> [(header::HeaderName, HeaderValue); 1] {
    let value = match format {
        Format::Protobuf => "application/x-protobuf",
        Format::Json => "application/json",
    };
    [(header::CONTENT_TYPE, HeaderValue::from_static(value))]
}

/// The signal's response, with its partial success if something was refused.
pub(super) fn answer(signal: Signal, format: Format, exported: Exported) -> (Format, Vec<u8>) {
    if exported.rejected == 0 {
        // Of every signal: an empty message.
        return (format, if format == Format::Json { b"{}".to_vec() } else { Vec::new() });
    }
    let rejected = i64::try_from(exported.rejected).unwrap_or(i64::MAX);
    let error_message = exported.message;
    let body = match signal {
        Signal::Traces => {
            let partial = ExportTracePartialSuccess { rejected_spans: rejected, error_message };
            encode(format, &ExportTraceServiceResponse { partial_success: Some(partial) })
        }
        Signal::Logs => {
            let partial = ExportLogsPartialSuccess { rejected_log_records: rejected, error_message };
            encode(format, &ExportLogsServiceResponse { partial_success: Some(partial) })
        }
        Signal::Metrics => {
            let partial = ExportMetricsPartialSuccess { rejected_data_points: rejected, error_message };
            encode(format, &ExportMetricsServiceResponse { partial_success: Some(partial) })
        }
    };
    (format, body)
}

fn encode(format: Format, message: &(impl Message + Serialize)) -> Vec<u8> {
    match format {
        Format::Protobuf => message.encode_to_vec(),
        Format::Json => serde_json::to_vec(message).expect("a response has string keys and no floats"),
    }
}

fn refusal(fault: &Fault, format: Format) -> Response {
    fault.with_advice(status_response(fault.status(), fault.to_string(), format))
}

/// A `google.rpc.Status` in the request's format.
fn status_response(status: StatusCode, message: String, format: Format) -> Response {
    let code = code(status) as i32;
    let body = match format {
        Format::Protobuf => tonic_types::Status { code, message, details: Vec::new() }.encode_to_vec(),
        Format::Json => json!({"code": code, "message": message}).to_string().into_bytes(),
    };
    (status, content_type(format), body).into_response()
}

/// Whether exporters send to this path, over HTTP or gRPC.
pub fn is_otlp(path: &str) -> bool {
    matches!(path, "/v1/traces" | "/v1/logs" | "/v1/metrics") || is_grpc(path)
}

fn is_grpc(path: &str) -> bool {
    path.starts_with("/opentelemetry.proto.collector.")
}

/// What an exporter is told that is refused before its request is looked at, in the form that it reads.
pub fn refuse_otlp(path: &str, headers: &HeaderMap, status: StatusCode, detail: &str) -> Response {
    match is_grpc(path) {
        true => Status::new(code(status), detail).into_http::<HttpBody>(),
        false => status_response(status, detail.to_owned(), format(headers).unwrap_or(Format::Json)),
    }
}

/// The gRPC status code. Those of faults that pass are retried by exporters.
pub(super) fn code(status: StatusCode) -> Code {
    match status {
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Code::Unimplemented,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => Code::ResourceExhausted,
        StatusCode::REQUEST_TIMEOUT => Code::DeadlineExceeded,
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        StatusCode::INTERNAL_SERVER_ERROR => Code::Internal,
        _ => Code::InvalidArgument,
    }
}
