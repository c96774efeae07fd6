//! Exports in both formats, their bounds, and any bytes.
#![allow(clippy::unwrap_used)]

use lapwing_event::{TenantId, Timestamp};
use proptest::prelude::*;
use prost::Message;
use serde_json::{Value, json};

use super::*;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

/// As the specification's example writes it: hexadecimal ids, 64-bit integers as text.
fn traces() -> Value {
    json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [{"scope": {"name": "tracer"}, "spans": [
            {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "parentSpanId": "", "kind": 2,
             "name": "chat m", "startTimeUnixNano": "1795501800000000000", "endTimeUnixNano": "1795501801000000000",
             "attributes": [
                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "12"}},
                {"key": "gen_ai.request.temperature", "value": {"doubleValue": 0.5}},
                {"key": "gen_ai.response.finish_reasons", "value": {"arrayValue": {"values": [{"stringValue": "stop"}]}}},
                {"key": "raw", "value": {"bytesValue": "aGk="}},
                {"key": "of the future", "value": {"newValue": 1}}],
             "status": {"code": 2, "message": "no"}, "fieldOfTheFuture": true},
            {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b175", "name": "GET /",
             "startTimeUnixNano": "1795501800000000000", "endTimeUnixNano": 1795501801000000000_u64},
            {"traceId": "", "spanId": "eee19b7ec3c1b176", "startTimeUnixNano": "1795501800000000000",
             "attributes": [{"key": "gen_ai.system", "value": {"stringValue": "openai"}}]},
        ]}],
    }]})
}

fn arrival() -> Arrival {
    Arrival::new(TenantId::default(), Timestamp::from_millis(1_795_501_800_000))
}

fn export(bytes: &[u8], signal: Signal, format: Format) -> Exported {
    take_in_export(decode(bytes, signal, format).unwrap(), 10, &arrival()).unwrap()
}

#[test]
fn json_and_protobuf_are_the_same_export() {
    let json = traces().to_string();
    let message: ExportTraceServiceRequest = serde_json::from_str(&json).unwrap();
    let of_json = export(json.as_bytes(), Signal::Traces, Format::Json);
    let of_protobuf = export(&message.encode_to_vec(), Signal::Traces, Format::Protobuf);
    assert_eq!(of_json.records, of_protobuf.records);
    let event: Value = serde_json::from_slice(&of_json.records[0].value).unwrap();
    assert_eq!(event["trace_id"], "5b8efff798038103d269b633813fc60c");
    assert_eq!(event["gen_ai"]["usage"]["input_tokens"], 12);
    assert_eq!(event["gen_ai"]["request"]["temperature"], 0.5);
    assert_eq!(event["gen_ai"]["response"]["finish_reasons"], json!(["stop"]));
    assert_eq!(event["attrs"]["raw"], "aGk=");
    assert_eq!((&event["outcome"], &event["error"]["message"]), (&"error".into(), &"no".into()));
}

#[test]
fn the_answer_names_what_was_refused_and_only_that() {
    let exported = export(traces().to_string().as_bytes(), Signal::Traces, Format::Json);
    assert_eq!((exported.records.len(), exported.dropped, exported.rejected), (1, 1, 1));
    assert_eq!(exported.message, "span 2: trace_id: must be 16 bytes that are not all zero");
    assert_eq!(exported.rejections.len(), 1);
}

#[test]
fn a_long_list_of_refusals_is_cut() {
    let mut many = traces();
    let bad = many["resourceSpans"][0]["scopeSpans"][0]["spans"][2].clone();
    many["resourceSpans"][0]["scopeSpans"][0]["spans"] = vec![bad; 10].into();
    let exported = export(many.to_string().as_bytes(), Signal::Traces, Format::Json);
    assert_eq!(exported.rejected, 10);
    assert!(exported.message.contains("span 7: ") && exported.message.ends_with("; …"), "{}", exported.message);
    many["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["x"] = json!(1);
    let spans = many["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array_mut().unwrap();
    spans.push(json!({}));
    let export = decode(many.to_string().as_bytes(), Signal::Traces, Format::Json).unwrap();
    assert!(take_in_export(export, 10, &arrival()).is_none(), "11 spans are more than 10");
}

#[test]
fn log_records_are_read_from_json() {
    let record = |name: &str, body: Value| {
        json!({"timeUnixNano": "1795501800000000000", "eventName": name, "body": body,
            "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"})
    };
    let text = json!({"kvlistValue": {"values": [{"key": "content", "value": {"stringValue": "hi"}}]}});
    let logs = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        record("gen_ai.user.message", text), record("other", json!({"stringValue": "x"}))]}]}]});
    let exported = export(logs.to_string().as_bytes(), Signal::Logs, Format::Json);
    assert_eq!((exported.records.len(), exported.dropped), (1, 1));
    let event: Value = serde_json::from_slice(&exported.records[0].value).unwrap();
    assert_eq!(event["content"]["prompt"], "hi");
}

#[test]
fn metrics_are_refused_point_by_point() {
    let point = json!({"asInt": "1", "timeUnixNano": "1795501800000000000"});
    let metrics = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "a", "gauge": {"dataPoints": [point, point]}},
        {"name": "b", "sum": {"dataPoints": [point], "aggregationTemporality": 2, "isMonotonic": true}}]}]}]});
    let exported = export(metrics.to_string().as_bytes(), Signal::Metrics, Format::Json);
    assert_eq!((exported.rejected, exported.records.len()), (3, 0));
    assert!(exported.message.contains("send traces and logs"));
}

