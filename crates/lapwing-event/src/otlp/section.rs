//! The section of an event's kind, from attributes: of a span, or of JSON that was brought to the same names.

use super::attributes::Attributes;
use super::conversation::Conversation;
use super::kind::Subject;
use super::{llm, other, tool};
use crate::Event;

/// Fills the section. `name` is the name where the attributes have none, `target` what an evaluation is about.
pub(crate) fn fill(
    event: &mut Event,
    attributes: &mut Attributes,
    subject: Subject,
    conversation: Conversation,
    (name, target): (&str, String),
) {
    match subject {
        Subject::Llm(operation) => llm::fill(event, attributes, conversation, operation),
        Subject::Tool => tool::fill(event, attributes, name),
        Subject::Retrieval => other::retrieval(event, attributes, name),
        Subject::Guardrail => other::guardrail(event, attributes, name),
        Subject::Evaluation => other::evaluation(event, attributes, name, target),
    }
}
