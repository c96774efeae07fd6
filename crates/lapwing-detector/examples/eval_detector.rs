//! Scores prepared traces with the library's own models: `eval_detector DATA OUT`.
//!
//! For every `DATA/<set>.test.jsonl` it fits one model per agent on `DATA/<set>.history.jsonl` and writes
//! `OUT/<set>.scores.jsonl`.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use lapwing_detector::behaviour::{AgentModel, Assessment, Channel, ModelConfig};
use serde_json::json;

mod prepared;

use prepared::Session;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(data), Some(out)) = (args.next(), args.next()) else {
        return Err("usage: eval_detector DATA OUT".into());
    };
    fs::create_dir_all(&out)?;
    for set in prepared::sets(Path::new(&data))? {
        evaluate(Path::new(&data), Path::new(&out), &set)?;
    }
    Ok(())
}

fn evaluate(data: &Path, out: &Path, set: &str) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let models = prepared::models(data, set)?;
    let fitted = start.elapsed();

    let start = Instant::now();
    let test = prepared::read(&data.join(format!("{set}.test.jsonl")))?;
    let unknown = AgentModel::fit(&[], &ModelConfig::default());
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
    let events: usize = test.iter().map(|trace| trace.names.len()).sum();
    let rate = events as f64 / start.elapsed().as_secs_f64();
    writeln!(
        io::stdout(),
        "{set}: {} traces, {events} events, {rate:.0} events/s read and scored; fitted {} agents in {:.2} s",
        test.len(),
        models.len(),
        fitted.as_secs_f64(),
    )?;
    Ok(())
}

fn why(trace: &Session, a: &Assessment) -> String {
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
