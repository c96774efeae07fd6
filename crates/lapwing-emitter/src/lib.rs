//! The SDK that an application links to tell Lapwing what its AI does.
//!
//! [`Emitter::emit`] never blocks and never panics: it puts the event into a bounded queue, and one thread of
//! the emitter's own carries batches to the endpoint, the broker or the log, again and again until they are
//! acknowledged. With a [spool](EmitterBuilder::spool) they wait on disk meanwhile. When the queue is full,
//! [`DropPolicy`] decides; every loss is counted by reason
//! ([`Emitter::stats`]). It works in and outside of an async runtime, and draws in no broker library unless
//! the feature `kafka` asks for it.
//!
//! ```
//! use std::time::Duration;
//! use lapwing_emitter::Emitter;
//!
//! let emitter = Emitter::builder().service("shop").to_http("http://127.0.0.1:9").build().unwrap();
//! {
//!     let interaction = emitter.interaction().model("gpt-4o").user("u-17").session("s-4").prompt("where is my order?");
//!     interaction.tool_call("order_status", serde_json::json!({"order": 17}), "shipped");
//!     interaction.respond("It is on its way.");
//! } // two events are queued by now, of one interaction
//! assert_eq!(emitter.stats().emitted, 2);
//! assert!(emitter.shutdown(Duration::from_millis(10)).is_err(), "nobody listens on port 9");
//! ```

mod batch;
mod builder;
mod context;
mod emitter;
mod error;
mod identity;
mod interaction;
#[cfg(feature = "tracing-layer")]
mod layer;
mod object;
mod queue;
mod retry;
mod sampling;
mod spool;
mod stats;
mod tool_call;
mod transport;
mod worker;

pub use builder::EmitterBuilder;
pub use context::Context;
pub use emitter::Emitter;
pub use error::{BuildError, FlushError};
pub use interaction::Interaction;
#[cfg(feature = "tracing-layer")]
pub use layer::EmitterLayer;
pub use queue::DropPolicy;
pub use stats::{DropReason, Stats};
pub use tool_call::ToolCall;
