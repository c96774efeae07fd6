//! End-to-end tests: the real binary, over real sockets, on the embedded bus.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod audit;
mod auth;
mod bad_input;
mod canary;
mod clients;
mod commands;
mod demo;
mod follow;
mod openapi;
mod otlp;
mod pipeline;
mod restart;
mod rules;
mod shutdown;
mod support;
mod tidy;
mod tls;
mod webhooks;
