//! A walk over every string of an event that came from outside.
//!
//! Every struct is taken apart by name, without `..`, so that a field added to the schema does not compile
//! until somebody says how it is visited. What is not visited is what cannot hold text: numbers, times, UUIDs,
//! the tenant's name, trace and span ids (hexadecimal, or removed by [`crate::SanitizedEvent::seal`]), and what
//! the sanitizer and the limits wrote themselves.

use serde_json::{Map, Value};

use crate::content::{Content, GenAi, Named, Request, Response};
use crate::field::{Field, require};
use crate::{Alert, Audit, Document, ErrorDetail, Evaluation, Event, Guardrail, Mcp, Retrieval, Review, Tool};

/// Sees every string of an event, and may change it.
pub trait FieldVisitor {
    /// A string field, or one string of a list.
    fn text(&mut self, field: &'static Field, text: &mut String);
    /// A field that holds JSON; the visitor walks keys and values itself.
    fn json(&mut self, field: &'static Field, value: &mut Value);
}

/// The field with this path, looked up while compiling.
macro_rules! f {
    ($path:literal) => {
        const { require($path) }
    };
}

struct Walk<'a>(&'a mut dyn FieldVisitor);

impl Walk<'_> {
    fn text(&mut self, field: &'static Field, text: &mut String) {
        self.0.text(field, text);
    }

    fn opt(&mut self, field: &'static Field, text: &mut Option<String>) {
        if let Some(text) = text {
            self.text(field, text);
        }
    }

    fn list(&mut self, field: &'static Field, texts: &mut [String]) {
        for text in texts {
            self.text(field, text);
        }
    }

    fn json(&mut self, field: &'static Field, value: &mut Option<Value>) {
        if let Some(value) = value {
            self.0.json(field, value);
        }
    }
}

/// An enum of the schema: a known value is ours, an unknown one came from outside.
macro_rules! open {
    ($walk:expr, $field:expr, $value:expr) => {
        if !$value.is_known() {
            let mut text = $value.as_str().to_owned();
            $walk.text($field, &mut text);
            *$value = text.as_str().into();
        }
    };
}

impl Event {
    /// Shows every string of the event to the visitor.
    pub fn visit_mut(&mut self, visitor: &mut dyn FieldVisitor) {
        let walk = &mut Walk(visitor);
        self.visit_envelope(walk);
        self.visit_sections(walk);
    }

    fn visit_envelope(&mut self, walk: &mut Walk<'_>) {
        walk.text(f!("schema_version"), &mut self.schema_version);
        open!(walk, f!("kind"), &mut self.kind);
        walk.opt(f!("environment"), &mut self.environment);
        walk.text(f!("service.name"), &mut self.service.name);
        walk.opt(f!("service.version"), &mut self.service.version);
        if let Some(agent) = &mut self.agent {
            walk.opt(f!("agent.id"), &mut agent.id);
            walk.opt(f!("agent.name"), &mut agent.name);
            walk.opt(f!("agent.version"), &mut agent.version);
        }
        if let Some(user) = &mut self.user {
            walk.text(f!("user.id"), &mut user.id);
        }
        if let Some(session) = &mut self.session {
            walk.text(f!("session.id"), &mut session.id);
        }
        open!(walk, f!("outcome"), &mut self.outcome);
        walk.text(f!("source.format"), &mut self.source.format);
        walk.opt(f!("source.convention"), &mut self.source.convention);
        if !self.attrs.is_empty() {
            let mut attrs = Some(Value::Object(std::mem::take(&mut self.attrs)));
            walk.json(f!("attrs"), &mut attrs);
            self.attrs = match attrs {
                Some(Value::Object(attrs)) => attrs,
                Some(other) => Map::from_iter([("value".to_owned(), other)]),
                None => Map::new(),
            };
        }
    }

    /// Takes the whole event apart, so that no field is forgotten here or in [`Self::visit_envelope`].
    fn visit_sections(&mut self, walk: &mut Walk<'_>) {
        let Self {
            schema_version: _,
            id: _,
            interaction_id: _,
            kind: _,
            timestamp: _,
            received_at: _,
            tenant: _,
            environment: _,
            service: _,
            agent: _,
            user: _,
            session: _,
            trace_id: _,
            span_id: _,
            parent_span_id: _,
            outcome: _,
            latency_ms: _,
            source: _,
            attrs: _,
            gen_ai,
            content,
            cost_usd: _,
            ttft_ms: _,
            refusal: _,
            refusal_source,
            scores: _,
            tool_names,
            guardrail_names,
            guardrail_action,
            tool,
            mcp,
            guardrail,
            retrieval,
            error,
            evaluation,
            target_id,
            alert,
            review,
            audit,
            sanitization: _,
            truncated: _,
        } = self;
        visit(gen_ai.as_deref_mut(), walk, visit_gen_ai);
        visit(content.as_mut(), walk, visit_content);
        walk.opt(f!("refusal_source"), refusal_source);
        walk.list(f!("tool_names"), tool_names);
        walk.list(f!("guardrail_names"), guardrail_names);
        walk.opt(f!("guardrail_action"), guardrail_action);
        visit(tool.as_deref_mut(), walk, visit_tool);
        visit(mcp.as_mut(), walk, visit_mcp);
        visit(guardrail.as_deref_mut(), walk, visit_guardrail);
        visit(retrieval.as_deref_mut(), walk, visit_retrieval);
        visit(error.as_deref_mut(), walk, visit_error);
        visit(evaluation.as_deref_mut(), walk, visit_evaluation);
        walk.opt(f!("target_id"), target_id);
        visit(alert.as_deref_mut(), walk, visit_alert);
        visit(review.as_deref_mut(), walk, visit_review);
        visit(audit.as_deref_mut(), walk, visit_audit);
    }
}

