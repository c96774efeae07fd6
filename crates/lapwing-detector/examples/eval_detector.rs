//! Scores prepared traces with the library's own models: `eval_detector DATA OUT`.
//!
//! For every `DATA/<set>.test.jsonl` it fits one model per agent on `DATA/<set>.history.jsonl` and writes
//! `OUT/<set>.scores.jsonl`. Lines are tool calls (`trace_id`, `agent`, `tool`, `args`, `output_snippet`, and
//! `prompt` on a trace's first line) or, in sequence sets, whole traces (`trace_id`, `agent`, `tools`).

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use lapwing_detector::behaviour::{AgentModel, Assessment, Call, Channel, Digest, ModelConfig, Trace, TraceLimits};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Line {
    trace_id: String,
    agent: String,
    #[serde(default)]
    tool: String,
    #[serde(default)]
    args: Value,
    prompt: Option<String>,
    output_snippet: Option<String>,
    #[serde(default)]
    tools: Vec<u64>,
}

/// One trace, read.
struct Scored {
    id: String,
    agent: String,
    names: Vec<String>,
    digest: Digest,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(data), Some(out)) = (args.next(), args.next()) else {
        return Err("usage: eval_detector DATA OUT".into());
    };
    fs::create_dir_all(&out)?;
    let mut sets: Vec<String> = fs::read_dir(&data)?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".test.jsonl").map(str::to_owned))
        .collect();
    sets.sort();
    for set in sets {
        evaluate(Path::new(&data), Path::new(&out), &set)?;
    }
    Ok(())
}

fn evaluate(data: &Path, out: &Path, set: &str) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let history = data.join(format!("{set}.history.jsonl"));
    let (history, learned) = if history.exists() { read(&history)? } else { (Vec::new(), 0) };
    let mut by_agent: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
    for trace in history {
        by_agent.entry(trace.agent).or_default().push(trace.digest);
    }
    let config = ModelConfig::default();
    let models: BTreeMap<_, _> = by_agent.into_iter().map(|(a, h)| (a, AgentModel::fit(&h, &config))).collect();
    let fitted = start.elapsed();

    let start = Instant::now();
    let (test, events) = read(&data.join(format!("{set}.test.jsonl")))?;
    let unknown = AgentModel::fit(&[], &config);
    let mut file = BufWriter::new(File::create(out.join(format!("{set}.scores.jsonl")))?);
    for trace in &test {
        let assessment = models.get(&trace.agent).unwrap_or(&unknown).assess(&trace.digest);
        let line = json!({
            "trace_id": trace.id,
            "score": assessment.score,
            "p_value": assessment.p,
            "channel": assessment.channel,
            "p_channels": assessment.p_channels,
            "why": why(trace, &assessment),
        });
        writeln!(file, "{line}")?;
    }
    file.flush()?;
    let rate = events as f64 / start.elapsed().as_secs_f64();
    writeln!(
        io::stdout(),
        "{set}: {} traces, {events} events, {rate:.0} events/s read and scored; fitted {} agents on {learned} events in {:.2} s",
        test.len(),
        models.len(),
        fitted.as_secs_f64(),
    )?;
    Ok(())
}

fn why(trace: &Scored, a: &Assessment) -> String {
    let name = |at: usize| trace.names.get(at).map_or("the end", String::as_str);
    match a.channel {
        Channel::Sequence => {
            format!(
                "{} at step {}: {:.1} bits, mean {:.2}",
                name(a.surprise.at),
                a.surprise.at,
                a.surprise.max,
                a.surprise.mean
            )
        }
        Channel::Provenance => format!("{} at step {}: log-odds {:.2}", name(a.call), a.call, a.provenance),
        Channel::Consistency => format!("consistency {:.2}", a.consistency),
    }
}

/// Reads the traces of a file, and how many events they hold.
fn read(path: &Path) -> Result<(Vec<Scored>, usize), Box<dyn Error>> {
    let mut traces: Vec<(Scored, Trace)> = Vec::new();
    let mut events = 0;
    for line in BufReader::new(File::open(path)?).lines() {
        let line: Line = serde_json::from_str(&line?)?;
        if traces.last().is_none_or(|(t, _)| t.id != line.trace_id) {
            let limits = TraceLimits { calls: 20_000, ..TraceLimits::default() };
            let scored = Scored { id: line.trace_id, agent: line.agent, names: Vec::new(), digest: Digest::default() };
            traces.push((scored, Trace::new(limits)));
        }
        let (scored, trace) = traces.last_mut().ok_or("no trace")?;
        if let Some(prompt) = &line.prompt {
            trace.prompt(prompt);
        }
        for tool in &line.tools {
            let tool = tool.to_string();
            trace.call(&Call { tool: &tool, args: &Value::Null, output: "" });
            scored.names.push(tool);
            events += 1;
        }
        if line.tools.is_empty() {
            let output = line.output_snippet.as_deref().unwrap_or_default();
            trace.call(&Call { tool: &line.tool, args: &line.args, output });
            scored.names.push(line.tool);
            events += 1;
        }
    }
    let finish = |(scored, trace): (Scored, Trace)| Scored { digest: trace.digest(), ..scored };
    Ok((traces.into_iter().map(finish).collect(), events))
}
