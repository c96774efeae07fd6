//! The store as its users see it.

mod aggregate;
mod api;
mod durability;
mod oracle;
mod removal;
mod search;
mod upkeep;
#[path = "../support/mod.rs"]
mod support;
