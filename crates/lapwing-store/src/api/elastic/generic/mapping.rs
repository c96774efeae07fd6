//! The types of a generic index's fields: those it was made with, and those its documents brought.

use std::collections::BTreeMap;

use lapwing_event::Timestamp;
use serde_json::{Map, Value, json};

use crate::api::elastic::dsl::Fault;

/// An index has at most this many fields.
const MAX_FIELDS: usize = 1_000;

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Keyword,
    /// Full text; with `fielddata`, its words can be counted.
    Text {
        fielddata: bool,
    },
    Long,
    Double,
    Boolean,
    Date,
}

impl Kind {
    fn of(name: &str, options: &Value) -> Result<Self, Fault> {
        Ok(match name {
            "keyword" | "constant_keyword" | "wildcard" | "ip" | "version" => Self::Keyword,
            "text" | "match_only_text" => Self::Text { fielddata: options["fielddata"] == true },
            "long" | "integer" | "short" | "byte" => Self::Long,
            "double" | "float" | "half_float" | "scaled_float" => Self::Double,
            "boolean" => Self::Boolean,
            "date" | "date_nanos" => Self::Date,
            other => return Err(format!("No handler for type [{other}]")),
        })
    }

    /// Elasticsearch's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::Text { .. } => "text",
            Self::Long => "long",
            Self::Double => "double",
            Self::Boolean => "boolean",
            Self::Date => "date",
        }
    }
}

/// A value as it is indexed.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    Text(String),
    Long(i64),
    Double(f64),
    Boolean(bool),
    Date(Timestamp),
}

impl Scalar {
    /// Reads a JSON value as the type demands.
    pub fn read(kind: Kind, value: &Value) -> Option<Self> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return None,
        };
        Self::parse(kind, &text)
    }

    /// Reads text as the type demands.
    pub fn parse(kind: Kind, text: &str) -> Option<Self> {
        match kind {
            Kind::Keyword | Kind::Text { .. } => Some(Self::Text(text.to_owned())),
            Kind::Long => text.parse().ok().or_else(|| whole(text)).map(Self::Long),
            Kind::Double => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Self::Double),
            Kind::Boolean => match text {
                "true" => Some(Self::Boolean(true)),
                "false" | "" => Some(Self::Boolean(false)),
                _ => None,
            },
            // Numbers are milliseconds, whatever their size.
            Kind::Date => match text.parse() {
                Ok(millis) => Some(Self::Date(Timestamp::from_millis(millis))),
                Err(_) => Timestamp::parse(&with_time(text)).ok().map(Self::Date),
            },
        }
    }
}

fn whole(text: &str) -> Option<i64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number.trunc() as i64)
}

/// A day alone is its beginning.
fn with_time(text: &str) -> String {
    if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() }
}

/// The fields of an index.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    /// By name; a field of its own is what `fields` puts beside a field, such as `title.keyword`.
    fields: BTreeMap<String, Kind>,
    /// The names under which the values of a path are indexed.
    by_path: BTreeMap<String, Vec<String>>,
}

impl Mapping {
    /// Reads the body with which an index is made.
    pub fn read(body: &Value) -> Result<Self, Fault> {
        let mut mapping = Self::default();
        if let Some(properties) = body["mappings"]["properties"].as_object() {
            mapping.properties("", properties)?;
        }
        Ok(mapping)
    }

