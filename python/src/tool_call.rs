//! A running tool call as Python sees it.

use std::sync::Mutex;

use lapwing_event::ToolStatus;
use pyo3::prelude::*;

use crate::emitter::Emitter;
use crate::interaction::Interaction;
use crate::process::Owned;
use crate::value::{to_json, to_text};

/// One running tool call; its event is emitted when it ends.
#[pyclass(frozen, module = "lapwing._native")]
pub(crate) struct ToolCall {
    inner: Mutex<Owned<lapwing_emitter::ToolCall>>,
}

#[pymethods]
impl ToolCall {
    #[new]
    #[pyo3(signature = (emitter, interaction, name, arguments, call_id=None))]
    fn new(
        emitter: &Emitter,
        interaction: Option<&Interaction>,
        name: &str,
        arguments: &Bound<'_, PyAny>,
        call_id: Option<&str>,
    ) -> PyResult<Self> {
        let arguments = to_json(arguments)?;
        let call = match interaction {
            Some(interaction) => interaction.with(|inner| inner.tool(name, arguments))?,
            None => emitter.inner()?.tool(name, arguments),
        };
        let call = call_id.into_iter().fold(call, |call, id| call.call_id(id));
        Ok(Self { inner: Mutex::new(Owned::new(call)) })
    }

    /// Emits its event; the second time, nothing.
    #[pyo3(signature = (status, output, message=None, latency_ms=None))]
    fn end(
        &self,
        status: &str,
        output: &Bound<'_, PyAny>,
        message: Option<String>,
        latency_ms: Option<f64>,
    ) -> PyResult<()> {
        let output = to_text(output)?;
        let call = self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(call) = call {
            let call = latency_ms.filter(|ms| *ms >= 0.0).into_iter().fold(call, |call, ms| call.latency_ms(ms));
            call.end(ToolStatus::from(status), output, message);
        }
        Ok(())
    }
}
