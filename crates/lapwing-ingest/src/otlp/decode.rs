//! OTLP exports from protobuf or JSON, within bounds.
//!
//! A message of two bytes takes a hundred times that in memory, so the messages are counted before they are decoded.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use serde::de::DeserializeOwned;

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Logs,
    Metrics,
}

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Protobuf,
    Json,
}

/// A decoded export.
#[derive(Debug)]
pub(crate) enum Export {
    Traces(ExportTraceServiceRequest),
    Logs(ExportLogsServiceRequest),
    Metrics(ExportMetricsServiceRequest),
}

/// Why a body is no export.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeFault {
    #[error("body is not the OTLP export that its path and content type say: {0}")]
    Malformed(String),
    #[error(
        "body holds more than {MAX_MESSAGES} messages or JSON objects; send fewer spans or log records in a request"
    )]
    TooManyMessages,
}

/// An export holds at most this many protobuf messages, or JSON objects: some fifty for each of the most items that a
/// request may have by default.
const MAX_MESSAGES: usize = 500_000;

/// Reads an export.
pub(crate) fn decode(bytes: &[u8], signal: Signal, format: Format) -> Result<Export, DecodeFault> {
    Ok(match signal {
        Signal::Traces => Export::Traces(message(bytes, format, &SPANS)?),
        Signal::Logs => Export::Logs(message(bytes, format, &LOG_RECORDS)?),
        Signal::Metrics => Export::Metrics(message(bytes, format, &METRICS)?),
    })
}

fn message<T: Message + Default + DeserializeOwned>(
    bytes: &[u8],
    format: Format,
    nesting: &'static [Nested],
) -> Result<T, DecodeFault> {
    match format {
        Format::Protobuf => {
            let mut messages = 0;
            count(bytes, nesting, 0, &mut messages)?;
            T::decode(bytes).map_err(|_| DecodeFault::Malformed("not its protobuf message".to_owned()))
        }
        Format::Json => {
            // Braces in strings count too, which only makes the bound narrower.
            if memchr::memchr_iter(b'{', bytes).nth(MAX_MESSAGES).is_some() {
                return Err(DecodeFault::TooManyMessages);
            }
            // Its own message would quote the content.
            serde_json::from_slice(bytes).map_err(|error| {
                DecodeFault::Malformed(format!("not its JSON, at line {} column {}", error.line(), error.column()))
            })
        }
    }
}

/// A field that holds messages, and the fields of these that do.
struct Nested(u32, &'static [Nested]);

static ANY_VALUE: [Nested; 2] = [Nested(5, &[Nested(1, &ANY_VALUE)]), Nested(6, &[Nested(1, &KEY_VALUE)])];
static KEY_VALUE: [Nested; 1] = [Nested(2, &ANY_VALUE)];
static RESOURCE: [Nested; 1] = [Nested(1, &KEY_VALUE)];
static SCOPE: [Nested; 1] = [Nested(3, &KEY_VALUE)];
static SPAN: [Nested; 3] =
    [Nested(9, &KEY_VALUE), Nested(11, &[Nested(3, &KEY_VALUE)]), Nested(13, &[Nested(4, &KEY_VALUE)])];
static SPANS: [Nested; 1] = [Nested(1, &[Nested(1, &RESOURCE), Nested(2, &[Nested(1, &SCOPE), Nested(2, &SPAN)])])];
static LOG_RECORD: [Nested; 2] = [Nested(5, &ANY_VALUE), Nested(6, &KEY_VALUE)];
static LOG_RECORDS: [Nested; 1] =
    [Nested(1, &[Nested(1, &RESOURCE), Nested(2, &[Nested(1, &SCOPE), Nested(2, &LOG_RECORD)])])];
/// The data points are field 1 of each of the five types, their attributes field 7, 9 or 1, their exemplars 5, 8 or 11.
static POINTS: [Nested; 1] = [Nested(
    1,
    &[
        Nested(1, &KEY_VALUE),
        Nested(5, &[]),
        Nested(6, &[]),
        Nested(7, &KEY_VALUE),
        Nested(8, &[]),
        Nested(9, &KEY_VALUE),
        Nested(11, &[]),
    ],
)];
static METRIC: [Nested; 6] = [
    Nested(5, &POINTS),
    Nested(7, &POINTS),
    Nested(9, &POINTS),
    Nested(10, &POINTS),
    Nested(11, &POINTS),
    Nested(12, &KEY_VALUE),
];
static METRICS: [Nested; 1] = [Nested(1, &[Nested(1, &RESOURCE), Nested(2, &[Nested(1, &SCOPE), Nested(2, &METRIC)])])];

/// As deep as the decoder goes.
const MAX_NESTING: usize = 100;

/// Counts the messages that stand in `bytes`, as far as `nesting` goes.
fn count(mut bytes: &[u8], nesting: &[Nested], depth: usize, messages: &mut usize) -> Result<(), DecodeFault> {
    let malformed = || DecodeFault::Malformed("not its protobuf message".to_owned());
    if depth > MAX_NESTING {
        return Err(malformed());
    }
    while !bytes.is_empty() {
        let (field, wire_type) = decode_key(&mut bytes).map_err(|_| malformed())?;
        if wire_type != WireType::LengthDelimited {
            skip_field(wire_type, field, &mut bytes, DecodeContext::default()).map_err(|_| malformed())?;
            continue;
        }
        let length = decode_varint(&mut bytes).map_err(|_| malformed())?;
        let end = usize::try_from(length).ok().filter(|end| *end <= bytes.len()).ok_or_else(malformed)?;
        let (inner, rest) = bytes.split_at(end);
        bytes = rest;
        if let Some(Nested(_, nesting)) = nesting.iter().find(|nested| nested.0 == field) {
            *messages += 1;
            if *messages > MAX_MESSAGES {
                return Err(DecodeFault::TooManyMessages);
            }
            count(inner, nesting, depth + 1, messages)?;
        }
    }
    Ok(())
}
