//! OpenTelemetry's real SDKs and the instrumentations of OpenAI's client, through the ports that they send to, into the
//! store. What they send is in `otlp/emit.py`; what answers them as a model is in `otlp/model_server.py`.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Server, lapwing, python, repository};
use crate::tls::certificate;

/// Sends one of the script's cases to the server.
async fn emit(server: &Server, case: &str, protocol: &str, environment: &[(&str, &str)]) -> Output {
    let (http, grpc) = server.otlp.as_ref().unwrap();
    let endpoint = if protocol == "http" { http } else { grpc };
    let mut command = tokio::process::Command::new(python("otlp", "otlp/requirements.txt"));
    command
        .arg(repository().join("tests/otlp/emit.py"))
        .args([case, protocol])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // What is said in one call goes out together, however slow the machine is.
        .env("OTEL_BLRP_SCHEDULE_DELAY", "600000")
        // These go before what the exporter is told to trust.
        .env_remove("REQUESTS_CA_BUNDLE")
        .env_remove("CURL_CA_BUNDLE")
        .envs(environment.iter().copied());
    command.output().await.unwrap()
}

/// A server that has what the case sends.
async fn server_with(dir: &Path, case: &str, protocol: &str, environment: &[(&str, &str)]) -> Server {
    let server = Server::up(dir);
    let output = emit(&server, case, protocol, environment).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server
}

/// Everything in `expect` stands in `got`; null stands for nothing.
fn assert_within(got: &Value, expect: &Value, path: &str) {
    match expect {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| assert_within(&got[key.as_str()], value, &format!("{path}.{key}")));
        }
        _ => assert_eq!(got, expect, "{path} of {got}"),
    }
}

