//! An alert as a Detection Finding of the Open Cybersecurity Schema Framework (OCSF, class 2004, version 1.9), for a
//! SIEM that speaks it.

use lapwing_event::{Event, Severity};
use serde_json::{Value, json};

/// The class and category of a Detection Finding, and the activity "create".
const CLASS: u64 = 2004;
const CATEGORY: u64 = 2;
const CREATE: u64 = 1;

/// The finding of an event of kind `alert`; none for other events.
pub fn ocsf(event: &Event) -> Option<Value> {
    let alert = event.alert.as_ref()?;
    let (severity_id, severity) = match alert.severity {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
        Severity::Other(_) => (99, "Other"),
    };
    let title = alert.title.as_deref().unwrap_or(&alert.rule_id);
    let techniques = alert.atlas.iter().filter_map(|tag| tag.strip_prefix("atlas."));
    let attacks: Vec<Value> =
        techniques.map(|id| json!({"technique": {"uid": id.to_uppercase()}, "version": "ATLAS"})).collect();
    let evidences: Vec<Value> = alert.event_ids.iter().map(|id| json!({"uid": id, "data": {"event_id": id}})).collect();
    let mut finding = json!({
        "activity_id": CREATE,
        "activity_name": "Create",
        "category_uid": CATEGORY,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "Detection Finding",
        "type_uid": CLASS * 100 + CREATE,
        "type_name": "Detection Finding: Create",
        "time": event.timestamp.millis(),
        "severity_id": severity_id,
        "severity": severity,
        "status_id": 1,
        "status": "New",
        "is_alert": true,
        "message": alert.explanation,
        "confidence_score": alert.score.filter(|score| (0.0..=1.0).contains(score)).map(|score| (score * 100.0).round() as u64),
        "metadata": {
            "version": "1.9.0",
            "uid": event.id,
            "tenant_uid": event.tenant.id,
            "event_code": alert.rule_id,
            "correlation_uid": event.session_id(),
            "logged_time": event.received_at.millis(),
            "product": {"name": "Lapwing", "vendor_name": "Lapwing", "version": env!("CARGO_PKG_VERSION")},
        },
        "finding_info": {
            "uid": event.id,
            "title": title,
            "desc": alert.explanation,
            "created_time": event.timestamp.millis(),
            "types": alert.owasp,
            "analytic": {"uid": alert.rule_id, "name": title, "type_id": 1, "type": "Rule"},
            "attacks": attacks,
            "related_events_count": alert.event_ids.len(),
        },
        "evidences": evidences,
        "resources": [{"name": event.service.name, "type": "AI application", "uid": event.agent_key()}],
        "unmapped": {
            "score": alert.score, "threshold": alert.threshold, "dedup_key": alert.dedup_key, "owasp": alert.owasp,
            "user_id": event.user_id(), "session_id": event.session_id(), "trace_id": event.trace_id,
            "explanation": event.attrs,
        },
    });
    let anomalies: Vec<Value> =
        EXPLAINED.iter().filter_map(|(name, kind)| anomaly(event.attrs.get(*name)?, name, kind)).collect();
    if !anomalies.is_empty() {
        let targets = json!([{"name": event.agent_key(), "type": "AI agent"}]);
        finding["anomaly_analyses"] = json!([{"analysis_targets": targets, "anomalies": anomalies}]);
    }
    Some(finding)
}

/// The fields of an explanation that OCSF has a place for, with the type of analysis they come from.
const EXPLAINED: [(&str, &str); 3] = [
    ("p_value", "Distribution Analysis"),
    ("argument", "Association Analysis"),
    ("rarest_transition", "Sequence Analysis"),
];

/// A field of an explanation as an anomaly; none if it says nothing.
fn anomaly(value: &Value, parameter: &str, kind: &str) -> Option<Value> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some(json!({
        "observation_parameter": parameter,
        "observation_type": kind,
        "observations": [{"value": text}],
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::alert::{Alert, Draft};
    use crate::testing::{at, llm};

    /// What OCSF requires of the class, its finding and its metadata, by its published schema; of these, the title and
    /// the vendor are required in some versions and recommended in others.
    const REQUIRED: &[&str] = &[
        "/activity_id",
        "/category_uid",
        "/class_uid",
        "/finding_info/uid",
        "/finding_info/title",
        "/metadata/product/name",
        "/metadata/product/vendor_name",
        "/metadata/version",
        "/severity_id",
        "/time",
        "/type_uid",
    ];

    #[test]
    fn an_alert_has_what_the_class_requires() {
        let evidence = llm("s", 0, "hi");
        let draft = Draft {
            rule_id: "AID-31".to_owned(),
            title: None,
            severity: None,
            score: 0.93,
            threshold: 0.5,
            event_ids: vec![evidence.id],
            dedup_key: "k".to_owned(),
            explanation: "why".to_owned(),
        };
        let finding = ocsf(Alert::new(draft, at(0), &evidence).event()).unwrap();
        for path in REQUIRED {
            assert!(finding.pointer(path).is_some_and(|value| !value.is_null()), "{path} is not in {finding}");
        }
        assert_eq!(
            (&finding["class_uid"], &finding["type_uid"], &finding["severity_id"]),
            (&json!(2004), &json!(200_401), &json!(4))
        );
        assert_eq!((&finding["category_uid"], &finding["activity_id"]), (&json!(2), &json!(1)));
        assert_eq!(finding["metadata"]["version"], "1.9.0");
        assert_eq!(finding["metadata"]["product"]["name"], "Lapwing");
        assert_eq!(finding["finding_info"]["uid"], finding["metadata"]["uid"]);
        assert!(finding["finding_info"]["title"].as_str().is_some_and(|title| !title.is_empty()));
        assert_eq!(finding["time"], json!(at(0).millis()));
        assert_eq!(finding["finding_info"]["attacks"][0]["technique"]["uid"], "AML.T0051.001");
        assert_eq!(ocsf(&evidence), None);
        assert_eq!(finding.get("anomaly_analyses"), None, "nothing was explained");
    }

    #[test]
    fn what_explains_an_alert_is_part_of_the_finding() {
        let evidence = llm("s", 0, "hi");
        let draft = Draft {
            rule_id: "AID-30".to_owned(),
            title: None,
            severity: None,
            score: 2.3,
            threshold: 2.0,
            event_ids: vec![evidence.id],
            dedup_key: "k".to_owned(),
            explanation: "why".to_owned(),
        };
        let details = json!({
            "p_value": 0.005, "argument": null, "nearest_session": "s-7",
            "rarest_transition": {"from": "read_mail", "to": "send_mail", "bits": 9.5},
        });
        let alert = Alert::new(draft, at(0), &evidence).detailed(details.as_object().unwrap().clone());
        let finding = ocsf(alert.event()).unwrap();
        let analysis = &finding["anomaly_analyses"][0];
        assert!(analysis["analysis_targets"][0]["name"].is_string(), "{analysis}");
        let of: Vec<_> =
            analysis["anomalies"].as_array().unwrap().iter().map(|a| &a["observation_parameter"]).collect();
        assert_eq!(of, ["p_value", "rarest_transition"]);
        assert_eq!(analysis["anomalies"][0]["observations"][0]["value"], "0.005");
        assert!(analysis["anomalies"][1]["observations"][0]["value"].as_str().unwrap().contains("send_mail"));
        assert_eq!(finding["unmapped"]["explanation"]["nearest_session"], "s-7");
    }
}
