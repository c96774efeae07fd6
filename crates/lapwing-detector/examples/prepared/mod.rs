//! The reader of prepared traces, for the examples that fit and score them.
//!
//! Lines are tool calls (`trace_id`, `agent`, `tool`, `args`, `output_snippet`, and `prompt` on a trace's first line)
//! or, in sequence sets, whole traces (`trace_id`, `agent`, `tools`). Lines of a trace stand together.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use lapwing_detector::behaviour::{AgentModel, Call, Digest, ModelConfig, Trace, TraceLimits};
use serde::Deserialize;
use serde_json::Value;

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
pub struct Session {
    /// Its `trace_id`.
    pub id: String,
    /// Its agent.
    pub agent: String,
    /// The names of its calls.
    pub names: Vec<String>,
    /// What the models see of it.
    pub digest: Digest,
}

/// The names of the sets in a folder, sorted.
pub fn sets(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let name = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".test.jsonl").map(str::to_owned);
    let mut sets: Vec<String> = fs::read_dir(folder)?.filter_map(|entry| name(entry.ok()?)).collect();
    sets.sort();
    Ok(sets)
}

/// The sessions of a file.
pub fn read(path: &Path) -> Result<Vec<Session>, Box<dyn Error>> {
    let mut sessions: Vec<(Session, Trace)> = Vec::new();
    for line in BufReader::new(File::open(path)?).lines() {
        let line: Line = serde_json::from_str(&line?)?;
        if sessions.last().is_none_or(|(session, _)| session.id != line.trace_id) {
            let limits = TraceLimits { calls: 20_000, ..TraceLimits::default() };
            let (id, agent) = (line.trace_id, line.agent);
            sessions.push((Session { id, agent, names: Vec::new(), digest: Digest::default() }, Trace::new(limits)));
        }
        let (session, trace) = sessions.last_mut().ok_or("no session")?;
        if let Some(prompt) = &line.prompt {
            trace.prompt(prompt);
        }
        for tool in &line.tools {
            let tool = tool.to_string();
            trace.call(&Call { tool: &tool, args: &Value::Null, output: "" });
            session.names.push(tool);
        }
        if line.tools.is_empty() {
            let output = line.output_snippet.as_deref().unwrap_or_default();
            trace.call(&Call { tool: &line.tool, args: &line.args, output });
            session.names.push(line.tool);
        }
    }
    let finish = |(session, trace): (Session, Trace)| Session { digest: trace.digest(), ..session };
    Ok(sessions.into_iter().map(finish).collect())
}

/// A model of each agent in a set's history; none if it has no history.
pub fn models(folder: &Path, set: &str) -> Result<BTreeMap<String, AgentModel>, Box<dyn Error>> {
    let history = folder.join(format!("{set}.history.jsonl"));
    let mut by_agent: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
    for session in if history.exists() { read(&history)? } else { Vec::new() } {
        by_agent.entry(session.agent).or_default().push(session.digest);
    }
    let config = ModelConfig::default();
    Ok(by_agent.into_iter().map(|(agent, history)| (agent, AgentModel::fit(&history, &config))).collect())
}
