//! Documents from Elasticsearch's clients, into the front door: the same way, bounds and answers as `POST /v1/events`,
//! without a second connection.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use lapwing_ingest::api::KeyId;
use lapwing_store::api::{Intake, IntakeFault, Sender, Taken};
use serde_json::Value;
use tower::ServiceExt;

/// An answer has a short line for each document of a request.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// The front door as the store's way in.
pub fn through(front_door: Router) -> Intake {
    Arc::new(move |sender, lines| Box::pin(send(front_door.clone(), sender, lines)))
}

async fn send(front_door: Router, sender: Sender, lines: Vec<u8>) -> Result<Vec<Taken>, IntakeFault> {
    let failed = || IntakeFault { status: 500, reason: "the front door gave no answer".to_owned() };
    let request = Request::post("/v1/events")
        .header(header::CONTENT_TYPE, "application/x-ndjson")
        .header(header::CONTENT_LENGTH, lines.len())
        .extension(sender.tenant)
        .extension(KeyId(sender.actor.0))
        .body(Body::from(lines))
        .expect("the address and the headers are constants");
    let response = front_door.oneshot(request).await.map_err(|_| failed())?;
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), MAX_ANSWER_BYTES).await.map_err(|_| failed())?;
    let answer: Value = serde_json::from_slice(&body).map_err(|_| failed())?;
    match answer["items"].as_array() {
        Some(items) => Ok(items.iter().map(taken).collect()),
        None => Err(IntakeFault { status, reason: answer["detail"].as_str().unwrap_or("not taken").to_owned() }),
    }
}

fn taken(item: &Value) -> Taken {
    match item["ids"].as_array() {
        Some(ids) => Taken::Accepted(ids.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        None => Taken::Refused {
            status: item["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(400),
            reason: format!(
                "{}: {}",
                item["field"].as_str().unwrap_or("$"),
                item["reason"].as_str().unwrap_or("was refused")
            ),
        },
    }
}
