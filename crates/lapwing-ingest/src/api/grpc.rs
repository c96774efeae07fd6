//! OTLP over gRPC. Messages come here as bytes, so that they are decoded under the same bounds as over HTTP.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body as HttpBody;
use axum::extract::State;
use axum::http::{Request, Response};
use axum::routing::post;
use bytes::{Buf, BufMut, Bytes};
use http_body_util::BodyExt;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::otlp::{answer, code};
use super::{Fault, caller};
use crate::FrontDoor;
use crate::encoding::{Encoding, EncodingFault};
use crate::front_door::{ExportBody, Refusal};
use crate::otlp::{Format, Signal};
use crate::rate::Caller;

/// The services of OTLP over gRPC, for a server that speaks HTTP/2.
pub fn grpc_router(front_door: FrontDoor) -> Router {
    let export = |signal| post(move |state, request| export(state, signal, request));
    let path = |service: &str| format!("/opentelemetry.proto.collector.{service}/Export");
    Router::new()
        .route(&path("trace.v1.TraceService"), export(Signal::Traces))
        .route(&path("logs.v1.LogsService"), export(Signal::Logs))
        .route(&path("metrics.v1.MetricsService"), export(Signal::Metrics))
        .fallback(|| async {
            Status::unimplemented("no such service; send OTLP traces or logs").into_http::<HttpBody>()
        })
        .with_state(front_door)
}

async fn export(
    State(door): State<FrontDoor>,
    signal: Signal,
    request: Request<HttpBody>,
) -> Response<tonic::body::Body> {
    let caller = match caller(request.extensions()) {
        Ok(caller) => caller,
        Err(fault) => return status(&fault).into_http(),
    };
    // Nothing says how long the message will be, so it has to fit in full.
    let max = door.config().max_body_bytes;
    let _permit = match door.admit(max, Encoding::Identity).await {
        Ok(permit) => permit,
        Err(refusal) => return status(&refusal.into()).into_http(),
    };
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let request = request.map(|body| {
        HttpBody::new(body.map_frame(move |frame| {
            counter.fetch_add(frame.data_ref().map_or(0, Bytes::len), Ordering::Relaxed);
            frame
        }))
    });
    let time = door.config().body_timeout() + door.config().send_timeout();
    let mut grpc = Grpc::new(Whole).accept_compressed(CompressionEncoding::Gzip).max_decoding_message_size(max);
    let answered = tokio::time::timeout(time, grpc.unary(Export { door, caller, signal, sent }, request)).await;
    match answered {
        // Exporters would send a message that is too long again and again: OTLP counts this code as one that passes.
        Ok(answer) if code_of(&answer) == Some(Code::OutOfRange) => status(&Fault::TooLong(max)).into_http(),
        Ok(answer) => answer,
        Err(_) => status(&Fault::Slow).into_http(),
    }
}

/// The code of an answer that is a status alone.
fn code_of(answer: &Response<tonic::body::Body>) -> Option<Code> {
    Some(Code::from_bytes(answer.headers().get("grpc-status")?.as_bytes()))
}

/// One export.
struct Export {
    door: FrontDoor,
    caller: Caller,
    signal: Signal,
    /// Bytes that came for it, before decompression.
    sent: Arc<AtomicUsize>,
}

impl UnaryService<Bytes> for Export {
    type Response = Vec<u8>;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Vec<u8>>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (door, caller, signal) = (self.door.clone(), self.caller.clone(), self.signal);
        let sent = self.sent.load(Ordering::Relaxed);
        Box::pin(async move {
            let bytes = request.into_inner();
            let bound = door.bound(sent);
            if bytes.len() > bound {
                return Err(status(&Refusal::from(EncodingFault::TooLarge(bound)).into()));
            }
            let body = ExportBody { bytes, encoding: Encoding::Identity, signal, format: Format::Protobuf };
            let exported = door.accept_export(caller, body).await.map_err(|refusal| status(&refusal.into()))?;
            let (_, answer) = answer(signal, Format::Protobuf, exported);
            Ok(tonic::Response::new(answer))
        })
    }
}

/// The fault as a status; with the time to wait where trying again helps.
fn status(fault: &Fault) -> Status {
    let message = fault.to_string();
    let code = code(fault.status());
    match fault.retry_after() {
        Some(wait) => Status::with_error_details(code, message, ErrorDetails::with_retry_info(Some(wait))),
        None => Status::new(code, message),
    }
}

/// Hands messages over as they are.
struct Whole;

impl Codec for Whole {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Whole {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Whole {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
