//! The detections that this crate raises itself: title, severity and tags.

use lapwing_event::Severity;

/// What is fixed about a detection.
pub(crate) struct Entry {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) severity: Severity,
    pub(crate) owasp: &'static [&'static str],
    pub(crate) atlas: &'static [&'static str],
}

/// The entry of a detection; that of a threshold of the operator's own if there is no other.
pub(crate) fn entry(id: &str) -> &'static Entry {
    CATALOGUE.iter().find(|entry| entry.id == id).unwrap_or(&OWN)
}

const fn entry_of(
    id: &'static str,
    title: &'static str,
    severity: Severity,
    owasp: &'static [&'static str],
    atlas: &'static [&'static str],
) -> Entry {
    Entry { id, title, severity, owasp, atlas }
}

static OWN: Entry = entry_of("", "A threshold was passed", Severity::Medium, &[], &[]);

static CATALOGUE: &[Entry] = &[
    entry_of(
        "AID-04",
        "What was blocked came again in other words and passed",
        Severity::High,
        &["owasp.llm01-2025", "owasp.asi01-2026"],
        &["atlas.aml.t0054"],
    ),
    entry_of(
        "AID-06",
        "The response repeats the system prompt",
        Severity::High,
        &["owasp.llm07-2025"],
        &["atlas.aml.t0056"],
    ),
    entry_of("AID-08", "A spike of masked personal data", Severity::High, &["owasp.llm02-2025"], &["atlas.aml.t0057"]),
    entry_of(
        "AID-09",
        "A link or image carries data to an unlisted domain",
        Severity::High,
        &["owasp.llm05-2025", "owasp.asi02-2026"],
        &["atlas.aml.t0077"],
    ),
    entry_of(
        "AID-10",
        "Sensitive data was read, then sent out in the same session",
        Severity::Critical,
        &["owasp.llm06-2025", "owasp.asi02-2026"],
        &["atlas.aml.t0086"],
    ),
    entry_of(
        "AID-11",
        "A tool that this agent never used before",
        Severity::Medium,
        &["owasp.llm06-2025", "owasp.asi02-2026"],
        &["atlas.aml.t0053"],
    ),
    entry_of(
        "AID-14",
        "A tool's definition changed under the same name",
        Severity::High,
        &["owasp.llm03-2025", "owasp.asi04-2026"],
        &["atlas.aml.t0109"],
    ),
    entry_of(
        "AID-15",
        "Tokens or cost off the baseline",
        Severity::Medium,
        &["owasp.llm10-2025"],
        &["atlas.aml.t0034.000"],
    ),
    entry_of(
        "AID-17",
        "A burst of errors or latency",
        Severity::Low,
        &["owasp.llm10-2025", "owasp.asi08-2026"],
        &["atlas.aml.t0029"],
    ),
    entry_of(
        "AID-18",
        "Templated querying at a high rate",
        Severity::Medium,
        &["owasp.llm10-2025"],
        &["atlas.aml.t0024.002"],
    ),
    entry_of(
        "AID-19",
        "A new document dominates retrieval",
        Severity::High,
        &["owasp.llm08-2025", "owasp.asi06-2026"],
        &["atlas.aml.t0070"],
    ),
    entry_of("AID-20", "Silence where there were events", Severity::High, &["owasp.asi10-2026"], &["atlas.aml.t0081"]),
    entry_of("AID-21", "Toxicity above the threshold", Severity::Medium, &[], &[]),
    entry_of("AID-22", "A metric is off its baseline", Severity::Low, &["owasp.llm10-2025"], &[]),
    entry_of(
        "AID-23",
        "Tool failures off the baseline",
        Severity::Medium,
        &["owasp.llm06-2025", "owasp.asi03-2026"],
        &[],
    ),
    entry_of(
        "AID-30",
        "An order of tool calls unlike this agent's history",
        Severity::Medium,
        &["owasp.llm06-2025", "owasp.asi02-2026"],
        &["atlas.aml.t0053"],
    ),
    entry_of(
        "AID-31",
        "A call follows untrusted tool output and not the user",
        Severity::High,
        &["owasp.llm01-2025", "owasp.asi01-2026"],
        &["atlas.aml.t0051.001"],
    ),
    entry_of(
        "AID-32",
        "A session that does not hold together",
        Severity::Medium,
        &["owasp.llm06-2025", "owasp.asi02-2026"],
        &["atlas.aml.t0053"],
    ),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::baseline::BaselineRule;
    use crate::rules::RulesConfig;

    /// Every detection: how it is found, severity, OWASP LLM 2025, OWASP agentic 2026, ATLAS.
    const TABLE: &[(&str, &str, &str, &str, &str, &str)] = &[
        ("AID-01", "rule", "medium", "llm01", "asi01", "t0051.000"),
        ("AID-02", "rule", "high", "llm01", "asi01", "t0051.001"),
        ("AID-03", "rule", "high", "llm01", "asi01", "t0054"),
        ("AID-04", "state", "high", "llm01", "asi01", "t0054"),
        ("AID-05", "rule", "medium", "llm01", "asi01", "t0068"),
        ("AID-06", "state", "high", "llm07", "", "t0056"),
        ("AID-07", "rule", "critical", "llm02", "asi03", "t0057"),
        ("AID-08", "baseline", "high", "llm02", "", "t0057"),
        ("AID-09", "state", "high", "llm05", "asi02", "t0077"),
        ("AID-10", "state", "critical", "llm06", "asi02", "t0086"),
        ("AID-11", "state", "medium", "llm06", "asi02", "t0053"),
        ("AID-12", "rule", "critical", "llm06", "asi02", "t0101"),
        ("AID-13", "rule", "high", "llm05", "asi05", "t0050"),
        ("AID-14", "state", "high", "llm03", "asi04", "t0109"),
        ("AID-15", "baseline", "medium", "llm10", "", "t0034.000"),
        ("AID-16", "rule", "medium", "llm10", "asi08", "t0034.002"),
        ("AID-17", "rule", "low", "llm10", "asi08", "t0029"),
        ("AID-18", "state", "medium", "llm10", "", "t0024.002"),
        ("AID-19", "state", "high", "llm08", "asi06", "t0070"),
        ("AID-20", "state", "high", "", "asi10", "t0081"),
        ("AID-21", "threshold", "medium", "", "", ""),
        ("AID-22", "baseline", "low", "llm10", "", ""),
        ("AID-23", "rule", "medium", "llm06", "asi03", ""),
        ("AID-30", "state", "medium", "llm06", "asi02", "t0053"),
        ("AID-31", "state", "high", "llm01", "asi01", "t0051.001"),
        ("AID-32", "state", "medium", "llm06", "asi02", "t0053"),
    ];

    #[test]
    fn every_detection_is_built_in_with_its_severity_and_tags() {
        let rules = RulesConfig::default().compile().unwrap().summaries();
        let baselines = BaselineRule::defaults();
        for (id, found, severity, llm, agentic, atlas) in TABLE {
            let mut tags: Vec<String> = Vec::new();
            tags.extend((!llm.is_empty()).then(|| format!("owasp.{llm}-2025")));
            tags.extend((!agentic.is_empty()).then(|| format!("owasp.{agentic}-2026")));
            tags.extend((!atlas.is_empty()).then(|| format!("atlas.aml.{atlas}")));
            if *found == "rule" {
                let own: Vec<_> = rules.iter().filter(|rule| rule.detection == *id && !rule.silent).collect();
                assert!(!own.is_empty(), "{id}");
                for rule in own {
                    assert_eq!((rule.severity.as_str(), &rule.tags), (*severity, &tags), "{id} {}", rule.name);
                }
                continue;
            }
            let entry = entry(id);
            let own: Vec<&str> = entry.owasp.iter().chain(entry.atlas).copied().collect();
            assert_eq!(
                (entry.id, entry.severity.as_str(), own),
                (*id, *severity, tags.iter().map(String::as_str).collect())
            );
            assert_eq!(*found == "baseline", baselines.iter().any(|rule| rule.id == *id) && *id != "AID-20", "{id}");
        }
        assert!(rules.iter().all(|rule| rule.silent || TABLE.iter().any(|(id, ..)| rule.detection == *id)));
    }
}
