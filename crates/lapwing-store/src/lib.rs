//! The store: sanitized events become searchable Tantivy partitions, and stay so after any crash.
//!
//! One thread writes ([`Store::append`]): it drops what is stored already, gives each event a sequence number and
//! commits in rounds whose payloads carry the source's position, so that events and position are one atomic
//! fact. Searches run on snapshots, always within one tenant. The store knows nothing of the bus: a position is
//! an opaque string. HTTP is in [`api`] alone.
//!
//! ```
//! # use lapwing_store::{Scope, SearchRequest, Store, StoreConfig};
//! # use lapwing_event::{TenantId, Timestamp};
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let dir = tempfile::tempdir().unwrap();
//! let store = Store::open(dir.path(), StoreConfig::default(), &mut Default::default()).unwrap();
//! store.append(vec![], "offset 7".to_owned()).await.unwrap();
//! store.flush().await.unwrap();
//! let scope = Scope::new(TenantId::default(), Timestamp::from_millis(1_795_501_800_000));
//! let request = SearchRequest { q: "prompt:refund AND latency_ms:>1000".to_owned(), ..SearchRequest::default() };
//! assert_eq!(store.search(&scope, &request).await.unwrap().total.value, 0);
//! # });
//! ```

pub mod api;
mod config;
mod disk;
mod document;
mod erase;
mod error;
mod inspect;
mod metrics;
mod partition;
mod payload;
mod quarantine;
mod query;
mod retention;
mod schema;
mod seal;
mod search;
mod shared;
mod snapshot;
mod store;
mod table;
mod tokenizer;
mod tombstones;
mod upkeep;
mod writer;

pub use config::StoreConfig;
pub use erase::{Erasure, Receipt};
pub use error::{SearchError, StoreError};
pub use inspect::{PartitionReport, inspect};
pub use partition::Granularity;
pub use query::{Condition, Pattern, Query, QueryError, Target, Test, parse_query, parse_time};
pub use retention::{Removed, RetentionConfig};
pub use search::{
    AggregateRequest, AggregateResponse, Highlight, Hit, IdAlias, Relation, Scope, SearchRequest, SearchResponse, Sort,
    Total, highlight,
};
pub use store::Store;
