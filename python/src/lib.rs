//! `lapwing._native`: the emitter, for Python.
//!
//! It owns what has to be fast or has to happen without the interpreter: making JSON of Python's values, the queue
//! and the thread behind it, and the drafts of interactions and tool calls. The Python package around it owns
//! settings, contexts, forks and the promise that nothing is raised into the application; here, errors are raised.

mod emitter;
mod fields;
mod interaction;
mod process;
mod tool_call;
mod value;

/// The native module.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::emitter::Emitter;
    #[pymodule_export]
    use crate::interaction::Interaction;
    #[pymodule_export]
    use crate::tool_call::ToolCall;
}
