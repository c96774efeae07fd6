//! The listeners for OpenTelemetry's exporters, on the ports that these send to unasked.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use lapwing_ingest::{FrontDoor, api};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::guard::authorize;
use super::refuse_open;
use crate::auth::Keys;

/// Where OpenTelemetry's exporters are listened to, besides the HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpConfig {
    /// Whether these ports are opened.
    pub enabled: bool,
    /// OTLP over HTTP.
    pub http_listen: SocketAddr,
    /// OTLP over gRPC.
    pub grpc_listen: SocketAddr,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self { enabled: true, http_listen: local(4318), grpc_listen: local(4317) }
    }
}

/// The ports that could be opened.
pub struct OtlpListeners {
    /// For OTLP over HTTP.
    pub http: Option<TcpListener>,
    /// For OTLP over gRPC.
    pub grpc: Option<TcpListener>,
}

impl OtlpListeners {
    /// Opens the ports. A default port that is taken, as by a collector on a laptop, is warned of and left; one that
    /// was chosen and is taken is an error.
    pub async fn bind(config: &OtlpConfig, keys: &Keys) -> Result<Self> {
        let default = OtlpConfig::default();
        if !config.enabled {
            return Ok(Self { http: None, grpc: None });
        }
        Ok(Self {
            http: bind(config.http_listen, default.http_listen, "otlp.http_listen", keys).await?,
            grpc: bind(config.grpc_listen, default.grpc_listen, "otlp.grpc_listen", keys).await?,
        })
    }

    /// The open ports, each with the routes that belong to it.
    pub fn serving(self, door: &FrontDoor) -> Vec<(TcpListener, Router)> {
        let http = self.http.map(|listener| (listener, api::otlp_router(door.clone()).fallback(missing)));
        let grpc = self.grpc.map(|listener| (listener, api::grpc_router(door.clone())));
        http.into_iter().chain(grpc).collect()
    }

    /// The addresses, as the log shows them.
    pub fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let address =
            |listener: &Option<TcpListener>| listener.as_ref().and_then(|listener| listener.local_addr().ok());
        (address(&self.http), address(&self.grpc))
    }
}

async fn bind(address: SocketAddr, default: SocketAddr, key: &str, keys: &Keys) -> Result<Option<TcpListener>> {
    refuse_open(address, keys)?;
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if address == default && error.kind() == ErrorKind::AddrInUse => {
            warn!(
                %address, key,
                "port is taken, as by a collector: exporters are not listened to here; set another address, or send to \
                 the HTTP server's /v1/traces"
            );
            Ok(None)
        }
        Err(error) => Err(error)
            .with_context(|| format!("listen on {address} for OpenTelemetry's exporters; {key} names the address")),
    }
}

/// An endpoint with too much or too little of a path is the usual mistake.
async fn missing(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let detail = format!("there is no {path} here; exporters send to /v1/traces and /v1/logs");
    api::refuse_otlp(path, &headers, StatusCode::NOT_FOUND, &detail)
}

/// Serves exporters until `stop`; then lets running requests end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    routes: Router,
    keys: Arc<Keys>,
    stop: CancellationToken,
) -> Result<()> {
    let routes = routes.layer(from_fn_with_state(keys, authorize));
    super::listen(listener, tls, routes, stop).await.context("serve OTLP")
}
