//! What came out, as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::check::{Disorder, Found};
use crate::fault::{Fault, Harm};
use crate::installation::Bus;
use crate::load::Ledger;

/// One fault, and what was found afterwards.
pub struct Run {
    pub fault: Fault,
    pub tag: String,
    pub took: Duration,
    /// Whether everything worked again in the end.
    pub recovers: bool,
    pub recovery: Duration,
    pub peak_mib: u64,
    pub ledger: Ledger,
    pub harm: Harm,
    pub found: Found,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tag, took, recovery, peak_mib, ledger, found, .. } = self;
        let (acknowledged, unanswered) = (ledger.acknowledged.len(), ledger.unanswered.len());
        write!(f, "{tag}: {acknowledged} acknowledged, {unanswered} not, ")?;
        write!(f, "{} refused, {} pushed back, recovered in {recovery:.1?}", ledger.refused, ledger.pushed_back)?;
        write!(f, ", peak {peak_mib} MiB, took {took:.0?}")?;
        if !found.is_clean() {
            let Found { lost, doubled, alerts_lost, alerts_doubled, strange, faults } = found;
            for (what, items) in [
                ("lost", lost),
                ("doubled", doubled),
                ("without their alert", alerts_lost),
                ("with two alerts", alerts_doubled),
            ] {
                if !items.is_empty() {
                    write!(f, "\n  {} {what}: {:?} …", items.len(), &items[..items.len().min(8)])?;
                }
            }
            write!(f, "\n  {strange} that nobody sent; {faults:?}")?;
            write!(f, "\n  the seed is in the name, f<seed>-<round>-<fault>: --seed <seed> --only <fault>")?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Row {
    runs: u32,
    acknowledged: usize,
    lost: usize,
    doubled: usize,
    alerts: usize,
    other: usize,
    recovery: Vec<Duration>,
    peak_mib: u64,
}

/// All runs of one bus.
pub struct Report {
    bus: Bus,
    seed: u64,
    rows: BTreeMap<Fault, Row>,
    disorder: Disorder,
    clean: bool,
}

impl Report {
    pub fn new(bus: Bus, seed: u64) -> Self {
        Self { bus, seed, rows: BTreeMap::new(), disorder: Disorder::default(), clean: true }
    }

    pub fn add(&mut self, run: Run) {
        self.clean &= run.found.is_clean();
        let row = self.rows.entry(run.fault).or_default();
        row.runs += 1;
        row.acknowledged += run.ledger.acknowledged.len();
        row.lost += run.found.lost.len();
        row.doubled += run.found.doubled.len();
        row.alerts += run.found.alerts_lost.len() + run.found.alerts_doubled.len();
        row.other += run.found.faults.len() + usize::from(run.found.strange > 0);
        row.recovery.push(run.recovery);
        row.peak_mib = row.peak_mib.max(run.peak_mib);
    }

    pub fn disorder(&mut self, disorder: Disorder) {
        self.clean &= disorder.disordered.is_empty();
        self.disorder.events += disorder.events;
        self.disorder.disordered.extend(disorder.disordered);
    }

    pub fn is_clean(&self) -> bool {
        self.clean
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| {:?}, seed {} | runs | acknowledged | lost | doubled | alerts lost or doubled | other | recovery, median s \
             | worst s | peak MiB |",
            self.bus, self.seed
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|")?;
        for (fault, row) in &self.rows {
            let mut recovery: Vec<f64> = row.recovery.iter().map(Duration::as_secs_f64).collect();
            recovery.sort_by(f64::total_cmp);
            let (median, worst) = (recovery[recovery.len() / 2], recovery[recovery.len() - 1]);
            let Row { runs, acknowledged, lost, doubled, alerts, other, peak_mib, .. } = row;
            writeln!(
                f,
                "| {} | {runs} | {acknowledged} | {lost} | {doubled} | {alerts} | {other} | {median:.1} | {worst:.1} | \
                 {peak_mib} |",
                fault.name()
            )?;
        }
        let Disorder { events, disordered } = &self.disorder;
        write!(f, "{events} events on the clean topic, {} out of order", disordered.len())?;
        disordered.iter().take(10).try_for_each(|line| write!(f, "\n  {line}"))
    }
}