#[test]
fn an_event_that_is_too_long_goes_without_its_history_or_is_refused() {
    let long = "x".repeat(500_000);
    let said = |role: &str| json!({"role": role, "parts": [{"type": "text", "content": long}]});
    let history =
        json!([said("user"), said("assistant"), {"role": "user", "parts": [{"type": "text", "content": "hi"}]}]);
    let mut of_history = traces();
    let attributes = of_history.pointer_mut("/resourceSpans/0/scopeSpans/0/spans/0/attributes").unwrap();
    let attribute = |key: &str, text: String| json!({"key": key, "value": {"stringValue": text}});
    *attributes = json!([
        attribute("gen_ai.operation.name", "chat".to_owned()),
        attribute("gen_ai.input.messages", history.to_string())
    ]);
    let exported = export(of_history.to_string().as_bytes(), Signal::Traces, Format::Json);
    let event: Value = serde_json::from_slice(&exported.records[0].value).unwrap();
    assert_eq!((&event["content"]["prompt"], &event["content"]["messages"]), (&"hi".into(), &Value::Null));
    assert_eq!(event["truncated"][0]["field"], "content.messages");

    let attributes = of_history.pointer_mut("/resourceSpans/0/scopeSpans/0/spans/0/attributes").unwrap();
    *attributes = json!([
        attribute("gen_ai.operation.name", "chat".to_owned()),
        attribute("gen_ai.completion", long.clone() + &long)
    ]);
    let exported = export(of_history.to_string().as_bytes(), Signal::Traces, Format::Json);
    assert_eq!((exported.records.len(), exported.rejected), (0, 2));
    assert!(exported.message.contains("span 0: $: is 1000"), "{}", exported.message);
}

#[test]
fn what_is_no_export_is_refused_without_quoting_it() {
    let fault = |bytes: &[u8], format| decode(bytes, Signal::Traces, format).unwrap_err().to_string();
    let json = fault(br#"{"resourceSpans": "secret"}"#, Format::Json);
    assert!(json.contains("line 1 column") && !json.contains("secret"), "{json}");
    assert!(fault(b"\x0a\xff", Format::Protobuf).contains("protobuf"));
    assert!(fault(b"secret", Format::Protobuf).contains("protobuf"));
    assert!(decode(b"", Signal::Traces, Format::Protobuf).is_ok(), "an empty export is one");
}

#[test]
fn many_empty_messages_in_few_bytes_are_counted_first() {
    // A span of two bytes takes some two hundred in memory.
    let spans = b"\x12\x00".repeat(600_000);
    let field = |number: u8, inner: &[u8]| {
        let mut bytes = vec![number << 3 | 2];
        prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
        bytes.extend(inner);
        bytes
    };
    let request = field(1, &field(2, &spans));
    assert_eq!(decode(&request, Signal::Traces, Format::Protobuf).unwrap_err(), DecodeFault::TooManyMessages);
    let json = format!(r#"{{"resourceSpans":[{}{{}}]}}"#, "{},".repeat(600_000));
    assert_eq!(decode(json.as_bytes(), Signal::Traces, Format::Json).unwrap_err(), DecodeFault::TooManyMessages);
    // Nesting beyond the decoder's is refused before it is followed.
    let nested = (0..1_000).fold(Vec::new(), |inner, _| field(2, &field(5, &field(1, &inner))));
    let request = field(1, &field(1, &field(1, &nested)));
    assert!(matches!(decode(&request, Signal::Traces, Format::Protobuf), Err(DecodeFault::Malformed(_))));
}

/// What the fuzz target begins with, with each file's name.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/otlp");
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn the_corpus_holds_exports_of_every_signal_and_format() {
    for (name, bytes) in corpus() {
        let format = if name.ends_with("json") { Format::Json } else { Format::Protobuf };
        let (signal, is_kept) = match name.split('.').next() {
            Some("spans") => (Signal::Traces, true),
            Some("logs") => (Signal::Logs, true),
            _ => (Signal::Metrics, false),
        };
        let exported = export(&bytes, signal, format);
        assert_eq!((!exported.records.is_empty(), exported.rejected == 0), (is_kept, is_kept), "{name}: {exported:?}");
        check_any_export(&bytes);
    }
}

proptest! {
    #[test]
    fn changes_of_the_corpus_are_an_export_or_none(
        file: prop::sample::Index,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let (_, mut bytes) = file.get(&corpus()).clone();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        check_any_export(&bytes);
    }

    #[test]
    fn any_bytes_are_an_export_or_none(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        check_any_export(&bytes);
    }

    /// What a fuzzer finds soon: an export with some of its bytes changed.
    #[test]
    fn a_damaged_export_is_one_or_none(damage in prop::collection::vec((any::<u16>(), any::<u8>()), 0..8), json: bool) {
        let message: ExportTraceServiceRequest = serde_json::from_value(traces()).unwrap();
        let mut bytes = if json { traces().to_string().into_bytes() } else { message.encode_to_vec() };
        for (place, byte) in damage {
            let place = usize::from(place) % bytes.len();
            bytes[place] = byte;
        }
        check_any_export(&bytes);
    }
}
