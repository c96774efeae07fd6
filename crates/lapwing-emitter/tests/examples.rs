//! The examples do what they show.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

#[allow(dead_code)]
#[path = "../examples/agent.rs"]
mod agent;
#[allow(dead_code)]
#[path = "../examples/axum.rs"]
mod axum_service;
#[allow(dead_code)]
#[path = "../examples/bare.rs"]
mod bare;

use axum::Router;
use axum::routing::post;
use lapwing_emitter::Emitter;
use serde_json::{Value, json};
use support::{PATIENCE, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn emitter(server: &Server) -> Emitter {
    let address = server.listen();
    Emitter::builder().service("example").to_http(&format!("http://{address}")).build().unwrap()
}

#[test]
fn bare() {
    let server = Server::default();
    let address = server.listen();
    bare::run(&format!("http://{address}"), Some("k")).unwrap();
    assert_eq!(server.events()[0]["content"]["response"], "Paris.");
}

#[tokio::test]
async fn axum() {
    let server = Server::default();
    let emitter = emitter(&server);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let service = axum_service::service(emitter.clone());
    tokio::spawn(async move { axum::serve(listener, service).await });
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let head = format!(
        "POST /chat HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-session: s-1\r\ntraceparent: {trace}\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("You said: hello"), "{answer}");
    emitter.flush_async(PATIENCE).await.unwrap();
    let event = &server.events()[0];
    assert_eq!((&event["session"]["id"], &event["content"]["prompt"]), (&"s-1".into(), &"hello".into()));
    assert_eq!(event["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

/// A model that asks for the weather, then for a tool that is not there, and then answers.
async fn model(body: String) -> String {
    let body: Value = serde_json::from_str(&body).unwrap();
    let call = |name: &str| {
        let function = json!({"name": name, "arguments": r#"{"city":"Paris"}"#});
        json!({"role": "assistant", "tool_calls": [{"id": format!("call-{name}"), "function": function}]})
    };
    let message = match body["messages"].as_array().unwrap().len() {
        1 => call("weather"),
        3 => call("launch"),
        _ => json!({"role": "assistant", "content": "It rains."}),
    };
    json!({"choices": [{"message": message}]}).to_string()
}

#[tokio::test]
async fn agent() {
    let server = Server::default();
    let emitter = emitter(&server);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/chat/completions", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/chat/completions", post(model));
    tokio::spawn(async move { axum::serve(listener, router).await });
    assert_eq!(agent::run(&emitter, &url, "Weather?").await.unwrap(), "It rains.");
    emitter.flush_async(PATIENCE).await.unwrap();
    let events = server.events();
    let tools: Vec<(&Value, &Value)> = events
        .iter()
        .filter(|event| event["kind"] == "tool")
        .map(|event| (&event["tool"]["name"], &event["tool"]["status"]))
        .collect();
    assert_eq!(tools, [(&json!("weather"), &json!("ok")), (&json!("launch"), &json!("denied"))]);
    assert_eq!(events[2]["tool_names"], json!(["weather", "launch"]));
    assert!(events.iter().all(|event| event["interaction_id"] == events[2]["id"]));
}