    fn properties(&mut self, prefix: &str, properties: &Map<String, Value>) -> Result<(), Fault> {
        for (name, options) in properties {
            let path = format!("{prefix}{name}");
            match (options["type"].as_str(), options["properties"].as_object()) {
                (None | Some("object" | "nested"), Some(below)) => self.properties(&format!("{path}."), below)?,
                (None | Some("object" | "nested" | "flattened"), None) => {}
                (Some(kind), _) => self.add(&path, &path, Kind::of(kind, options)?)?,
            }
            for (sub, options) in options["fields"].as_object().into_iter().flatten() {
                let kind = options["type"].as_str().unwrap_or("keyword");
                self.add(&path, &format!("{path}.{sub}"), Kind::of(kind, options)?)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &str, name: &str, kind: Kind) -> Result<(), Fault> {
        if self.fields.len() >= MAX_FIELDS {
            return Err(format!("Limit of total fields [{MAX_FIELDS}] has been exceeded"));
        }
        self.fields.insert(name.to_owned(), kind);
        self.by_path.entry(path.to_owned()).or_default().push(name.to_owned());
        Ok(())
    }

    /// The type of a field, if there is one of this name.
    pub fn kind(&self, name: &str) -> Option<Kind> {
        self.fields.get(name).copied()
    }

    /// The fields and their types.
    pub fn fields(&self) -> impl Iterator<Item = (&str, Kind)> {
        self.fields.iter().map(|(name, kind)| (name.as_str(), *kind))
    }

    /// What a document's values are indexed as; fields that are new get the type that their first value suggests.
    pub fn values(&mut self, document: &Value) -> Result<Vec<(String, Kind, Scalar)>, Fault> {
        let mut values = Vec::new();
        self.walk("", document, &mut values)?;
        Ok(values)
    }

    fn walk(&mut self, path: &str, value: &Value, into: &mut Vec<(String, Kind, Scalar)>) -> Result<(), Fault> {
        match value {
            Value::Null => Ok(()),
            Value::Array(values) => values.iter().try_for_each(|value| self.walk(path, value, into)),
            Value::Object(map) => map.iter().try_for_each(|(name, value)| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                self.walk(&path, value, into)
            }),
            scalar => {
                if !self.by_path.contains_key(path) {
                    self.suggest(path, scalar)?;
                }
                for name in self.by_path.get(path).into_iter().flatten() {
                    let Some(kind) = self.kind(name) else { continue };
                    let read = Scalar::read(kind, scalar);
                    let read =
                        read.ok_or_else(|| format!("failed to parse field [{name}] of type [{}]", kind.name()))?;
                    into.push((name.clone(), kind, read));
                }
                Ok(())
            }
        }
    }

    fn suggest(&mut self, path: &str, value: &Value) -> Result<(), Fault> {
        match value {
            Value::Bool(_) => self.add(path, path, Kind::Boolean),
            Value::Number(number) if number.is_f64() => self.add(path, path, Kind::Double),
            Value::Number(_) => self.add(path, path, Kind::Long),
            Value::String(text) if is_date(text) => self.add(path, path, Kind::Date),
            _ => {
                self.add(path, path, Kind::Text { fielddata: false })?;
                self.add(path, &format!("{path}.keyword"), Kind::Keyword)
            }
        }
    }

    /// As Elasticsearch shows a mapping's properties.
    pub fn properties_shown(&self) -> Value {
        let mut root = json!({});
        for (path, names) in &self.by_path {
            let Some(kind) = self.kind(path) else { continue };
            let pointer = path.split('.').collect::<Vec<_>>();
            let mut at = &mut root;
            for part in &pointer[..pointer.len() - 1] {
                at = &mut at[*part]["properties"];
            }
            let field = &mut at[pointer[pointer.len() - 1]];
            field["type"] = json!(kind.name());
            for name in names.iter().filter(|name| *name != path) {
                if let (Some(kind), Some(sub)) = (self.kind(name), name.rsplit('.').next()) {
                    field["fields"][sub] = json!({"type": kind.name()});
                }
            }
        }
        root
    }
}

fn is_date(text: &str) -> bool {
    let shape = text.as_bytes();
    shape.len() >= 10 && shape[4] == b'-' && shape[7] == b'-' && Scalar::parse(Kind::Date, text).is_some()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn fields_have_the_types_they_were_given_or_brought() {
        let mut mapping = Mapping::read(&json!({"mappings": {"properties": {
            "title": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
            "actor": {"properties": {"id": {"type": "integer"}}}
        }}}))
        .unwrap();
        let document = json!({"title": "A b", "actor": {"id": "7"}, "at": "2026-01-02", "n": 1.5, "tags": ["x", "y"]});
        let values = mapping.values(&document).unwrap();
        let indexed: Vec<(&str, &Scalar)> = values.iter().map(|(name, _, value)| (name.as_str(), value)).collect();
        let text = |text: &str| Scalar::Text(text.to_owned());
        let day = Timestamp::parse("2026-01-02T00:00:00Z").unwrap();
        let expect = [
            ("actor.id", Scalar::Long(7)),
            ("at", Scalar::Date(day)),
            ("n", Scalar::Double(1.5)),
            ("tags", text("x")),
            ("tags.keyword", text("x")),
            ("tags", text("y")),
            ("tags.keyword", text("y")),
            ("title", text("A b")),
            ("title.raw", text("A b")),
        ];
        assert_eq!(indexed, expect.iter().map(|(name, value)| (*name, value)).collect::<Vec<_>>());
        let shown = mapping.properties_shown();
        assert_eq!(shown["actor"]["properties"]["id"]["type"], "long");
        assert_eq!(shown["title"], json!({"type": "text", "fields": {"raw": {"type": "keyword"}}}));
        assert!(mapping.values(&json!({"actor": {"id": "seven"}})).unwrap_err().contains("[actor.id] of type [long]"));
        assert!(Mapping::read(&json!({"mappings": {"properties": {"g": {"type": "geo_point"}}}})).is_err());
    }
}
