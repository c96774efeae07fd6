//! HTTPS: certificate and key from PEM files, and a listener whose handshakes do not hold each other up.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

/// The certificate and the key of the server; with neither it speaks plain HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate, and those between it and its root, in PEM.
    pub cert: Option<PathBuf>,
    /// The private key, in PEM.
    pub key: Option<PathBuf>,
}

/// A connection that has not finished its handshake by then is dropped.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Handshakes that go on at once; further connections wait in the system's queue.
const MAX_HANDSHAKES: usize = 256;
/// Connections that are ready before the server takes them.
const READY_QUEUE: usize = 64;

impl TlsConfig {
    /// What is wrong with the settings, the files aside.
    pub fn fault(&self) -> Option<String> {
        (self.cert.is_some() != self.key.is_some()).then(|| "server.tls needs both cert and key, or neither".to_owned())
    }

    /// Reads the files; nothing where none are named.
    pub fn acceptor(&self) -> Result<Option<TlsAcceptor>> {
        let (Some(cert), Some(key)) = (&self.cert, &self.key) else { return Ok(None) };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.context("prepare TLS")?.with_no_client_auth();
        let config = builder.with_single_cert(certificates(cert)?, private_key(key)?);
        let mut config = config.with_context(|| {
            format!(
                "the certificate in {} and the key in {} do not belong together; server.tls names them",
                cert.display(),
                key.display()
            )
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Some(TlsAcceptor::from(Arc::new(config))))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = || format!("read the certificate in {}; server.tls.cert names it", path.display());
    let certificates = CertificateDer::pem_file_iter(path).with_context(read)?;
    let certificates = certificates.collect::<Result<Vec<_>, _>>().with_context(read)?;
    anyhow::ensure!(
        !certificates.is_empty(),
        "{} holds no certificate in PEM; server.tls.cert names it",
        path.display()
    );
    Ok(certificates)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(path)
        .with_context(|| format!("read the private key in {}; server.tls.key names it", path.display()))
}

/// Accepts connections, shakes hands, and hands out those that are ready.
pub struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
    _accepting: AbortOnDropHandle<()>,
}

impl TlsListener {
    /// Over a bound socket.
    pub fn new(listener: TcpListener, acceptor: TlsAcceptor) -> Result<Self> {
        let address = listener.local_addr()?;
        let (sender, ready) = mpsc::channel(READY_QUEUE);
        let accepting = tokio::spawn(accept(listener, acceptor, sender));
        Ok(Self { ready, address, _accepting: AbortOnDropHandle::new(accepting) })
    }
}

async fn accept(
    mut listener: TcpListener,
    acceptor: TlsAcceptor,
    ready: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let places = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, address) = Listener::accept(&mut listener).await;
        let (acceptor, ready) = (acceptor.clone(), ready.clone());
        tokio::spawn(async move {
            let _place = place;
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                // An error would mean that the server has stopped.
                Ok(Ok(stream)) => drop(ready.send((stream, address)).await),
                Ok(Err(error)) => debug!(%error, "TLS handshake failed"),
                Err(_) => debug!("TLS handshake took too long"),
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            // The task that accepts ends with this listener and not before.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}
