//! What can go wrong, by what the caller can do about it.

use std::path::PathBuf;

use crate::query::QueryError;

/// A fault of opening, writing or closing the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Try again later: the events are kept or will be redelivered, nothing is lost.
    #[error("store cannot write now, it keeps trying: {reason}")]
    Retry {
        /// What stands in the way.
        reason: String,
    },
    /// Another process, or another store of this process, has the directory open.
    #[error("store directory {} is in use by another process; stop it or choose another directory", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// A partition was written by a newer version.
    #[error(
        "store partition {partition} has format {format}, which this version does not know; install the version that wrote it"
    )]
    Newer {
        /// The partition's name.
        partition: String,
        /// Its format.
        format: u32,
    },
    /// The settings cannot work.
    #[error("store setting {setting} is out of range: {reason}")]
    Config {
        /// The setting's key.
        setting: &'static str,
        /// What is allowed.
        reason: &'static str,
    },
    /// The directory cannot be used.
    #[error("store directory {} cannot be used", path.display())]
    Directory {
        /// The directory or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An index failed in a way that trying again does not mend.
    #[error("store partition {partition} failed")]
    Index {
        /// The partition's name.
        partition: String,
        /// Why.
        #[source]
        source: tantivy::TantivyError,
    },
    /// The writer has ended: the store was closed or its thread failed. Open the store again.
    #[error("store is closed; open it again")]
    Closed,
}

/// A search that gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The query cannot be understood.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A parameter other than the query is wrong.
    #[error("parameter {parameter}: {reason}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// It took too long.
    #[error("search took longer than {limit_ms} ms; narrow the time range or the query")]
    Timeout {
        /// The limit.
        limit_ms: u64,
    },
    /// Too many searches at once.
    #[error("too many searches at once; try again in a moment")]
    Busy,
    /// Nobody waits for the answer any more.
    #[error("search was cancelled")]
    Cancelled,
    /// An index could not be read.
    #[error("store partition {partition} cannot be searched")]
    Index {
        /// The partition's name.
        partition: String,
        /// Why.
        #[source]
        source: tantivy::TantivyError,
    },
    /// The search itself failed; the store goes on.
    #[error("search failed inside the store; the log has the cause")]
    Internal,
}
