//! Faults against the real processes, while they work: what was acknowledged is there, once and in order.
//!
//! `make faults` runs each fault in turn, over the embedded bus and over a real Apache Kafka, and prints a table. Every
//! moment and every choice follows from the seed, which a failure names: `make faults FAULTS="--seed 7 --only kill"`.
//! One installation serves all runs of a bus, as in life: what a fault left behind is there when the next one comes.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, dead_code)]

mod application;
mod broker;
mod check;
mod disk;
mod fault;
mod installation;
mod load;
mod network;
mod preload;
mod random;
mod report;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::application::Emission;
use crate::disk::SmallDisk;
use crate::fault::Fault;
use crate::installation::{Bus, Installation};
use crate::load::Load;
use crate::random::Random;
use crate::report::{Report, Run};

/// Injects faults into a running Lapwing and checks what was promised.
#[derive(Debug, Parser)]
struct Arguments {
    /// The bus: `embedded`, or `kafka` with a broker made by tests/support/kafka/broker.sh run.
    #[arg(long, value_enum, default_value = "embedded")]
    bus: Bus,
    /// How often each fault is injected.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Go on with rounds for so many seconds, whatever `--rounds` says.
    #[arg(long = "for", value_name = "SECONDS")]
    duration: Option<u64>,
    /// Where chance begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only faults whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Also those faults that the short form leaves out, as more than one round has them.
    #[arg(long)]
    long: bool,
    /// Put so many events into the store before the first fault.
    #[arg(long, default_value_t = 0)]
    preload: u32,
    /// Events a second.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// Name the faults and end.
    #[arg(long)]
    list: bool,
    /// Given by `cargo bench` and `cargo test`.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(flatten)]
    emission: Emission,
}

impl Arguments {
    /// What was asked for, and what of it cannot be done here.
    fn faults(&self) -> (Vec<Fault>, Vec<Fault>) {
        let long = self.long || self.rounds > 1 || self.duration.is_some() || self.only.is_some();
        let wanted = |fault: &Fault| match &self.only {
            Some(part) => fault.name().contains(part.as_str()),
            None => long || !fault.is_long(self.bus),
        };
        let faults = Fault::of(self.bus).iter().copied().filter(wanted);
        let has_small_disk = SmallDisk::is_possible();
        faults.partition(|fault| has_small_disk || !fault.needs_small_disk())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.emission.run().is_some() {
        return ExitCode::SUCCESS;
    }
    if arguments.list {
        let faults = Fault::of(arguments.bus).iter();
        faults.for_each(|fault| println!("{:<12} {}", fault.name(), fault.about()));
        return ExitCode::SUCCESS;
    }
    let (faults, impossible) = arguments.faults();
    if faults.is_empty() && impossible.is_empty() {
        println!("no fault over this bus has that name; see --list");
        return ExitCode::SUCCESS;
    }
    let report = tokio::runtime::Runtime::new().unwrap().block_on(run(&arguments, &faults));
    println!("\n{report}");
    impossible.iter().for_each(|fault| println!("{}: not injected, only root may mount a small disk", fault.name()));
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(arguments: &Arguments, faults: &[Fault]) -> Report {
    let began = Instant::now();
    let mut report = Report::new(arguments.bus, arguments.seed);
    let mut installation = Installation::start(arguments.bus).await;
    preload::fill(&installation, arguments.preload).await;
    for round in 0.. {
        let enough = match arguments.duration {
            Some(seconds) => began.elapsed() >= Duration::from_secs(seconds),
            None => round >= arguments.rounds,
        };
        if enough {
            break;
        }
        for fault in faults {
            let tag = format!("f{}-{round}-{}", arguments.seed, fault.name());
            eprintln!("{tag} begins");
            if *fault == Fault::Remade {
                // What it deletes cannot be looked at later.
                report.disorder(installation.order_on_broker().await);
            }
            let random = Random::named(arguments.seed, &format!("{round} {}", fault.name()));
            let run = one(&mut installation, *fault, &tag, arguments.rate, random).await;
            eprintln!("{run}");
            if !run.found.is_clean() {
                eprintln!("{}", installation.last_words());
            }
            let recovers = run.recovers;
            report.add(run);
            if !recovers {
                // What comes after it would say nothing more.
                return report;
            }
        }
    }
    report.disorder(installation.finish().await);
    report
}

/// One fault under load, from a random moment on; then what was promised is checked.
async fn one(installation: &mut Installation, fault: Fault, tag: &str, rate: u32, mut random: Random) -> Run {
    let began = Instant::now();
    installation.begin_run();
    let mut load = Load::start(installation.front(), tag, rate, fault.habits(), random.next());
    tokio::time::sleep(random.millis(300, 1500)).await;
    installation.healed = Instant::now();
    let mut harm = fault.inject(installation, &load, tag, &mut random).await;
    let recovered = check::recovery(installation, &format!("{tag}-probe")).await;
    tokio::time::sleep(random.millis(200, 800)).await;
    let mut ledger = load.stop().await;
    installation.unanswered.extend(ledger.unanswered.iter().map(|item| (tag.to_owned(), *item)));
    ledger.add(std::mem::take(&mut harm.ledger));
    let recovers = recovered.is_ok();
    let recovered = recovered.unwrap_or_else(|fault| {
        harm.faults.push(fault);
        installation.healed.elapsed()
    });
    let recovery = harm.recovery.unwrap_or(recovered);
    let found = check::settled(installation, tag, &ledger, &harm).await;
    let (tag, peak_mib) = (tag.to_owned(), installation.peak_mib());
    Run { fault, tag, took: began.elapsed(), recovers, recovery, peak_mib, ledger, harm, found }
}
