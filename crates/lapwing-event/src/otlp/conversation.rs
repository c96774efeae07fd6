//! What was said in a model call: found in the attributes and events of any convention, written into `content`.

use serde_json::{Value, json};

use super::attributes::Attributes;
use super::message::{Message, messages};
use crate::{Content, Event, Outcome};

/// The turns of one model call.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    system: Vec<Message>,
    input: Vec<Message>,
    output: Vec<Message>,
}

/// What went in as a whole: the fallback where no messages are told apart.
pub(super) const INPUT: [&str; 4] = ["input.value", "traceloop.entity.input", "gen_ai.task.input", "gen_ai.prompt"];
/// What came out as a whole.
pub(super) const OUTPUT: [&str; 4] =
    ["output.value", "traceloop.entity.output", "gen_ai.task.output", "gen_ai.completion"];

/// The keys of a message that stands in the attributes of a span event.
const MESSAGE: [&str; 7] = ["role", "content", "message", "tool_calls", "tool_call_id", "id", "finish_reason"];

impl Conversation {
    /// Takes the turns out of the attributes: those of the current convention, else of older ones, else OpenInference's,
    /// else the whole input and output.
    pub fn take(attributes: &mut Attributes) -> Self {
        let whole = |value: Option<Value>, role| value.map(|value| messages(value, role)).unwrap_or_default();
        let system = whole(attributes.value(&["gen_ai.system_instructions"]), "system");
        let mut input = whole(attributes.value(&["gen_ai.input.messages"]), "user");
        let mut output = whole(attributes.value(&["gen_ai.output.messages"]), "assistant");
        for (prefix, read) in [
            ("gen_ai.prompt.", flat_message as fn(&mut Attributes, &str) -> Message),
            ("llm.prompts.", flat_message),
            ("llm.input_messages.", openinference_message),
        ] {
            take_flat(attributes, prefix, read, "user", &mut input);
        }
        for (prefix, read) in [
            ("gen_ai.completion.", flat_message as fn(&mut Attributes, &str) -> Message),
            ("llm.completions.", flat_message),
            ("llm.output_messages.", openinference_message),
        ] {
            take_flat(attributes, prefix, read, "assistant", &mut output);
        }
        let (whole_input, whole_output) = (attributes.value(&INPUT), attributes.value(&OUTPUT));
        attributes.forget(&["input.mime_type", "output.mime_type"]);
        if !says_something(&input) {
            input = whole(whole_input, "user");
        }
        if !says_something(&output) {
            output = whole(whole_output, "assistant");
        }
        Self { system, input, output }
    }

    /// Takes in what a span event or a log record says, if it is one of a conversation.
    pub fn absorb(&mut self, name: &str, attributes: &mut Attributes, body: Option<Value>) -> bool {
        let said = |attributes: &mut Attributes, role| {
            let body = body.or_else(|| attributes.value(&["gen_ai.event.content"]));
            messages(body.unwrap_or_else(|| attributes.object(&MESSAGE)), role)
        };
        match name {
            "gen_ai.client.inference.operation.details" | "gen_ai.content.prompt" | "gen_ai.content.completion" => {
                let said = Self::take(attributes);
                self.fill_gaps(said);
            }
            "gen_ai.choice" => self.output.extend(said(attributes, "assistant")),
            _ => match name.strip_prefix("gen_ai.").and_then(|rest| rest.strip_suffix(".message")) {
                Some(role) => self.input.extend(said(attributes, role)),
                None => return false,
            },
        }
        true
    }

    fn fill_gaps(&mut self, other: Self) {
        for (mine, theirs) in
            [(&mut self.system, other.system), (&mut self.input, other.input), (&mut self.output, other.output)]
        {
            if !says_something(mine) {
                *mine = theirs;
            }
        }
    }

    /// Of turns that were logged as one list, the last one is the answer if the assistant has it.
    pub fn split_answer(&mut self) {
        let answered = self.input.last().is_some_and(|last| last.role == "assistant");
        if answered && !says_something(&self.output) {
            self.output.extend(self.input.pop());
        }
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.system.is_empty() && self.input.is_empty() && self.output.is_empty()
    }

    /// Why the answers ended, as they say it themselves.
    pub fn finish_reasons(&self) -> Vec<String> {
        self.output.iter().filter_map(|message| message.finish_reason.clone()).collect()
    }

