//! Attributes by key. What a mapper takes out is known; what stays goes under `attrs`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::sections::parse_json_text;

/// The attributes of a span, a span event or a log record.
#[derive(Debug, Default)]
pub(crate) struct Attributes(Map<String, Value>);

impl From<Map<String, Value>> for Attributes {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

impl Attributes {
    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The text under this key, left where it is.
    pub fn peek(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    /// The first of these keys that holds text which is not empty; numbers and JSON are written out. The other keys
    /// are names of the same thing in other conventions and are taken out too.
    pub fn text(&mut self, keys: &[&str]) -> Option<String> {
        self.first(keys, |value| match value {
            Value::String(text) if text.is_empty() => Err(Value::String(text)),
            Value::String(text) => Ok(text),
            Value::Null => Err(Value::Null),
            other => Ok(other.to_string()),
        })
    }

    /// As [`Self::text`], for a number that is finite.
    pub fn number(&mut self, keys: &[&str]) -> Option<f64> {
        self.first(keys, |value| match &value {
            Value::Number(number) => number.as_f64().ok_or(value),
            Value::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()).ok_or(value),
            _ => Err(value),
        })
    }

    /// As [`Self::text`], for a whole number that is not negative.
    pub fn count(&mut self, keys: &[&str]) -> Option<u64> {
        self.first(keys, |value| match &value {
            Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64())).ok_or(value),
            Value::String(text) => text.trim().parse().ok().ok_or(value),
            _ => Err(value),
        })
    }

    /// As [`Self::text`], for a list of texts; a single text is a list of one.
    pub fn list(&mut self, keys: &[&str]) -> Vec<String> {
        let list = self.first(keys, |value| match parse_json_text(value) {
            Value::Array(items) => Ok(items.into_iter().filter_map(crate::sections::text_of).collect()),
            Value::String(text) if !text.is_empty() => Ok(vec![text]),
            other => Err(other),
        });
        list.unwrap_or_default()
    }

    /// As [`Self::text`], for any value; a text that holds a JSON object or array is read as that.
    pub fn value(&mut self, keys: &[&str]) -> Option<Value> {
        self.first(keys, |value| match value {
            Value::Null => Err(Value::Null),
            Value::String(text) if text.is_empty() => Err(Value::String(text)),
            value => Ok(parse_json_text(value)),
        })
    }

    /// Those of these keys that are there, as an object; null if none is.
    pub fn object(&mut self, keys: &[&str]) -> Value {
        let found = keys.iter().filter_map(|key| self.0.remove_entry(*key));
        let object: Map<String, Value> = found.collect();
        if object.is_empty() { Value::Null } else { Value::Object(object) }
    }

    fn first<T>(&mut self, keys: &[&str], read: impl Fn(Value) -> Result<T, Value>) -> Option<T> {
        let mut found = None;
        for key in keys {
            let Some(value) = self.0.remove(*key) else { continue };
            match read(value) {
                Ok(value) => found = found.or(Some(value)),
                Err(value) => {
                    self.0.insert((*key).to_owned(), value);
                }
            }
        }
        found
    }

    /// A flattened list: the attributes `<prefix>N.<rest>`, by N in order, each under its rest.
    pub fn indexed(&mut self, prefix: &str) -> Vec<Self> {
        let place = |key: &str| {
            let (index, rest) = key.strip_prefix(prefix)?.split_once('.')?;
            Some((index.parse::<u32>().ok()?, rest.to_owned()))
        };
        let keys: Vec<_> = self.keys().filter_map(|key| Some((key.to_owned(), place(key)?))).collect();
        let mut items: BTreeMap<u32, Self> = BTreeMap::new();
        for (key, (index, rest)) in keys {
            if let Some(value) = self.0.remove(&key) {
                items.entry(index).or_default().0.insert(rest, value);
            }
        }
        items.into_values().collect()
    }

    /// Adds those of another record about the same thing; what is there stays.
    pub fn merge(&mut self, other: Self) {
        for (key, value) in other.0 {
            self.0.entry(key).or_insert(value);
        }
    }

    /// Takes out what is known and not kept.
    pub fn forget(&mut self, keys: &[&str]) {
        for key in keys {
            self.0.remove(*key);
        }
    }

    /// What nobody took.
    pub fn into_rest(self) -> Map<String, Value> {
        self.0
    }
}

fn whole(number: Option<f64>) -> Option<u64> {
    // Beyond 2^53 a float no longer says which whole number it was.
    number.filter(|n| n.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(n)).map(|n| n as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attributes(value: Value) -> Attributes {
        match value {
            Value::Object(map) => map.into(),
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn the_first_usable_name_wins_and_its_other_names_are_not_kept() {
        let mut attributes = attributes(json!({"new": "", "old": 7, "older": "x", "other": 1}));
        assert_eq!(attributes.text(&["new", "old", "older"]).as_deref(), Some("7"));
        assert_eq!(attributes.keys().collect::<Vec<_>>(), ["new", "other"]);
    }

    #[test]
    fn numbers_are_read_from_what_the_sdks_send_and_nothing_else() {
        let read = |value: Value| {
            let mut one = attributes(json!({"k": value.clone()}));
            let mut two = attributes(json!({"k": value}));
            (one.number(&["k"]), two.count(&["k"]))
        };
        assert_eq!(read(json!(12)), (Some(12.0), Some(12)));
        assert_eq!(read(json!("12")), (Some(12.0), Some(12)));
        assert_eq!(read(json!(12.0)), (Some(12.0), Some(12)));
        assert_eq!(read(json!(0.5)), (Some(0.5), None));
        assert_eq!(read(json!(-1)), (Some(-1.0), None));
        assert_eq!(read(json!("NaN")), (None, None));
        assert_eq!(read(json!([1])), (None, None));
    }

    #[test]
    fn flattened_lists_are_in_order_of_their_numbers() {
        let mut attributes = attributes(json!({"m.10.a": 10, "m.2.a": 2, "m.2.b.0.c": 3, "m.x.a": 4, "m.1": 5}));
        let items: Vec<Value> = attributes.indexed("m.").into_iter().map(|item| item.into_rest().into()).collect();
        assert_eq!(items, [json!({"a": 2, "b.0.c": 3}), json!({"a": 10})]);
        assert_eq!(attributes.keys().collect::<Vec<_>>(), ["m.1", "m.x.a"]);
    }
}