fn visit<T>(section: Option<&mut T>, walk: &mut Walk<'_>, each: fn(&mut T, &mut Walk<'_>)) {
    if let Some(section) = section {
        each(section, walk);
    }
}

fn visit_gen_ai(gen_ai: &mut GenAi, walk: &mut Walk<'_>) {
    let GenAi { operation, provider, request, response, usage: _ } = gen_ai;
    if let Some(Named { name }) = operation {
        walk.text(f!("gen_ai.operation.name"), name);
    }
    if let Some(Named { name }) = provider {
        walk.text(f!("gen_ai.provider.name"), name);
    }
    if let Some(Request { model, temperature: _, max_tokens: _ }) = request {
        walk.text(f!("gen_ai.request.model"), model);
    }
    if let Some(Response { model, id, finish_reasons }) = response {
        walk.opt(f!("gen_ai.response.model"), model);
        walk.opt(f!("gen_ai.response.id"), id);
        walk.list(f!("gen_ai.response.finish_reasons"), finish_reasons);
    }
}

fn visit_content(content: &mut Content, walk: &mut Walk<'_>) {
    let Content { system, prompt, response, messages } = content;
    walk.opt(f!("content.system"), system);
    walk.opt(f!("content.prompt"), prompt);
    walk.opt(f!("content.response"), response);
    walk.json(f!("content.messages"), messages);
}

fn visit_tool(tool: &mut Tool, walk: &mut Walk<'_>) {
    let Tool { name, call_id, kind, status, arguments, output, definition_hash } = tool;
    walk.text(f!("tool.name"), name);
    walk.opt(f!("tool.call_id"), call_id);
    walk.opt(f!("tool.type"), kind);
    open!(walk, f!("tool.status"), status);
    walk.json(f!("tool.arguments"), arguments);
    walk.opt(f!("tool.output"), output);
    walk.opt(f!("tool.definition_hash"), definition_hash);
}

fn visit_mcp(mcp: &mut Mcp, walk: &mut Walk<'_>) {
    let Mcp { server, method, session_id } = mcp;
    walk.opt(f!("mcp.server"), server);
    walk.opt(f!("mcp.method"), method);
    walk.opt(f!("mcp.session_id"), session_id);
}

fn visit_guardrail(guardrail: &mut Guardrail, walk: &mut Walk<'_>) {
    let Guardrail { name, version, stage, action, category, reason, score: _, policy_id, rule_id } = guardrail;
    walk.text(f!("guardrail.name"), name);
    walk.opt(f!("guardrail.version"), version);
    open!(walk, f!("guardrail.stage"), stage);
    open!(walk, f!("guardrail.action"), action);
    walk.opt(f!("guardrail.category"), category);
    walk.opt(f!("guardrail.reason"), reason);
    walk.opt(f!("guardrail.policy_id"), policy_id);
    walk.opt(f!("guardrail.rule_id"), rule_id);
}

fn visit_retrieval(retrieval: &mut Retrieval, walk: &mut Walk<'_>) {
    let Retrieval { data_source, query, top_k: _, uris, documents, text } = retrieval;
    walk.text(f!("retrieval.data_source"), data_source);
    walk.opt(f!("retrieval.query"), query);
    walk.list(f!("retrieval.uris"), uris);
    for Document { id, uri, title, score: _, sha256, snippet } in documents {
        for text in [id, uri, title, sha256, snippet] {
            walk.opt(f!("retrieval.documents"), text);
        }
    }
    walk.opt(f!("retrieval.text"), text);
}

fn visit_error(error: &mut ErrorDetail, walk: &mut Walk<'_>) {
    let ErrorDetail { kind, message, code, retryable: _, stack } = error;
    walk.text(f!("error.type"), kind);
    walk.opt(f!("error.message"), message);
    walk.opt(f!("error.code"), code);
    walk.opt(f!("error.stack"), stack);
}

fn visit_evaluation(evaluation: &mut Evaluation, walk: &mut Walk<'_>) {
    let Evaluation { name, score: _, label, explanation, annotator } = evaluation;
    walk.text(f!("evaluation.name"), name);
    walk.opt(f!("evaluation.label"), label);
    walk.opt(f!("evaluation.explanation"), explanation);
    walk.text(f!("evaluation.annotator"), annotator);
}

fn visit_alert(alert: &mut Alert, walk: &mut Walk<'_>) {
    let Alert {
        rule_id,
        title,
        severity,
        score: _,
        threshold: _,
        owasp,
        atlas,
        event_ids: _,
        dedup_key,
        status,
        explanation,
    } = alert;
    walk.text(f!("alert.rule_id"), rule_id);
    walk.opt(f!("alert.title"), title);
    open!(walk, f!("alert.severity"), severity);
    walk.list(f!("alert.owasp"), owasp);
    walk.list(f!("alert.atlas"), atlas);
    walk.text(f!("alert.dedup_key"), dedup_key);
    walk.text(f!("alert.status"), status);
    walk.opt(f!("alert.explanation"), explanation);
}

fn visit_review(review: &mut Review, walk: &mut Walk<'_>) {
    let Review { target_id, verdict, reviewer, comment } = review;
    walk.text(f!("review.target_id"), target_id);
    open!(walk, f!("review.verdict"), verdict);
    walk.text(f!("review.reviewer"), reviewer);
    walk.opt(f!("review.comment"), comment);
}

fn visit_audit(audit: &mut Audit, walk: &mut Walk<'_>) {
    let Audit { action, actor, query, count: _ } = audit;
    walk.text(f!("audit.action"), action);
    walk.text(f!("audit.actor"), actor);
    walk.opt(f!("audit.query"), query);
}
