//! Retrievals, guardrails and evaluations.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::attributes::Attributes;
use super::conversation::{INPUT, OUTPUT};
use super::envelope::hex;
use crate::sections::{parse_json_text, text_of};
use crate::{Document, Evaluation, Event, Guardrail, GuardrailAction, GuardrailStage, Outcome, Retrieval};

/// Fills the section of a retrieval or a reranking.
pub(super) fn retrieval(event: &mut Event, attributes: &mut Attributes, span_name: &str) {
    attributes.forget(&["gen_ai.operation.name"]);
    let sources = ["gen_ai.data_source.id", "db.collection.name", "traceloop.entity.name", "reranker.model_name"];
    let data_source = attributes.text(&sources).unwrap_or_else(|| non_empty(span_name));
    let query = attributes.text(&["gen_ai.retrieval.query.text", "reranker.query"]);
    let whole = attributes.text(&INPUT);
    let top_k = ["gen_ai.retrieval.top_k", "gen_ai.request.top_k", "reranker.top_k", "db.vector.query.top_k"];
    let mut documents: Vec<(Document, Option<String>)> = Vec::new();
    for prefix in ["retrieval.documents.", "reranker.output_documents."] {
        documents.extend(attributes.indexed(prefix).into_iter().map(flat_document));
    }
    let whole_output = attributes.value(&OUTPUT);
    attributes.forget(&["input.mime_type", "output.mime_type"]);
    if documents.is_empty() {
        let listed = attributes.value(&["gen_ai.retrieval.documents", "retrieval.documents"]);
        if let Some(Value::Array(items)) = listed {
            documents.extend(items.into_iter().map(document));
        }
    }
    let texts: Vec<&str> = documents.iter().filter_map(|(_, text)| text.as_deref()).collect();
    let text = match texts.is_empty() {
        true => whole_output.and_then(text_of).filter(|_| documents.is_empty()),
        false => Some(texts.join("\n\n")),
    };
    event.retrieval = Some(Box::new(Retrieval {
        data_source,
        query: query.or(whole),
        top_k: attributes.count(&top_k),
        uris: documents.iter().filter_map(|(document, _)| document.uri.clone()).collect(),
        text,
        documents: documents.into_iter().map(|(document, _)| document).collect(),
    }));
}

/// `retrieval.documents.0.document.content` and its like.
fn flat_document(mut item: Attributes) -> (Document, Option<String>) {
    let text = item.text(&["document.content"]);
    let metadata = item.value(&["document.metadata"]).unwrap_or_default();
    let document = Document {
        id: item.text(&["document.id"]),
        uri: item.text(&["document.url"]).or_else(|| of_metadata(&metadata, &["uri", "url", "source"])),
        title: item.text(&["document.name"]).or_else(|| of_metadata(&metadata, &["title", "name"])),
        score: item.number(&["document.score"]),
        ..Document::default()
    };
    with_text(document, text)
}

fn document(value: Value) -> (Document, Option<String>) {
    let mut item = match parse_json_text(value) {
        Value::Object(object) => Attributes::from(object),
        other => return with_text(Document::default(), text_of(other)),
    };
    let metadata = item.value(&["metadata"]).unwrap_or_default();
    let document = Document {
        id: item.text(&["id"]),
        uri: item.text(&["uri", "url"]).or_else(|| of_metadata(&metadata, &["uri", "url", "source"])),
        title: item.text(&["title", "name"]).or_else(|| of_metadata(&metadata, &["title", "name"])),
        score: item.number(&["score"]),
        ..Document::default()
    };
    with_text(document, item.text(&["content", "text", "page_content"]))
}

fn of_metadata(metadata: &Value, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| metadata[*key].as_str()).map(str::to_owned)
}

fn with_text(mut document: Document, text: Option<String>) -> (Document, Option<String>) {
    document.sha256 = text.as_ref().map(|text| hex(&Sha256::digest(text)));
    document.snippet.clone_from(&text);
    (document, text)
}