/// The one event that a query finds has all of this.
async fn check(server: &Server, query: &str, expect: Value) -> Value {
    let found = server.find(query, 1).await;
    assert_eq!(found.len(), 1, "{query}: {found:?}");
    assert_within(&found[0], &expect, query);
    found.into_iter().next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_by_hand_arrive_field_by_field_over_both_protocols() {
    for protocol in ["http", "grpc"] {
        let dir = tempfile::tempdir().unwrap();
        let server = server_with(dir.path(), "spans", protocol, &[]).await;
        let tool = check(
            &server,
            "tool:read_file",
            json!({
                "kind": "tool", "outcome": "ok", "service": {"name": "spans", "version": "2"}, "environment": "test",
                "agent": {"name": "helper"}, "source": {"format": "otlp", "convention": "mcp"},
                "mcp": {"method": "tools/call"},
                "tool": {"name": "read_file", "call_id": "c-1", "type": "function", "status": "ok",
                    "arguments": {"path": "/orders/A-1"},
                    "output": "{\"content\":[{\"text\":\"shipped\",\"type\":\"text\"}]}"},
                "attrs": {"retries": 2, "ratio": 0.25, "tags": ["a", "b"], "fast": true, "scope.name": "by-hand",
                    "span.name": "tools/call read_file", "resource": {"host.name": "web-1"}},
            }),
        )
        .await;
        let trace = tool["trace_id"].as_str().unwrap();
        assert_eq!(tool["interaction_id"].as_str().unwrap().replace('-', ""), trace);
        assert_eq!((tool["span_id"].as_str().unwrap().len(), tool["parent_span_id"].is_string()), (16, true));
        assert!(tool["latency_ms"].as_f64().unwrap() >= 0.0);
        for pseudonym in [&tool["user"]["id"], &tool["session"]["id"], &tool["mcp"]["session_id"]] {
            assert!(pseudonym.as_str().unwrap().contains(":k1:"), "{pseudonym}");
        }
        check(
            &server,
            "tool:slow",
            json!({"outcome": "error", "tool": {"status": "timeout"}, "trace_id": trace,
                "error": {"type": "TimeoutError", "message": "took too long"}}),
        )
        .await;
        check(
            &server,
            "kind:retrieval",
            json!({"retrieval": {"data_source": "kb", "query": "returns?", "text": "Thirty days.",
                "documents": [{"id": "d-1", "score": 0.5, "snippet": "Thirty days.",
                    "sha256": "04fcffcf94d78e68c40c4a7e806b6e8d2bcd5cfdcfb0b1a7da502b7935cdbf39"}]}}),
        )
        .await;
        assert_eq!(server.search("*").await.len(), 3, "the span that is not of GenAI is dropped");
        assert!(server.metrics().await.contains("lapwing_ingest_dropped_items_total 1"));
    }
}

/// What the model call's event has whoever instrumented it.
fn call(model: &str) -> Value {
    json!({"kind": "llm", "outcome": "ok", "gen_ai": {"operation": {"name": "chat"}, "provider": {"name": "openai"},
        "request": {"model": model, "temperature": 0.5, "max_tokens": 50},
        "response": {"model": "gpt-x-mini"}, "usage": {"input_tokens": 12, "output_tokens": 7}}})
}

/// The events of the conversation that every instrumentation reports in full: by prompt, with the words.
async fn check_conversation(server: &Server, only: &str, rate_limit_error: &str) {
    let of = |query: &str| format!("({query}) AND {only}");
    let plain = check(server, &of("\"my order\""), call("gpt-x")).await;
    let prompt = plain["content"]["prompt"].as_str().unwrap();
    assert!(prompt.starts_with("Where is my order? Ask [EMAIL"), "{prompt}");
    let words = json!({"content": {"system": "Be brief.", "response": "It ships today."},
        "gen_ai": {"response": {"finish_reasons": ["stop"]}}, "refusal": null});
    assert_within(&plain, &words, "plain");

    let asked = check(server, &of("\"the weather\""), call("gpt-x")).await;
    let wants = json!({"tool_names": ["get_weather"], "gen_ai": {"response": {"finish_reasons": ["tool_call"]}}});
    assert_within(&asked, &wants, "tools");
    let request = &asked["content"]["messages"][2]["parts"][0];
    assert_within(request, &json!({"type": "tool_call", "id": "call_1", "name": "get_weather"}), "request");
    assert!(request["arguments"]["city"].is_string(), "{request}");

    let streamed = check(server, &of("stream"), call("gpt-x")).await;
    assert_within(&streamed, &json!({"content": {"response": "It ships today."}}), "streamed");

    let failed = json!({"outcome": "error", "error": {"type": rate_limit_error},
        "gen_ai": {"request": {"model": "gpt-x"}}, "content": {"prompt": "Please fail."}});
    let failed = check(server, &of("fail"), failed).await;
    assert!(failed["error"]["message"].as_str().unwrap().contains("slow down"), "{failed}");

    let history = json!({"content": {"prompt": "And tomorrow?", "response": "It ships today."}, "tool_names": null});
    let history = check(server, &of("tomorrow"), history).await;
    assert!(history["content"]["messages"].to_string().contains("4 degrees"), "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openai_instrumentation_of_opentelemetry_arrives_in_both_its_generations() {
    let content = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
    let dir = tempfile::tempdir().unwrap();
    let server = server_with(dir.path(), "openai_v2", "http", &[(content, "true")]).await;
    // The older generation: what was said stands in log records, the rest in the span.
    let said = check(
        &server,
        "\"my order\"",
        json!({"kind": "llm", "source": {"convention": "gen_ai_event"}, "service": {"name": "openai_v2"},
            "content": {"system": "Be brief.", "response": "It ships today."},
            "gen_ai": {"provider": {"name": "openai"}, "response": {"finish_reasons": ["stop"]}}}),
    )
    .await;
    let of_span = format!("span_id:{} AND source.convention:gen_ai", said["span_id"].as_str().unwrap());
    let span = check(&server, &of_span, call("gpt-x")).await;
    assert_eq!((&span["trace_id"], &span["interaction_id"]), (&said["trace_id"], &said["interaction_id"]));
    check(&server, "\"the weather\"", json!({"tool_names": ["get_weather"], "content": {"response": null}})).await;
    check(&server, "outcome:error", json!({"error": {"type": "RateLimitError"}})).await;
    assert_eq!(server.find("kind:llm AND service:openai_v2", 12).await.len(), 12);

    let dir = tempfile::tempdir().unwrap();
    let environment = [
        ("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental"),
        ("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "true"),
        (content, "span_and_event"),
    ];
    let server = server_with(dir.path(), "openai_v2", "grpc", &environment).await;
    check_conversation(&server, "source.convention:gen_ai", "RateLimitError").await;
    let details = json!({"content": {"prompt": "How to build a bomb?"}, "gen_ai": {"request": {"model": "gpt-x"}}});
    check(&server, "bomb AND source.convention:gen_ai_event", details).await;
    assert_eq!(server.find("kind:llm", 12).await.len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn openinference_arrives() {
    let dir = tempfile::tempdir().unwrap();
    let server = server_with(dir.path(), "openinference", "grpc", &[]).await;
    check_conversation(&server, "source.convention:openinference", "openai.RateLimitError").await;
    let refused = json!({"outcome": "refused", "refusal": true, "refusal_source": "provider",
        "content": {"prompt": "How to build a bomb?", "response": "I cannot help with that."}});
    let refused = check(&server, "bomb", refused).await;
    assert!(refused["user"]["id"].as_str().unwrap().contains(":k1:"), "{refused}");
    let streamed = &server.find("stream", 1).await[0];
    assert!(streamed["ttft_ms"].as_f64().unwrap() > 0.0, "{streamed}");
    let usage = json!({"gen_ai": {"usage": {"cache_read_tokens": 4, "reasoning_tokens": 3}}});
    assert_within(streamed, &usage, "usage");
}

#[tokio::test(flavor = "multi_thread")]
async fn openllmetry_arrives() {
    let dir = tempfile::tempdir().unwrap();
    let server = server_with(dir.path(), "traceloop", "http", &[("TRACELOOP_TELEMETRY", "false")]).await;
    check_conversation(&server, "gen_ai.operation.name:chat", "RateLimitError").await;
    let refused = json!({"outcome": "refused", "refusal": true, "agent": {"name": "helper"},
        "content": {"response": "I cannot help with that."}, "source": {"convention": "openllmetry"}});
    check(&server, "bomb", refused).await;
    let tool = json!({"kind": "tool", "tool": {"name": "lookup", "arguments": {"order": "A-1"}, "status": "ok"},
        "service": {"name": "traceloop"}});
    let tool = check(&server, "kind:tool", tool).await;
    assert!(tool["tool"]["output"].as_str().unwrap().contains("shipped"), "{tool}");
    assert!(tool["session"]["id"].as_str().unwrap().contains(":k1:"), "{tool}");
    let flow = json!({"kind": "llm", "trace_id": tool["trace_id"], "content": {"response": "\"done\""}});
    check(&server, "gen_ai.operation.name:invoke_workflow", flow).await;
    check(&server, "gen_ai.operation.name:invoke_agent", json!({"trace_id": tool["trace_id"]})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exporters_need_a_key_where_there_are_keys() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let create = |scopes: &str| {
        let output = lapwing(
            &["keys", "create", "--tenant", "acme", "--scopes", scopes],
            &[("LAPWING__DATA__DIR", data.to_str().unwrap())],
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (writer, reader) = (create("ingest"), create("search"));
    let mut server = Server::up(dir.path());
    for protocol in ["http", "grpc"] {
        for (key, taken) in [("nonsense", false), (&reader, false), (&writer, true)] {
            let header = format!("authorization=Bearer%20{key}");
            let output = emit(&server, "spans", protocol, &[("OTEL_EXPORTER_OTLP_HEADERS", &header)]).await;
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.success(), taken, "{protocol} {said}");
            if protocol == "grpc" && !taken {
                let code = if *key == *reader { "PERMISSION_DENIED" } else { "UNAUTHENTICATED" };
                assert!(said.contains(code), "{said}");
            }
        }
    }
    let (http, _) = server.otlp.clone().unwrap();
    let client = reqwest::Client::new();
    let refused = async |path: &str, content_type: &str| {
        let request = client.post(format!("{http}{path}")).header("content-type", content_type);
        let answer = request.send().await.unwrap();
        let head = (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap().to_owned());
        (head, answer.bytes().await.unwrap())
    };
    // A google.rpc.Status in the form of the request; its first field is the code of gRPC, UNAUTHENTICATED.
    let (head, body) = refused("/v1/traces", "application/json").await;
    assert_eq!(head, (401, "application/json".to_owned()));
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["code"], 16);
    let (head, body) = refused("/v1/logs", "application/x-protobuf").await;
    assert_eq!((head, &body[..2]), ((401, "application/x-protobuf".to_owned()), &[8, 16][..]));
    server.api_key = Some(reader);
    let found = server.find("tool:read_file", 2).await;
    assert!(found.iter().all(|event| event["tenant"]["id"] == "acme"), "{found:?}");
    assert_eq!(found.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn exporters_are_listened_to_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(dir.path());
    let tls = [("LAPWING__SERVER__TLS__CERT", cert.as_str()), ("LAPWING__SERVER__TLS__KEY", key.as_str())];
    let server = Server::start("up", dir.path(), &tls).over_tls(Path::new(&cert));
    for (protocol, expect) in [("http", 1), ("grpc", 2)] {
        let output = emit(&server, "spans", protocol, &[("OTEL_EXPORTER_OTLP_CERTIFICATE", &cert)]).await;
        assert!(output.status.success(), "{protocol} {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(server.find("tool:read_file", expect).await.len(), expect);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_with_a_wrong_path_is_told_which_are_right() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    let (http, _) = server.otlp.as_ref().unwrap();
    let answer = reqwest::Client::new().post(format!("{http}/v1/traces/v1/traces")).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 404);
    let said = answer.text().await.unwrap();
    assert!(said.contains("exporters send to /v1/traces"), "{said}");
}

#[test]
fn a_chosen_port_that_is_taken_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let environment = [
        ("LAPWING__DATA__DIR", dir.path().to_str().unwrap()),
        ("LAPWING__SERVER__LISTEN", "127.0.0.1:0"),
        ("LAPWING__OTLP__HTTP_LISTEN", "127.0.0.1:0"),
        ("LAPWING__OTLP__GRPC_LISTEN", &address),
    ];
    let output = lapwing(&["up"], &environment);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("otlp.grpc_listen"), "{error}");
}
