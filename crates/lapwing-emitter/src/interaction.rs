//! An interaction with a model while it happens: a guard that joins what belongs together.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use lapwing_event::{
    Agent, Content, Document, ErrorDetail, Event, GenAi, Guardrail, GuardrailAction, GuardrailStage, InteractionId,
    Kind, Named, Outcome, Response, Retrieval, Scores, Session, Tool, User,
};
use serde_json::Value;

use crate::{Emitter, ToolCall};

/// One interaction. What happens within it (tool calls, guardrail decisions, retrievals, errors) is emitted at
/// once; the model call's own event follows when the guard is dropped, with latency and rollups. If the code
/// unwound, its outcome is `error`; also if it had a prompt and nobody said how it ended, as when `?` returned early
/// or the task was cancelled. Where answers are not recorded, say [`end`](Self::end).
///
/// The methods that report take `&self`, so that concurrent tool calls can share the guard.
#[must_use = "the interaction ends when it is dropped"]
pub struct Interaction {
    emitter: Emitter,
    draft: Mutex<Draft>,
    began: Instant,
    /// It may have begun in code that runs while a panic unwinds; only a panic of its own counts.
    unwinding: bool,
}

struct Draft {
    event: Event,
    failed: bool,
    ended: bool,
}

impl Interaction {
    pub(crate) fn new(emitter: Emitter) -> Self {
        let mut event = emitter.event(Kind::Llm);
        event.gen_ai = Some(Box::new(GenAi::chat("unknown")));
        let draft = Draft { event, failed: false, ended: false };
        Self { emitter, draft: Mutex::new(draft), began: Instant::now(), unwinding: std::thread::panicking() }
    }

    /// The model that is asked.
    pub fn model(self, name: &str) -> Self {
        self.with(|draft| draft.gen_ai().request.get_or_insert_default().model = name.to_owned())
    }

    /// Who serves the model, such as `openai`.
    pub fn provider(self, name: &str) -> Self {
        self.with(|draft| draft.gen_ai().provider = Some(Named { name: name.to_owned() }))
    }

    /// The person or account on whose behalf it happens.
    pub fn user(self, id: &str) -> Self {
        self.with(|draft| draft.event.user = Some(User { id: id.to_owned() }))
    }

    /// The conversation.
    pub fn session(self, id: &str) -> Self {
        self.with(|draft| draft.event.session = Some(Session { id: id.to_owned() }))
    }

    /// The agent.
    pub fn agent(self, id: &str) -> Self {
        self.with(|draft| draft.event.agent = Some(Agent { id: Some(id.to_owned()), ..Agent::default() }))
    }

    /// The application's own name for the interaction: a UUID, or any text.
    pub fn id(self, id: &str) -> Self {
        self.with(|draft| draft.event.interaction_id = InteractionId::from_text(&draft.event.tenant.id, id))
    }

    /// The system prompt.
    pub fn system(self, text: &str) -> Self {
        self.with(|draft| draft.content().system = Some(text.to_owned()))
    }

    /// The last user turn.
    pub fn prompt(self, text: &str) -> Self {
        self.with(|draft| draft.content().prompt = Some(text.to_owned()))
    }

    /// A field that the schema does not know; it goes under `attrs`.
    pub fn attr(self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        self.with(|draft| drop(draft.event.attrs.insert(key.to_owned(), value)))
    }

    /// Belongs to another interaction that is under way: has its id, and its user, session, agent and trace unless
    /// they are set.
    pub fn within(self, outer: &Self) -> Self {
        let part = outer.part(Kind::Llm);
        self.with(|draft| {
            let event = &mut draft.event;
            event.interaction_id = part.interaction_id;
            event.user = event.user.take().or(part.user);
            event.session = event.session.take().or(part.session);
            event.agent = event.agent.take().or(part.agent);
            event.trace_id = event.trace_id.take().or(part.trace_id);
            event.parent_span_id = event.parent_span_id.take().or(part.parent_span_id);
        })
    }

