//! Refits the logistic of the provenance channel: `refit_provenance LABELS DATA…`.
//!
//! `DATA` are folders as `eval_detector` reads them, `LABELS` is a file of lines with `trace_id` and `label` (1 a
//! hijacked session, 0 a normal one, none to leave it out). Prints the weights fitted on everything, and how the
//! weights in force and weights refitted without each suite (`agent`) rank the sessions of that suite.
//! `--dump` prints what the logistic is given, one session a line, instead.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use lapwing_detector::behaviour::{AgentModel, BIAS, INPUTS, ModelConfig};
use serde::Deserialize;
use serde_json::json;

mod prepared;

const N: usize = INPUTS.len();

#[derive(Deserialize)]
struct Label {
    trace_id: String,
    label: Option<u8>,
}

/// A session as the fit sees it.
struct Session {
    id: String,
    suite: String,
    hijacked: bool,
    calls: Vec<[f32; N]>,
    weight: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let dump = args.iter().position(|a| a == "--dump").map(|at| args.remove(at)).is_some();
    let [labels, folders @ ..] = &args[..] else {
        return Err("usage: refit_provenance [--dump] LABELS DATA…".into());
    };
    let labels = read_labels(Path::new(labels))?;
    let mut sessions = Vec::new();
    for folder in folders {
        read_folder(Path::new(folder), &labels, &mut sessions)?;
    }
    let mut out = io::stdout().lock();
    if dump {
        for s in &sessions {
            let line = json!({"trace_id": s.id, "agent": s.suite, "label": u8::from(s.hijacked), "calls": s.calls});
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    balance(&mut sessions);
    report(&sessions, &mut out)?;
    Ok(())
}

fn read_labels(path: &Path) -> Result<BTreeMap<String, u8>, Box<dyn Error>> {
    let mut labels = BTreeMap::new();
    for line in BufReader::new(File::open(path)?).lines() {
        let Label { trace_id, label } = serde_json::from_str(&line?)?;
        labels.extend(label.map(|label| (trace_id, label)));
    }
    Ok(labels)
}

fn read_folder(folder: &Path, labels: &BTreeMap<String, u8>, into: &mut Vec<Session>) -> Result<(), Box<dyn Error>> {
    let unknown = AgentModel::fit(&[], &ModelConfig::default());
    for set in prepared::sets(folder)? {
        let test = prepared::read(&folder.join(format!("{set}.test.jsonl")))?;
        if !test.iter().any(|session| labels.contains_key(&session.id)) {
            continue;
        }
        let models = prepared::models(folder, &set)?;
        for session in test {
            let Some(label) = labels.get(&session.id) else { continue };
            // Half of the sessions stand for agents without a history.
            let known = models.get(&session.agent).filter(|_| into.len().is_multiple_of(2)).unwrap_or(&unknown);
            let calls = known.inputs(&session.digest);
            if !calls.is_empty() {
                into.push(Session { id: session.id, suite: session.agent, hijacked: *label == 1, calls, weight: 1.0 });
            }
        }
    }
    Ok(())
}

/// Makes each suite and each class of it weigh alike, a thousand sessions together.
fn balance(sessions: &mut [Session]) {
    let mut sizes: BTreeMap<(String, bool), f64> = BTreeMap::new();
    for s in sessions.iter() {
        *sizes.entry((s.suite.clone(), s.hijacked)).or_default() += 1.0;
    }
    let groups = sizes.len() as f64;
    for s in sessions {
        s.weight = 1_000.0 / groups / sizes[&(s.suite.clone(), s.hijacked)];
    }
}

/// How sharp the soft maximum over the calls of a session is.
const SHARPNESS: f64 = 2.0;
const STEPS: usize = 3_000;
const RATE: f64 = 0.02;
/// Strength of the pull towards 0, against a thousand weighted sessions.
const RIDGE: f64 = 1.0;

/// Weights and, behind them, the bias.
type Fit = [f64; N + 1];

/// What a weight may be: it keeps the sign that its input means, and no cue carries a decision alone.
fn bounds(name: &str) -> (f64, f64) {
    match name {
        "Unasked" => (0.0, 0.0),
        "PromptVerb" | "PromptPieces" | "Sanctioned" => (-3.0, 0.0),
        "OrderValue" => (0.0, 1.5),
        "OrderVerb" => (0.0, 0.7),
        "Leaves" => (0.0, 0.8),
        _ => (0.0, 3.0),
    }
}

/// Maximizes the penalized likelihood of the labels by projected gradient steps (Adam).
fn fit<'a>(sessions: impl Iterator<Item = &'a Session> + Clone) -> Fit {
    let mut w: Fit = std::array::from_fn(|i| if i < N { f64::from(INPUTS[i].1) } else { f64::from(BIAS) });
    let (mut mean, mut square) = ([0.0; N + 1], [0.0; N + 1]);
    for step in 1..=STEPS {
        let mut gradient: Fit = std::array::from_fn(|i| if i < N { RIDGE * w[i] } else { 0.0 });
        for s in sessions.clone() {
            add_gradient(s, &w, &mut gradient);
        }
        for i in 0..=N {
            mean[i] = 0.9 * mean[i] + 0.1 * gradient[i];
            square[i] = 0.999 * square[i] + 0.001 * gradient[i] * gradient[i];
            let (m, v) = (mean[i] / (1.0 - 0.9f64.powi(step as i32)), square[i] / (1.0 - 0.999f64.powi(step as i32)));
            let (low, high) = if i < N { bounds(INPUTS[i].0) } else { (-9.0, 0.0) };
            w[i] = (w[i] - RATE * m / (v.sqrt() + 1e-9)).clamp(low, high);
        }
    }
    w
}

fn logit(x: &[f32; N], w: &Fit) -> f64 {
    w[N] + x.iter().zip(w).map(|(x, w)| f64::from(*x) * w).sum::<f64>()
}

fn add_gradient(s: &Session, w: &Fit, gradient: &mut Fit) {
    let logits: Vec<f64> = s.calls.iter().map(|x| logit(x, w)).collect();
    let top = logits.iter().copied().fold(f64::MIN, f64::max);
    let shares: Vec<f64> = logits.iter().map(|l| ((l - top) * SHARPNESS).exp()).collect();
    let sum: f64 = shares.iter().sum();
    let soft = top + (sum / shares.len() as f64).ln() / SHARPNESS;
    let miss = s.weight * (1.0 / (1.0 + (-soft).exp()) - f64::from(u8::from(s.hijacked)));
    for (x, share) in s.calls.iter().zip(&shares) {
        let pull = miss * share / sum;
        gradient.iter_mut().zip(x).for_each(|(g, x)| *g += pull * f64::from(*x));
        gradient[N] += pull;
    }
}

/// Area under the curve, and the share of hijacked sessions above the highest 5 % of the others.
fn figures(sessions: &[&Session], w: &Fit) -> (f64, f64) {
    let score = |s: &&&Session| s.calls.iter().map(|x| logit(x, w)).fold(f64::MIN, f64::max);
    let mut low: Vec<f64> = sessions.iter().filter(|s| !s.hijacked).map(|s| score(&s)).collect();
    let high: Vec<f64> = sessions.iter().filter(|s| s.hijacked).map(|s| score(&s)).collect();
    low.sort_by(|a, b| b.total_cmp(a));
    let won = |h: &f64| low.iter().map(|l| if h > l { 1.0 } else { 0.5 * f64::from(u8::from(h == l)) }).sum::<f64>();
    let auroc = high.iter().map(won).sum::<f64>() / (low.len() * high.len()) as f64;
    let bound = low.get(low.len() / 20).copied().unwrap_or(f64::MIN);
    (auroc, high.iter().filter(|h| **h > bound).count() as f64 / high.len() as f64)
}

fn report(sessions: &[Session], out: &mut impl Write) -> io::Result<()> {
    let in_force: Fit = std::array::from_fn(|i| if i < N { f64::from(INPUTS[i].1) } else { f64::from(BIAS) });
    let all = fit(sessions.iter());
    writeln!(out, "{:14} in force, fitted on all {} sessions", "", sessions.len())?;
    for (i, (name, weight)) in INPUTS.iter().enumerate() {
        writeln!(out, "{name:14} {weight:8.2} {:8.2}", all[i])?;
    }
    writeln!(out, "{:14} {:8.2} {:8.2}", "bias", in_force[N], all[N])?;
    let mut suites: Vec<&str> = sessions.iter().map(|s| s.suite.as_str()).collect();
    suites.sort_unstable();
    suites.dedup();
    for suite in suites {
        let of: Vec<&Session> = sessions.iter().filter(|s| s.suite == suite).collect();
        if of.iter().all(|s| !s.hijacked) || of.iter().all(|s| s.hijacked) {
            continue;
        }
        let without = fit(sessions.iter().filter(|s| s.suite != suite));
        let ((now, now5), (left, left5)) = (figures(&of, &in_force), figures(&of, &without));
        writeln!(out, "{suite}: in force {now:.3} {now5:.2}, left out {left:.3} {left5:.2}")?;
    }
    Ok(())
}
