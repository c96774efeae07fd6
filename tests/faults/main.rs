//! Faults against the real processes, while they work: what was acknowledged is there, once and in order.
//!
//! `make faults` runs each fault in turn, over the embedded bus and over a real Apache Kafka, and prints a table. Every
//! moment and every choice follows from the seed, which a failure names: `make faults FAULTS="--seed 7 --only kill"`.
//! One installation serves all runs of a bus, as in life: what a fault left behind is there when the next one comes.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, dead_code)]

mod check;
mod fault;
mod installation;
mod load;
mod random;
mod report;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

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
    /// Events a second.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// Name the faults and end.
    #[arg(long)]
    list: bool,
    /// Given by `cargo bench` and `cargo test`.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    fn faults(&self) -> Vec<Fault> {
        let wanted = |fault: &Fault| self.only.as_deref().is_none_or(|part| fault.name().contains(part));
        Fault::of(self.bus).into_iter().filter(wanted).collect()
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let faults = arguments.faults();
    if arguments.list {
        faults.iter().for_each(|fault| println!("{:<12} {}", fault.name(), fault.about()));
        return ExitCode::SUCCESS;
    }
    assert!(!faults.is_empty(), "no fault has that name; see --list");
    let report = tokio::runtime::Runtime::new().unwrap().block_on(run(&arguments, &faults));
    println!("\n{report}");
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(arguments: &Arguments, faults: &[Fault]) -> Report {
    let began = Instant::now();
    let mut random = Random::new(arguments.seed);
    let mut report = Report::new(arguments.bus, arguments.seed);
    let mut installation = Installation::start(arguments.bus).await;
    for round in 0.. {
        let enough = match arguments.duration {
            Some(seconds) => began.elapsed() >= Duration::from_secs(seconds),
            None => round >= arguments.rounds,
        };
        if enough {
            break;
        }
        for fault in faults {
            let seed = random.next();
            let tag = format!("f{}-{round}-{}", arguments.seed, fault.name());
            let run = one(&mut installation, *fault, &tag, arguments.rate, Random::new(seed)).await;
            eprintln!("{run}");
            report.add(run);
        }
    }
    report.disorder(installation.finish().await);
    report
}

/// One fault under load, from a random moment on; then what was promised is checked.
async fn one(installation: &mut Installation, fault: Fault, tag: &str, rate: u32, mut random: Random) -> Run {
    let mut load = Load::start(installation.front(), tag, rate, fault.habits(), random.next());
    tokio::time::sleep(random.millis(300, 1500)).await;
    installation.healed = Instant::now();
    let harm = fault.inject(installation, &load, &mut random).await;
    let recovery = check::recovery(installation, &format!("{tag}-probe")).await;
    tokio::time::sleep(random.millis(200, 800)).await;
    let ledger = load.stop().await;
    let found = check::settled(installation, tag, &ledger, &harm).await;
    Run { fault, tag: tag.to_owned(), recovery, peak_mib: installation.peak_mib(), ledger, harm, found }
}
