//! `lapwing rules`: check, test and list Sigma rules.

use std::io::{Write, stdout};
use std::path::Path;

use anyhow::{Result, bail};
use lapwing_detector::{RuleFault, RuleSet, RuleSummary, RulesConfig};

use crate::args::Rules;
use crate::rule_files;
use crate::settings::Settings;

/// Does it.
pub fn run(action: &Rules, settings: &Settings) -> Result<()> {
    let mut config = settings.detector.rules.clone();
    match action {
        Rules::Check { path } => {
            let rules = compile(&mut config, path.as_deref())?.summaries();
            let about = if path.is_some() { "the rules are sound" } else { "the rules in force are sound" };
            writeln!(stdout(), "{about}: {} rules, built-in ones included", rules.len())?;
        }
        Rules::Test { path } => {
            let set = compile(&mut config, path.as_deref())?;
            faults(&set.test(), "example(s) do not hold")?;
            let rules = set.summaries();
            let examples: usize = rules.iter().map(|rule| rule.examples.0 + rule.examples.1).sum();
            let without: Vec<&str> =
                rules.iter().filter(|rule| untested(rule)).map(|rule| rule.name.as_str()).collect();
            let mut out = stdout().lock();
            writeln!(out, "{examples} examples of {} rules hold", rules.len())?;
            if !without.is_empty() {
                writeln!(out, "without examples on one side: {}", without.join(", "))?;
            }
        }
        Rules::List { path } => list(&compile(&mut config, path.as_deref())?.summaries())?,
    }
    Ok(())
}

fn untested(rule: &RuleSummary) -> bool {
    !rule.silent && (rule.examples.0 == 0 || rule.examples.1 == 0)
}

fn compile(config: &mut RulesConfig, path: Option<&Path>) -> Result<RuleSet> {
    if let Some(path) = path {
        config.texts = rule_files::read(path)?;
    }
    config.compile().or_else(|found| {
        faults(&found, "fault(s) in the rules")?;
        bail!("the rules have faults")
    })
}

fn faults(found: &[RuleFault], what: &str) -> Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    let lines: String = found.iter().map(|fault| format!("\n  {fault}")).collect();
    bail!("{} {what}:{lines}", found.len())
}

fn list(rules: &[RuleSummary]) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{:<8} {:<9} {:<16} {:<34} title", "alert", "severity", "about", "name")?;
    for rule in rules {
        let detection = if rule.silent { "-" } else { &rule.detection };
        writeln!(
            out,
            "{detection:<8} {:<9} {:<16} {:<34} {}",
            rule.severity.as_str(),
            rule.about,
            rule.name,
            rule.title
        )?;
    }
    Ok(())
}
