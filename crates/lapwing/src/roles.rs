//! The roles a process can take, one a service or all in one, and how each is wired to the bus.

mod audit;
mod consume;
mod damage;
mod detect;
mod index;
mod instance;
mod metrics;
pub mod notify;
mod process;
mod reload;
mod wiring;

pub use process::{Role, run};
