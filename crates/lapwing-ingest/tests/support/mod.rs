//! A front door on a real socket before an embedded bus, and a client that sends exactly what it is told.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use lapwing_bus::embedded::{Embedded, EmbeddedConfig};
use lapwing_bus::{Message, Sink, Source, Start, Subscription, topics};
use lapwing_event::{TenantId, Timestamp};
use lapwing_ingest::{FrontDoor, IngestConfig, api};
use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A time that does not move: 2026-11-24T06:30:00Z.
pub fn clock() -> Timestamp {
    Timestamp::from_millis(1_795_501_800_000)
}

pub struct Server {
    pub address: SocketAddr,
    pub bus: Embedded,
    pub registry: Registry,
    _folder: tempfile::TempDir,
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

impl Server {
    pub async fn start(config: IngestConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bus = Embedded::open(folder.path(), EmbeddedConfig { partitions: 1, ..EmbeddedConfig::default() }).unwrap();
        let mut registry = Registry::default();
        let address = serve(Arc::new(bus.clone()), config, &mut registry).await;
        Self { address, bus, registry, _folder: folder }
    }

    pub async fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        post(self.address, headers, body).await
    }

    /// What stands on the raw topic; `expect` messages are awaited, and one more is looked for.
    pub async fn raw(&self, expect: usize) -> Vec<Message> {
        let subscription = Subscription {
            topics: vec![topics::RAW.to_owned()],
            start: Start::Checkpoint(lapwing_bus::Checkpoint::default()),
        };
        let mut source = self.bus.source(subscription).unwrap();
        let mut messages = Vec::new();
        while messages.len() < expect {
            let batch = source.next_batch(10_000, Duration::from_secs(20)).await.unwrap();
            assert!(!batch.messages.is_empty(), "{} of {expect} messages came", messages.len());
            messages.extend(batch.messages);
        }
        assert_eq!((messages.len(), source.lag().await.unwrap()), (expect, 0));
        messages
    }

    pub fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }
}

/// Serves a front door before any sink.
pub async fn serve(sink: Arc<dyn Sink>, config: IngestConfig, registry: &mut Registry) -> SocketAddr {
    let door = FrontDoor::new(sink, config, clock, registry);
    let router = api::router(door).layer(Extension(TenantId::new("acme").unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Sends one request with a content length, unless the headers speak of `transfer-encoding`.
pub async fn post(address: SocketAddr, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut head = "POST /v1/events HTTP/1.1\r\nhost: test\r\nconnection: close\r\n".to_owned();
    if !headers.iter().any(|(name, _)| *name == "transfer-encoding") {
        head += &format!("content-length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses early closes before it has read everything.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: serde_json::from_str(body).unwrap_or_default() }
}