/// Fills the section of a guardrail's decision.
pub(super) fn guardrail(event: &mut Event, attributes: &mut Attributes, span_name: &str) {
    attributes.forget(&["gen_ai.operation.name"]);
    let names = ["gen_ai.guardrail.name", "guardrail.name", "gen_ai.guardian.name", "traceloop.entity.name"];
    let stage = attributes.text(&["gen_ai.guardrail.stage", "guardrail.stage", "gen_ai.security.target.type"]);
    let decided = ["gen_ai.guardrail.action", "guardrail.action", "gen_ai.security.decision.type"];
    let action = attributes.text(&decided).map_or(GuardrailAction::Allowed, |text| action(&text));
    if event.outcome == Outcome::Ok {
        event.outcome = match action {
            GuardrailAction::Blocked => Outcome::Blocked,
            GuardrailAction::Moderated => Outcome::Moderated,
            _ => Outcome::Ok,
        };
    }
    let reasons = ["gen_ai.guardrail.reason", "guardrail.reason", "gen_ai.security.decision.reason"];
    let reason = attributes.text(&reasons);
    let whole = attributes.text(&OUTPUT);
    event.guardrail = Some(Box::new(Guardrail {
        name: attributes.text(&names).unwrap_or_else(|| non_empty(span_name)),
        version: attributes.text(&["gen_ai.guardrail.version", "guardrail.version", "gen_ai.guardian.version"]),
        stage: stage.map_or(GuardrailStage::Output, |text| stage_of(&text)),
        action,
        category: attributes.text(&[
            "gen_ai.guardrail.category",
            "guardrail.category",
            "gen_ai.security.risk.category",
        ]),
        reason: reason.or(whole),
        score: attributes.number(&["gen_ai.guardrail.score", "guardrail.score", "gen_ai.security.risk.score"]),
        policy_id: attributes.text(&["gen_ai.guardrail.policy.id", "guardrail.policy_id", "gen_ai.security.policy.id"]),
        rule_id: attributes.text(&["gen_ai.guardrail.rule.id", "guardrail.rule_id"]),
    }));
}

fn action(text: &str) -> GuardrailAction {
    match text.to_ascii_lowercase().as_str() {
        "allow" | "allowed" | "pass" | "none" => GuardrailAction::Allowed,
        "deny" | "denied" | "block" | "blocked" | "intervened" => GuardrailAction::Blocked,
        "modify" | "modified" | "moderated" | "redact" | "mask" => GuardrailAction::Moderated,
        "warn" | "flag" | "flagged" | "audit" => GuardrailAction::Flagged,
        other => GuardrailAction::from(other),
    }
}

fn stage_of(text: &str) -> GuardrailStage {
    let text = text.to_ascii_lowercase();
    let speaks_of = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if speaks_of(&["tool"]) {
        GuardrailStage::Tool
    } else if speaks_of(&["input", "prompt"]) {
        GuardrailStage::Input
    } else if speaks_of(&["output", "response"]) {
        GuardrailStage::Output
    } else if speaks_of(&["retriev", "knowledge"]) {
        GuardrailStage::Retrieval
    } else {
        text.as_str().into()
    }
}

/// Fills the section of an evaluation of the event or span called `target`.
pub(super) fn evaluation(event: &mut Event, attributes: &mut Attributes, span_name: &str, target: String) {
    attributes.forget(&["gen_ai.operation.name"]);
    let names = ["gen_ai.evaluation.name", "evaluation.name", "eval.name"];
    let scores = ["gen_ai.evaluation.score.value", "evaluation.score", "eval.score"];
    let labels = ["gen_ai.evaluation.score.label", "evaluation.label", "eval.label"];
    let explanation = attributes.text(&["gen_ai.evaluation.explanation", "evaluation.explanation", "eval.explanation"]);
    let annotator = attributes.text(&["evaluation.annotator_kind"]).unwrap_or_else(|| "llm".to_owned());
    let whole = attributes.text(&OUTPUT);
    event.evaluation = Some(Box::new(Evaluation {
        name: attributes.text(&names).unwrap_or_else(|| non_empty(span_name)),
        score: attributes.number(&scores),
        label: attributes.text(&labels),
        explanation: explanation.or(whole),
        annotator: annotator.to_ascii_lowercase(),
    }));
    event.target_id = Some(target);
}

fn non_empty(name: &str) -> String {
    if name.is_empty() { "unknown".to_owned() } else { name.to_owned() }
}
