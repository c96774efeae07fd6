//! From Python's values to JSON's. Whatever a value is, something can be said of it; only size is a reason to fail.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde_json::{Map, Number, Value};

/// Deeper values are named and not read; the front door reads 64 levels of an event.
const MAX_DEPTH: usize = 24;
/// The text of one value in all; an event has at most 900 KiB.
const MAX_BYTES: usize = 2 << 20;
/// So many values in one; each costs memory however short it is.
const MAX_VALUES: usize = 50_000;

/// The value is larger than any event may be.
pub(crate) struct TooLarge;

impl From<TooLarge> for PyErr {
    fn from(_: TooLarge) -> Self {
        pyo3::exceptions::PyValueError::new_err("value is larger than an event may be")
    }
}

/// Any value as JSON.
pub(crate) fn to_json(value: &Bound<'_, PyAny>) -> Result<Value, TooLarge> {
    Reader { bytes: MAX_BYTES, values: MAX_VALUES }.read(value, 0)
}

/// A dictionary as a JSON object.
pub(crate) fn to_object(fields: &Bound<'_, PyDict>) -> Result<Map<String, Value>, TooLarge> {
    Reader { bytes: MAX_BYTES, values: MAX_VALUES }.object(fields, 0)
}

/// Any value as text: a string as it is, nothing as nothing, anything else as compact JSON.
pub(crate) fn to_text(value: &Bound<'_, PyAny>) -> Result<Option<String>, TooLarge> {
    Ok(text_of(to_json(value)?))
}

/// A JSON value as text.
pub(crate) fn text_of(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// What may still be read.
struct Reader {
    bytes: usize,
    values: usize,
}

impl Reader {
    fn read(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Result<Value, TooLarge> {
        self.values = self.values.checked_sub(1).ok_or(TooLarge)?;
        if let Ok(text) = value.cast::<PyString>() {
            return self.text(text).map(Value::String);
        }
        if value.is_none() {
            return Ok(Value::Null);
        }
        if depth >= MAX_DEPTH {
            return Ok(Value::String(format!("<{} nested too deep>", type_name(value))));
        }
        if let Ok(fields) = value.cast::<PyDict>() {
            return self.object(fields, depth).map(Value::Object);
        }
        if let Ok(items) = value.cast::<PyList>() {
            return items.iter().map(|item| self.read(&item, depth + 1)).collect();
        }
        if let Ok(items) = value.cast::<PyTuple>() {
            return items.iter().map(|item| self.read(&item, depth + 1)).collect();
        }
        if let Ok(flag) = value.cast::<PyBool>() {
            return Ok(Value::Bool(flag.is_true()));
        }
        if value.is_exact_instance_of::<PyInt>() {
            let small = value.extract::<i64>().map(Number::from).or_else(|_| value.extract::<u64>().map(Number::from));
            return small.map(Value::Number).or_else(|_| self.other(value, depth));
        }
        if value.is_exact_instance_of::<PyFloat>() {
            let number = value.extract::<f64>().ok().and_then(Number::from_f64);
            // JSON has no word for infinity and for what is no number.
            return Ok(number.map_or(Value::Null, Value::Number));
        }
        if let Ok(bytes) = value.cast::<PyBytes>() {
            self.bytes = self.bytes.checked_sub(bytes.as_bytes().len()).ok_or(TooLarge)?;
            return Ok(Value::String(clean(String::from_utf8_lossy(bytes.as_bytes()).into_owned())));
        }
        self.other(value, depth)
    }

    fn object(&mut self, fields: &Bound<'_, PyDict>, depth: usize) -> Result<Map<String, Value>, TooLarge> {
        let mut object = Map::new();
        // Of a copy, since reading a value may run Python code that changes the dictionary.
        let Ok(fields) = fields.copy() else { return Ok(object) };
        for (key, value) in &fields {
            let key = match key.cast::<PyString>() {
                Ok(text) => self.text(text)?,
                Err(_) => self.described(&key)?,
            };
            object.insert(key, self.read(&value, depth + 1)?);
        }
        Ok(object)
    }

    fn text(&mut self, text: &Bound<'_, PyString>) -> Result<String, TooLarge> {
        // Half of a surrogate pair has no UTF-8; it becomes a replacement character.
        let text = text.to_str().map_or_else(|_| text.to_string_lossy().into_owned(), str::to_owned);
        self.bytes = self.bytes.checked_sub(text.len()).ok_or(TooLarge)?;
        Ok(clean(text))
    }

    /// A value of any other type: the Python package says in simpler terms what it is.
    fn other(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Result<Value, TooLarge> {
        static PLAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let plain = PLAIN.import(value.py(), "lapwing._values", "plain");
        match plain.and_then(|plain| plain.call1((value,))) {
            Ok(plain) if !plain.is(value) => self.read(&plain, depth + 1),
            _ => self.described(value).map(Value::String),
        }
    }

    /// The value in its own words, or at least its type.
    fn described(&mut self, value: &Bound<'_, PyAny>) -> Result<String, TooLarge> {
        match value.str() {
            Ok(text) => self.text(&text),
            Err(_) => Ok(format!("<{}>", type_name(value))),
        }
    }
}

/// NUL is refused by the front door, and the rest of the text is worth more than it.
fn clean(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "value".to_owned(), |name| name.to_string_lossy().into_owned())
}