    /// Changes the model call's event itself, for whatever has no method here. Do not call the interaction's other
    /// methods within.
    pub fn edit(&self, change: impl FnOnce(&mut Event)) {
        change(&mut self.draft().event);
    }

    /// What follows goes through another emitter, such as that of a forked child. The former one is left as it is:
    /// in a forked child its thread is not there, and waiting for it would be in vain.
    pub fn hand_over(&mut self, emitter: &Emitter) {
        std::mem::forget(std::mem::replace(&mut self.emitter, emitter.clone()));
    }

    /// Its id, which all its events have.
    pub fn interaction_id(&self) -> InteractionId {
        self.draft().event.interaction_id
    }

    /// A tool that ran, with what it was given and what came back.
    pub fn tool_call(&self, name: &str, arguments: impl Into<Value>, output: impl Into<String>) {
        let (mut event, tool) = self.begin_tool(name, arguments.into());
        event.tool = Some(Box::new(Tool { output: Some(output.into()), ..tool }));
        self.emitter.emit(event);
    }

    /// A tool that begins to run; say how it ended on what is returned.
    pub fn tool(&self, name: &str, arguments: impl Into<Value>) -> ToolCall {
        let (event, tool) = self.begin_tool(name, arguments.into());
        ToolCall::new(self.emitter.clone(), event, tool)
    }

    /// A guardrail's decision, with its reason.
    pub fn guardrail(&self, name: &str, stage: GuardrailStage, action: GuardrailAction, reason: Option<&str>) {
        self.decision(Guardrail {
            name: name.to_owned(),
            version: None,
            stage,
            action,
            category: None,
            reason: reason.map(str::to_owned),
            score: None,
            policy_id: None,
            rule_id: None,
        });
    }

    /// A guardrail's decision, with all that the schema has room for.
    pub fn decision(&self, guardrail: Guardrail) {
        let mut event = self.part(Kind::Guardrail);
        event.outcome = outcome_of(&guardrail.action);
        {
            let mut draft = self.draft();
            draft.event.guardrail_names.push(guardrail.name.clone());
            let strictest = draft.event.guardrail_action.as_deref().map(GuardrailAction::from);
            if strictest.is_none_or(|strictest| strictness(&guardrail.action) > strictness(&strictest)) {
                draft.event.guardrail_action = Some(guardrail.action.to_string());
            }
        }
        event.guardrail = Some(Box::new(guardrail));
        self.emitter.emit(event);
    }

    /// What was looked up in a knowledge base, and what was found.
    pub fn retrieval(&self, data_source: &str, query: &str, documents: Vec<Document>) {
        self.retrieved(Retrieval {
            data_source: data_source.to_owned(),
            query: Some(query.to_owned()),
            documents,
            ..Retrieval::default()
        });
    }

    /// A retrieval, with all that the schema has room for.
    pub fn retrieved(&self, retrieval: Retrieval) {
        let mut event = self.part(Kind::Retrieval);
        event.retrieval = Some(Box::new(retrieval));
        self.emitter.emit(event);
    }

    /// A failure; the interaction's outcome becomes `error`.
    pub fn error(&self, kind: &str, message: &str) {
        let detail = ErrorDetail {
            kind: kind.to_owned(),
            message: Some(message.to_owned()),
            code: None,
            retryable: None,
            stack: None,
        };
        let mut event = self.part(Kind::Error);
        event.outcome = Outcome::Error;
        event.error = Some(Box::new(detail));
        self.draft().failed = true;
        self.emitter.emit(event);
    }

    /// The model's answer.
    pub fn respond(&self, text: &str) {
        self.draft().content().response = Some(text.to_owned());
    }

    /// The tokens read and written.
    pub fn usage(&self, input_tokens: u64, output_tokens: u64) {
        let mut draft = self.draft();
        let usage = draft.gen_ai().usage.get_or_insert_default();
        (usage.input_tokens, usage.output_tokens) = (Some(input_tokens), Some(output_tokens));
    }

