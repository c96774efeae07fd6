//! What can go wrong with an emitter, by what the application can do about it. `emit` itself has no errors.

/// Why no emitter could be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The builder was given no destination.
    #[error("emitter has no destination; call to_http, to_kafka or to_sink")]
    NoDestination,
    /// The builder was given no name of a service.
    #[error("emitter has no service name; call service with the name of the application")]
    NoService,
    /// The endpoint is not a URL of http or https.
    #[error("endpoint is not an http or https url; expected a form like http://host:7117")]
    Endpoint,
    /// The key has characters that no header can carry.
    #[error("api key has characters that no http header can carry")]
    ApiKey,
    /// TLS cannot be set up.
    #[error("tls cannot be set up: {0}")]
    Tls(String),
    /// The broker's settings are at fault.
    #[error("bus cannot be set up")]
    Bus(#[from] lapwing_bus::BusError),
    /// The spool's folder cannot be used, or another emitter uses it.
    #[error("spool cannot be opened")]
    Spool(#[source] std::io::Error),
    /// The operating system gave no thread.
    #[error("emitter's thread cannot be started")]
    Thread(#[from] std::io::Error),
}

/// Why not everything that was emitted is known to have arrived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlushError {
    /// The time ran out. What is left is still being sent, unless the emitter was shut down.
    #[error("not all events were acknowledged in time; last fault: {}", last_fault.as_deref().unwrap_or("none"))]
    Timeout {
        /// What the destination last had to say, without content.
        last_fault: Option<String>,
    },
    /// Since the last flush this many events were lost; [`crate::Emitter::stats`] says why.
    #[error("{events} events were dropped since the last flush")]
    Dropped {
        /// How many.
        events: u64,
    },
    /// The emitter was shut down before.
    #[error("emitter is shut down")]
    Closed,
}
