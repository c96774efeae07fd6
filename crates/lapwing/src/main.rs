//! `lapwing`: every role of Lapwing in one binary, and the commands to talk to it.
//!
//! This crate owns arguments, settings, the process's log, keys, signals, the HTTP server and the wiring; what
//! the services do lives in their own crates.
#![allow(clippy::print_stdout, reason = "commands print for people")]

mod api;
mod args;
mod auth;
mod client;
mod clock;
mod commands;
mod demo;
mod render;
mod roles;
mod rule_files;
mod settings;
mod telemetry;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

use crate::args::{Cli, Command, DetectorAction};
use crate::roles::Role;
use crate::settings::Settings;

/// The system's allocator keeps for each thread what that has freed: under a burst two thirds of a process's memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match execute(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprint_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli) -> Result<()> {
    let file = cli.config.or_else(|| std::env::var_os("LAPWING_CONFIG").map(PathBuf::from));
    let settings = || Settings::load(file.as_deref());
    let generic_indices = cli.dev_generic_index;
    match cli.command {
        Command::Up => serve(Role::Up, settings()?, file, generic_indices),
        Command::Ingest => serve(Role::Ingest, settings()?, file, generic_indices),
        Command::Store { action: None } => serve(Role::Store, settings()?, file, generic_indices),
        Command::Store { action: Some(action) } => block_on(commands::store::run(action, settings()?)),
        Command::Detector { action: None } => serve(Role::Detector, settings()?, file, generic_indices),
        Command::Detector { action: Some(DetectorAction::Replay(arguments)) } => {
            block_on(commands::replay::run(arguments, &settings()?))
        }
        Command::Emit(arguments) => block_on(commands::emit::run(arguments)),
        Command::Search(arguments) => block_on(commands::search::run(arguments)),
        Command::Tail(arguments) => block_on(commands::tail::run(arguments)),
        Command::Demo(arguments) => block_on(demo::run(arguments)),
        Command::Keys(action) => commands::keys::run(&action, &settings()?),
        Command::Rules(action) => commands::rules::run(&action, &settings()?),
        Command::Schema => commands::print_schema(),
        Command::Check => commands::print_settings(&settings()?),
        Command::Health(server) => block_on(commands::health(server)),
    }
}

fn serve(role: Role, settings: Settings, file: Option<PathBuf>, generic_indices: bool) -> Result<()> {
    #[cfg(feature = "faults")]
    let _points = fail::FailScenario::setup();
    telemetry::install(&settings.telemetry);
    telemetry::hide_panic_messages();
    block_on(roles::run(role, settings, file, generic_indices))
}

/// What is left on the blocking pool when everything else has ended gets this long: a client of Kafka that leaves its
/// group, and may be waiting for a broker that is away.
const LAST_WAIT: Duration = Duration::from_secs(5);

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(LAST_WAIT);
    result
}

/// Somebody closed the pipe that we print to, such as `head`.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == ErrorKind::BrokenPipe))
}

#[allow(clippy::print_stderr, reason = "the one place where the process says why it ends")]
fn eprint_error(error: &anyhow::Error) {
    eprintln!("lapwing: {error:#}");
}
