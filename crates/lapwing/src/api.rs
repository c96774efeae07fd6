//! The HTTP server of a process: credentials before everything, the services' routes, health and metrics.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use lapwing_event::TenantId;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::auth::{Keys, Scope};
use crate::clock;

/// Answers whether a part of the process can do its work.
pub type ReadyCheck = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// What a process serves.
pub struct Served {
    /// The services' own routes.
    pub routes: Vec<Router>,
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
}

/// Binds the address, after the rule that without keys only loopback is served.
pub async fn bind(address: std::net::SocketAddr, keys: &Keys) -> Result<TcpListener> {
    if !address.ip().is_loopback() && keys.is_empty() {
        bail!(
            "{address} can be reached from other machines and there is no API key; make one with `lapwing keys create`, \
             or listen on 127.0.0.1"
        );
    }
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("listen on {address}; is another process there? server.listen names the address"))
}

/// Serves until `stop`; then lets running requests end.
pub async fn serve(listener: TcpListener, served: Served, stop: CancellationToken) -> Result<()> {
    let routes = served.routes.into_iter().fold(Router::new(), Router::merge);
    let guarded = routes.layer(from_fn_with_state(Arc::clone(&served.keys), authorize));
    let probes = Arc::new(Probes { checks: served.checks, registry: served.registry });
    let open = Router::new()
        .route("/", get(index))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(probes);
    let app = open.merge(guarded);
    axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await.context("serve HTTP")
}

async fn index() -> Json<Value> {
    Json(json!({
        "name": "lapwing",
        "version": env!("CARGO_PKG_VERSION"),
        "send": "POST /v1/events",
        "search": "GET /v1/search?q=",
        "alerts": "GET /v1/alerts",
        "health": ["/healthz", "/readyz", "/metrics"],
    }))
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

/// Finds out whose request it is and whether the key allows it; the services read the tenant from here alone.
async fn authorize(State(keys): State<Arc<Keys>>, mut request: Request, next: Next) -> Response {
    let tenant = if keys.is_empty() {
        match is_local(request.headers()) {
            true => TenantId::default(),
            false => {
                return problem(
                    StatusCode::FORBIDDEN,
                    "without API keys only requests to localhost are answered; make a key with `lapwing keys create`",
                );
            }
        }
    } else {
        let Some(key) = secret(request.headers()).and_then(|secret| keys.find(&secret)) else {
            let detail = "send a valid API key as `Authorization: Bearer lw_…`; `lapwing keys create` makes one";
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
            return (challenge, problem(StatusCode::UNAUTHORIZED, detail)).into_response();
        };
        let scope = needed_scope(request.method(), request.uri().path());
        if !key.allows(scope, clock::now()) {
            let detail = format!("the key {} has expired or lacks the scope {scope:?}", key.id);
            return problem(StatusCode::FORBIDDEN, &detail.to_lowercase());
        }
        key.tenant
    };
    request.extensions_mut().insert(tenant);
    next.run(request).await
}

/// What is not named here needs everything.
fn needed_scope(method: &Method, path: &str) -> Scope {
    match path {
        "/v1/events" | "/v1/traces" | "/v1/logs" | "/v1/metrics" if method == Method::POST => Scope::Ingest,
        "/v1/search" | "/v1/aggregate" if method == Method::POST => Scope::Search,
        _ if method == Method::GET => Scope::Search,
        _ => Scope::Admin,
    }
}

/// The key of `Authorization: Bearer KEY` or `ApiKey KEY`.
fn secret(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("apikey");
    known.then(|| secret.trim().to_owned())
}

/// An open server answers only who addresses it as this machine, so that a page in a browser cannot reach it
/// under a name of its own (DNS rebinding).
fn is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return true };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let body = json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail});
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_open_server_is_for_this_machine_only() {
        let check = |host: &str, expect: bool| {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            assert_eq!(is_local(&headers), expect, "{host}");
        };
        check("localhost:7117", true);
        check("127.0.0.1:7117", true);
        check("[::1]:7117", true);
        check("127.0.0.1", true);
        check("evil.example:7117", false);
        check("127.0.0.1.evil.example", false);
        check("10.0.0.1:7117", false);
    }
}
