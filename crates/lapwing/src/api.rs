//! The HTTP server of a process: credentials before everything, the services' routes, health and metrics.

mod credentials;
mod guard;
pub mod intake;
pub mod otlp;
mod tls;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use lapwing_store::api::{is_elastic, unsupported};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tls::TlsListener;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::auth::Keys;
pub use tls::TlsConfig;

/// Answers whether a part of the process can do its work.
pub type ReadyCheck = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// What a process serves.
pub struct Served {
    /// The services' own routes.
    pub routes: Vec<Router>,
    /// Whether the store is among them, so that Elasticsearch's clients find what they expect at the root.
    pub elastic: bool,
    /// What must be ready, by name.
    pub checks: Vec<(&'static str, ReadyCheck)>,
    /// The metrics of every part.
    pub registry: Registry,
    /// Who may come in.
    pub keys: Arc<Keys>,
}

struct Probes {
    checks: Vec<(&'static str, ReadyCheck)>,
    registry: Registry,
    elastic: bool,
}

/// Without keys only loopback is served.
fn refuse_open(address: std::net::SocketAddr, keys: &Keys) -> Result<()> {
    if !address.ip().is_loopback() && keys.is_empty() {
        bail!(
            "{address} can be reached from other machines and there is no API key; make one with `lapwing keys create`, \
             or listen on 127.0.0.1"
        );
    }
    Ok(())
}

/// Binds the address of the HTTP server.
pub async fn bind(address: std::net::SocketAddr, keys: &Keys) -> Result<TcpListener> {
    refuse_open(address, keys)?;
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("listen on {address}; is another process there? server.listen names the address"))
}

/// Serves until `stop`; then lets running requests end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    served: Served,
    stop: CancellationToken,
) -> Result<()> {
    listen(listener, tls, app(served), stop).await.context("serve HTTP")
}

async fn listen(listener: TcpListener, tls: Option<TlsAcceptor>, app: Router, stop: CancellationToken) -> Result<()> {
    let stopped = stop.cancelled_owned();
    match tls {
        None => axum::serve(listener, app).with_graceful_shutdown(stopped).await?,
        Some(acceptor) => {
            axum::serve(TlsListener::new(listener, acceptor)?, app).with_graceful_shutdown(stopped).await?
        }
    }
    Ok(())
}

fn app(served: Served) -> Router {
    let routes = served.routes.into_iter().fold(Router::new(), Router::merge);
    let routes = routes.fallback(missing).method_not_allowed_fallback(not_allowed);
    let guarded = routes.layer(from_fn_with_state(Arc::clone(&served.keys), guard::authorize));
    let probes = Probes { checks: served.checks, registry: served.registry, elastic: served.elastic };
    let open = Router::new()
        .route("/", get(index))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(probes));
    open.merge(guarded)
}

async fn missing(uri: Uri) -> Response {
    match is_elastic(uri.path()) {
        true => unsupported(uri).await,
        false => {
            problem(StatusCode::NOT_FOUND, &format!("there is no {}; /openapi.json lists what there is", uri.path()))
        }
    }
}

async fn not_allowed(method: Method, uri: Uri) -> Response {
    match is_elastic(uri.path()) {
        true => unsupported(uri).await,
        false => problem(StatusCode::METHOD_NOT_ALLOWED, &format!("{} does not take {method}", uri.path())),
    }
}

async fn index(State(probes): State<Arc<Probes>>) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    let mut index = json!({
        "name": "lapwing",
        "version": version,
        "send": ["POST /v1/events", "POST /v1/traces", "POST /v1/logs"],
        "search": "GET /v1/search?q=",
        "alerts": "GET /v1/alerts",
        "description": "/openapi.json",
        "health": ["/healthz", "/readyz", "/metrics"],
    });
    if !probes.elastic {
        return Json(index).into_response();
    }
    // Elasticsearch's clients read these names at the root.
    if let (Value::Object(index), Value::Object(root)) = (&mut index, lapwing_store::api::root()) {
        index.extend(root);
    }
    index["version"]["lapwing"] = json!(version);
    ([("x-elastic-product", "Elasticsearch")], Json(index)).into_response()
}

async fn ready(State(probes): State<Arc<Probes>>) -> Response {
    let mut states = serde_json::Map::new();
    let mut all = true;
    for (name, check) in &probes.checks {
        let state = check().await;
        all &= state.is_ok();
        states.insert((*name).to_owned(), state.err().unwrap_or_else(|| "ready".to_owned()).into());
    }
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Value::Object(states))).into_response()
}

async fn metrics(State(probes): State<Arc<Probes>>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &probes.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let body = json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail});
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
