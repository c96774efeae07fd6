//! An interaction as Python sees it.

use std::mem::forget;
use std::sync::{Mutex, MutexGuard};

use lapwing_event::{Guardrail, Retrieval};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::emitter::Emitter;
use crate::fields;
use crate::process::Owned;
use crate::value::to_object;

/// One interaction; its event is emitted when it ends. The lock is never held while Python code runs.
#[pyclass(frozen, module = "lapwing._native")]
pub(crate) struct Interaction {
    state: Mutex<State>,
}

struct State {
    inner: Owned<lapwing_emitter::Interaction>,
    /// The id it had when it ended.
    ended_as: Option<String>,
}

#[pymethods]
impl Interaction {
    #[new]
    #[pyo3(signature = (emitter, outer=None))]
    fn new(emitter: &Emitter, outer: Option<&Self>) -> PyResult<Self> {
        let inner = emitter.inner()?.interaction();
        let inner = match outer {
            Some(outer) => outer.with(|outer| inner.within(outer))?,
            None => inner,
        };
        Ok(Self { state: Mutex::new(State { inner: Owned::new(inner), ended_as: None }) })
    }

    /// Fields of the model call's event, by their short names; what is not known or does not fit is kept under
    /// `attrs`.
    fn set(&self, values: &Bound<'_, PyDict>) -> PyResult<()> {
        let values = to_object(values)?;
        self.with(|inner| {
            inner.edit(|event| values.into_iter().for_each(|(name, value)| fields::set(event, &name, value)))
        })
    }

    /// A guardrail's decision, by the fields of the schema.
    fn guardrail(&self, decision: &Bound<'_, PyDict>) -> PyResult<()> {
        let decision: Guardrail = section(decision)?;
        self.with(|inner| inner.decision(decision))
    }

    /// A retrieval, by the fields of the schema.
    fn retrieval(&self, retrieval: &Bound<'_, PyDict>) -> PyResult<()> {
        let retrieval: Retrieval = section(retrieval)?;
        self.with(|inner| inner.retrieved(retrieval))
    }

    /// A failure; the outcome becomes `error`.
    fn error(&self, kind: &str, message: &str) -> PyResult<()> {
        self.with(|inner| inner.error(kind, message))
    }

    /// The id that all its events have.
    fn id(&self) -> PyResult<String> {
        let ended_as = self.lock().ended_as.clone();
        match ended_as {
            Some(id) => Ok(id),
            None => self.with(|inner| inner.interaction_id().to_string()),
        }
    }

    /// Emits its event; the second time, nothing.
    fn end(&self) {
        let inner = self.lock().end();
        if let Some(inner) = inner {
            inner.end();
        }
    }

    /// In a forked child: what follows goes through the child's emitter.
    fn hand_over(&self, emitter: &Emitter) -> PyResult<()> {
        let emitter = emitter.inner()?;
        let mut state = self.lock();
        if let Some(mut inner) = state.inner.take_inherited() {
            inner.hand_over(emitter);
            state.inner = Owned::new(inner);
        }
        Ok(())
    }

    /// Ends it without an event, which another process emits.
    fn forget(&self) {
        forget(self.lock().end());
    }
}

impl Interaction {
    /// Works with the interaction while it is under way.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&lapwing_emitter::Interaction) -> T) -> PyResult<T> {
        self.lock().inner.get().map(work).ok_or_else(|| PyRuntimeError::new_err("interaction has ended"))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl State {
    fn end(&mut self) -> Option<lapwing_emitter::Interaction> {
        let inner = self.inner.take()?;
        self.ended_as = Some(inner.interaction_id().to_string());
        Some(inner)
    }
}

fn section<T: DeserializeOwned>(fields: &Bound<'_, PyDict>) -> PyResult<T> {
    let fields = to_object(fields)?.into_iter().filter(|(_, value)| !value.is_null()).collect();
    serde_json::from_value(Value::Object(fields)).map_err(|error| PyValueError::new_err(error.to_string()))
}
