//! A tool call while it runs: a guard that knows how long it took and how it ended.

use std::time::Instant;

use lapwing_event::{ErrorDetail, Event, Outcome, Tool, ToolStatus};

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

    /// The id that joins the model's request to this execution.
    pub fn call_id(mut self, id: &str) -> Self {
        if let Some(tool) = &mut self.tool {
            tool.call_id = Some(id.to_owned());
        }
        self
    }

    /// It ran, and this came back.
    pub fn ok(mut self, output: impl Into<String>) {
        self.finish(ToolStatus::Ok, Some(output.into()), None);
    }

    /// It failed.
    pub fn error(mut self, message: impl Into<String>) {
        self.finish(ToolStatus::Error, None, Some(message.into()));
    }

    /// It was not allowed to run.
    pub fn denied(mut self, reason: impl Into<String>) {
        self.finish(ToolStatus::Denied, None, Some(reason.into()));
    }

    /// It did not end in time.
    pub fn timeout(mut self) {
        self.finish(ToolStatus::Timeout, None, None);
    }

    fn finish(&mut self, status: ToolStatus, output: Option<String>, message: Option<String>) {
        let (Some(mut event), Some(mut tool)) = (self.event.take(), self.tool.take()) else { return };
        event.latency_ms = Some(self.began.elapsed().as_secs_f64() * 1e3);
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
