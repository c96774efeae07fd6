//! OTLP's messages as what the mapper takes: plain JSON attributes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lapwing_event::otlp::{Log, Span, SpanEvent, Status};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::{Map, Number, Value};

/// Attributes as JSON; of a key that stands twice the last value counts.
pub(super) fn attributes(list: Vec<KeyValue>) -> Map<String, Value> {
    list.into_iter().map(|pair| (pair.key, value(pair.value))).collect()
}

/// A value as JSON. Bytes become base64, a number that JSON has not its name.
pub(super) fn value(any: Option<AnyValue>) -> Value {
    match any.and_then(|any| any.value) {
        // A reference into a table that only profiles have.
        None | Some(Any::StringValueStrindex(_)) => Value::Null,
        Some(Any::StringValue(text)) => Value::String(text),
        Some(Any::BoolValue(truth)) => Value::Bool(truth),
        Some(Any::IntValue(number)) => Value::Number(number.into()),
        Some(Any::DoubleValue(number)) => {
            Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number)
        }
        Some(Any::ArrayValue(list)) => list.values.into_iter().map(|item| value(Some(item))).collect(),
        Some(Any::KvlistValue(list)) => Value::Object(attributes(list.values)),
        Some(Any::BytesValue(bytes)) => Value::String(BASE64_STANDARD.encode(bytes)),
    }
}

pub(super) fn span(span: v1::Span) -> Span {
    let (code, status_message) = span.status.map_or((0, String::new()), |status| (status.code, status.message));
    let status = match StatusCode::try_from(code) {
        Ok(StatusCode::Error) => Status::Error,
        Ok(StatusCode::Ok) => Status::Ok,
        Ok(StatusCode::Unset) | Err(_) => Status::Unset,
    };
    let event = |event: v1::span::Event| SpanEvent {
        name: event.name,
        nanos: event.time_unix_nano,
        attributes: attributes(event.attributes),
    };
    Span {
        trace_id: span.trace_id,
        span_id: span.span_id,
        parent_span_id: span.parent_span_id,
        name: span.name,
        start_nanos: span.start_time_unix_nano,
        end_nanos: span.end_time_unix_nano,
        attributes: attributes(span.attributes),
        events: span.events.into_iter().map(event).collect(),
        status,
        status_message,
    }
}

pub(super) fn log(record: LogRecord) -> Log {
    Log {
        trace_id: record.trace_id,
        span_id: record.span_id,
        event_name: record.event_name,
        nanos: record.time_unix_nano,
        observed_nanos: record.observed_time_unix_nano,
        attributes: attributes(record.attributes),
        body: value(record.body),
    }
}