    /// Writes the turns into the event. The whole history is kept where it says more than system prompt, prompt and
    /// response do.
    pub fn fill(self, event: &mut Event) {
        let is_system = |message: &&Message| message.role == "system";
        let system = joined(self.system.iter().chain(self.input.iter().filter(is_system)));
        let mut turns = self.input.iter().rev().filter(|message| message.role == "user");
        let prompt = turns.find_map(Message::text).or_else(|| {
            let last = self.input.last().filter(|message| message.role != "system");
            last.and_then(Message::text)
        });
        // An agent's output may be its whole history.
        let is_answer = |message: &&Message| message.role == "assistant";
        let response = joined(self.output.iter().filter(is_answer)).or_else(|| joined(self.output.iter()));
        for name in self.output.iter().flat_map(Message::tool_names) {
            if !event.tool_names.iter().any(|known| known == name) {
                event.tool_names.push(name.to_owned());
            }
        }
        if self.output.iter().any(Message::is_refusal) {
            refuse(event);
        }
        let turns = self.input.iter().filter(|message| message.role != "system").count();
        let mut all = self.input.iter().chain(&self.output);
        let more = turns > 1 || self.output.len() > 1 || all.any(Message::is_more_than_text);
        let messages = more.then(|| {
            let all = self.system.into_iter().chain(self.input).chain(self.output);
            Value::Array(all.map(Message::into_value).collect())
        });
        if system.is_some() || prompt.is_some() || response.is_some() || messages.is_some() {
            event.content = Some(Content { system, prompt, response, messages });
        }
    }
}

/// The model declined, by the provider's word.
pub(super) fn refuse(event: &mut Event) {
    event.refusal = Some(true);
    event.refusal_source = Some("provider".to_owned());
    if event.outcome == Outcome::Ok {
        event.outcome = Outcome::Refused;
    }
}

fn joined<'a>(messages: impl Iterator<Item = &'a Message>) -> Option<String> {
    let texts: Vec<String> = messages.filter_map(Message::text).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

fn says_something(messages: &[Message]) -> bool {
    messages.iter().any(|message| !message.parts.is_empty())
}

fn take_flat(
    attributes: &mut Attributes,
    prefix: &str,
    read: fn(&mut Attributes, &str) -> Message,
    role: &str,
    into: &mut Vec<Message>,
) {
    let turns: Vec<Message> =
        attributes.indexed(prefix).into_iter().map(|mut message| read(&mut message, role)).collect();
    if !says_something(into) && says_something(&turns) {
        *into = turns;
    }
}

/// `gen_ai.prompt.0.content` and its like.
fn flat_message(message: &mut Attributes, role: &str) -> Message {
    let calls = message.indexed("tool_calls.").into_iter().map(|mut call| {
        json!({"id": call.text(&["id"]), "name": call.text(&["name", "function.name"]),
            "arguments": call.value(&["arguments", "function.arguments"])})
    });
    let calls: Vec<Value> = calls.collect();
    let call = message
        .text(&["function_call.name"])
        .map(|name| json!({"name": name, "arguments": message.value(&["function_call.arguments"])}));
    one(
        json!({"role": message.text(&["role"]), "content": message.text(&["content"]),
            "refusal": message.text(&["refusal"]), "finish_reason": message.text(&["finish_reason"]),
            "tool_call_id": message.text(&["tool_call_id"]), "tool_calls": calls, "function_call": call}),
        role,
    )
}

/// `llm.input_messages.0.message.content` and its like.
fn openinference_message(message: &mut Attributes, role: &str) -> Message {
    let calls = message.indexed("message.tool_calls.").into_iter().map(|mut call| {
        json!({"id": call.text(&["tool_call.id"]), "name": call.text(&["tool_call.function.name"]),
            "arguments": call.value(&["tool_call.function.arguments"])})
    });
    let calls: Vec<Value> = calls.collect();
    let contents = message.indexed("message.contents.").into_iter().map(|mut part| {
        let text = part.text(&["message_content.text"]);
        let kind = part.text(&["message_content.type"]).unwrap_or_else(|| "text".to_owned());
        let url = part.text(&["message_content.image.image.url", "message_content.audio.audio.url"]);
        match kind.as_str() {
            "text" => json!({"type": "text", "content": text}),
            _ => json!({"type": "uri", "modality": kind, "uri": url}),
        }
    });
    let contents: Vec<Value> = contents.collect();
    let content = match contents.is_empty() {
        true => message.text(&["message.content"]).map(Value::String),
        false => Some(Value::Array(contents)),
    };
    let call = message
        .text(&["message.function_call_name"])
        .map(|name| json!({"name": name, "arguments": message.value(&["message.function_call_arguments_json"])}));
    one(
        json!({"role": message.text(&["message.role"]), "content": content, "tool_calls": calls,
            "tool_call_id": message.text(&["message.tool_call_id"]), "function_call": call}),
        role,
    )
}

fn one(message: Value, role: &str) -> Message {
    messages(message, role).pop().unwrap_or_default()
}
