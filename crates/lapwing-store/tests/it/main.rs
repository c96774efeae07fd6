//! The store as its users see it.

mod aggregate;
mod api;
mod archive;
mod compat;
mod durability;
mod generic;
mod grafana;
mod openapi;
mod oracle;
mod removal;
mod search;
mod sort;
#[path = "../support/mod.rs"]
mod support;
mod upkeep;
