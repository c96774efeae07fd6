//! A tool call while it runs: a guard that knows how long it took and how it ended.

use std::time::Instant;

use lapwing_event::{ErrorDetail, Event, Outcome, Tool, ToolStatus};
use serde_json::Value;

use crate::Emitter;

/// One running tool call; its event is emitted when it ends. Dropped without a word it counts as `error`: it
/// was given up, or the code unwound.
#[must_use = "a tool call that is dropped at once is recorded as an error"]
pub struct ToolCall {
    emitter: Emitter,
    /// Taken when it is emitted.
    event: Option<Event>,
    tool: Option<Tool>,
    began: Instant,
}

impl ToolCall {
    pub(crate) fn new(emitter: Emitter, event: Event, tool: Tool) -> Self {
        Self { emitter, event: Some(event), tool: Some(tool), began: Instant::now() }
    }

    /// A call of this tool; how it ended is filled in later.
    pub(crate) fn section(name: &str, arguments: Value) -> Tool {
        Tool {
            name: name.to_owned(),
            call_id: None,
            kind: None,
            status: ToolStatus::Ok,
            arguments: Some(arguments).filter(|arguments| !arguments.is_null()),
            output: None,
            definition_hash: None,
        }
    }

    /// The id that joins the model's request to this execution.
    pub fn call_id(mut self, id: &str) -> Self {
        if let Some(tool) = &mut self.tool {
            tool.call_id = Some(id.to_owned());
        }
        self
    }

    /// How long it took, in milliseconds, where that is known better than from this guard's life.
    pub fn latency_ms(mut self, latency_ms: f64) -> Self {
        if let Some(event) = &mut self.event {
            event.latency_ms = Some(latency_ms);
        }
        self
    }

    /// It ran, and this came back.
    pub fn ok(self, output: impl Into<String>) {
        self.end(ToolStatus::Ok, Some(output.into()), None);
    }

    /// It failed.
    pub fn error(self, message: impl Into<String>) {
        self.end(ToolStatus::Error, None, Some(message.into()));
    }

    /// It was not allowed to run.
    pub fn denied(self, reason: impl Into<String>) {
        self.end(ToolStatus::Denied, None, Some(reason.into()));
    }

    /// It did not end in time.
    pub fn timeout(self) {
        self.end(ToolStatus::Timeout, None, None);
    }

    /// It ended this way, with what came back and with what went wrong.
    pub fn end(mut self, status: ToolStatus, output: Option<String>, message: Option<String>) {
        self.finish(status, output, message);
    }

    fn finish(&mut self, status: ToolStatus, output: Option<String>, message: Option<String>) {
        let (Some(mut event), Some(mut tool)) = (self.event.take(), self.tool.take()) else { return };
        event.latency_ms.get_or_insert_with(|| self.began.elapsed().as_secs_f64() * 1e3);
        event.outcome = match status {
            ToolStatus::Ok => Outcome::Ok,
            ToolStatus::Denied => Outcome::Blocked,
            _ => Outcome::Error,
        };
        event.error = message.map(|message| {
            let kind = format!("tool_{status}");
            Box::new(ErrorDetail { kind, message: Some(message), code: None, retryable: None, stack: None })
        });
        (tool.status, tool.output) = (status, output);
        event.tool = Some(Box::new(tool));
        self.emitter.emit(event);
    }
}

impl Drop for ToolCall {
    fn drop(&mut self) {
        self.finish(ToolStatus::Error, None, None);
    }
}
