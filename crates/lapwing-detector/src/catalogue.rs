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
