//! What an agent does: the order of its calls, the origins of their arguments, and whether a session holds
//! together.
//!
//! The models know nothing of events: they take a prompt, calls and their outputs, and give scores. The
//! detector feeds them from the clean topic, an evaluation from files; both through [`Trace`] and [`AgentModel`].

mod bloom;
mod calibration;
mod call;
mod consistency;
mod features;
mod habits;
mod lexicon;
mod model;
mod nearest;
mod order;
mod origin;
mod sequence;
#[cfg(test)]
mod tests;
mod text;
mod trace;

pub use call::Call;
pub(crate) use call::ToolName;
pub use features::{BIAS, INPUTS};
pub(crate) use lexicon::Acts;
pub use model::{AgentModel, Assessment, Channel, ModelConfig};
pub(crate) use nearest::nearest;
pub use origin::Origin;
pub use sequence::Surprise;
pub(crate) use text::{Term, group, term_of};
pub use trace::{CallDigest, Digest, Reading, Trace, TraceLimits};