    /// Why the model stopped, such as `stop` or `content_filter`.
    pub fn finish_reason(&self, reason: &str) {
        let mut draft = self.draft();
        let response: &mut Response = draft.gen_ai().response.get_or_insert_default();
        response.finish_reasons.push(reason.to_owned());
    }

    /// The score of a toxicity classifier, 0 to 1.
    pub fn toxicity(&self, score: f64) {
        self.draft().event.scores.get_or_insert_with(Scores::default).toxicity = Some(score);
    }

    /// It came to its end, whether or not its answer was recorded.
    pub fn end(self) {
        self.draft().ended = true;
    }

    /// The model declined to answer.
    pub fn refused(&self) {
        let mut draft = self.draft();
        draft.event.refusal = Some(true);
        draft.event.refusal_source = Some("provider".to_owned());
    }

    fn begin_tool(&self, name: &str, arguments: Value) -> (Event, Tool) {
        let event = self.part(Kind::Tool);
        self.draft().event.tool_names.push(name.to_owned());
        (event, ToolCall::section(name, arguments))
    }

    /// An event that belongs to the interaction.
    fn part(&self, kind: Kind) -> Event {
        let mut event = self.emitter.event(kind);
        let draft = self.draft();
        event.interaction_id = draft.event.interaction_id;
        event.user.clone_from(&draft.event.user);
        event.session.clone_from(&draft.event.session);
        event.agent.clone_from(&draft.event.agent);
        event.trace_id.clone_from(&draft.event.trace_id);
        event.parent_span_id.clone_from(&draft.event.span_id);
        event
    }

    fn with(mut self, set: impl FnOnce(&mut Draft)) -> Self {
        set(self.draft.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner()));
        self
    }

    fn draft(&self) -> MutexGuard<'_, Draft> {
        self.draft.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Draft {
    fn content(&mut self) -> &mut Content {
        self.event.content.get_or_insert_default()
    }

    fn gen_ai(&mut self) -> &mut GenAi {
        self.event.gen_ai.get_or_insert_default()
    }

    fn outcome(&self, unwound: bool) -> Outcome {
        let guarded = self.event.guardrail_action.as_deref().map(|action| outcome_of(&action.into()));
        match guarded {
            _ if unwound || self.failed => Outcome::Error,
            _ if self.event.outcome != Outcome::Ok => self.event.outcome.clone(),
            Some(outcome) if outcome != Outcome::Ok => outcome,
            _ if self.event.refusal == Some(true) => Outcome::Refused,
            None if self.is_unanswered() => Outcome::Error,
            _ => Outcome::Ok,
        }
    }

    /// Whether it had a prompt and nothing says that a model answered.
    fn is_unanswered(&self) -> bool {
        let Event { content, gen_ai, tool_names, .. } = &self.event;
        let asked = content.as_ref().is_some_and(|content| content.prompt.is_some() && content.response.is_none());
        let told = gen_ai.as_ref().is_some_and(|gen_ai| gen_ai.response.is_some() || gen_ai.usage.is_some());
        asked && !told && !self.ended && tool_names.is_empty()
    }
}

impl Drop for Interaction {
    fn drop(&mut self) {
        let unwound = std::thread::panicking() && !self.unwinding;
        let latency_ms = self.began.elapsed().as_secs_f64() * 1e3;
        let draft = self.draft.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        draft.event.outcome = draft.outcome(unwound);
        draft.event.latency_ms = Some(latency_ms);
        let content = draft.event.content.take();
        let mut event = draft.event.clone();
        event.content = content;
        self.emitter.emit(event);
    }
}

fn outcome_of(action: &GuardrailAction) -> Outcome {
    match action {
        GuardrailAction::Blocked => Outcome::Blocked,
        GuardrailAction::Moderated => Outcome::Moderated,
        _ => Outcome::Ok,
    }
}

fn strictness(action: &GuardrailAction) -> u8 {
    match action {
        GuardrailAction::Blocked => 3,
        GuardrailAction::Moderated => 2,
        GuardrailAction::Flagged => 1,
        _ => 0,
    }
}
