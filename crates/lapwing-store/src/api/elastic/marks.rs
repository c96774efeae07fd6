//! The `highlight` of a search: which fields are marked, and how.

use serde_json::Value;

use super::dsl::Fault;
use crate::search::Highlight;

/// Elasticsearch's defaults where they differ from ours.
const TAGS: (&str, &str) = ("<em>", "</em>");
const FRAGMENT_SIZE: usize = 100;
const FRAGMENTS: usize = 5;

/// Reads the part of a body; nothing where it names no field. Settings of single fields are not told apart. The
/// fragments are always safe to show as HTML.
pub(super) fn read(highlight: Option<&Value>) -> Result<Option<Highlight>, Fault> {
    let Some(highlight) = highlight else { return Ok(None) };
    let fields: Vec<String> = match &highlight["fields"] {
        Value::Object(fields) => fields.keys().cloned().collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_object).flat_map(|one| one.keys().cloned()).collect(),
        _ => return Err("[highlight] needs [fields], an object or a list of objects".to_owned()),
    };
    if fields.is_empty() {
        return Ok(None);
    }
    let tag = |name: &str, default: &str| match &highlight[name] {
        Value::Array(tags) => tags.first().and_then(Value::as_str).unwrap_or(default).to_owned(),
        other => other.as_str().unwrap_or(default).to_owned(),
    };
    let number = |name: &str, default| match &highlight[name] {
        Value::Null => Ok(default),
        value => value
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
            .ok_or_else(|| format!("[highlight.{name}] must be a number, 0 or more")),
    };
    Ok(Some(Highlight {
        fields,
        pre_tag: tag("pre_tags", TAGS.0),
        post_tag: tag("post_tags", TAGS.1),
        fragment_size: number("fragment_size", FRAGMENT_SIZE)?,
        fragments: number("number_of_fragments", FRAGMENTS)?,
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_and_tags_are_read_in_every_form() {
        let marks = |body: Value| read(Some(&body)).unwrap();
        assert_eq!(marks(json!({"fields": {}})), None);
        let both = marks(json!({"fields": [{"a": {}}, {"b": {}}], "pre_tags": ["<b>", "<i>"]})).unwrap();
        assert_eq!(
            (both.fields, both.pre_tag, both.post_tag),
            (vec!["a".into(), "b".into()], "<b>".into(), "</em>".into())
        );
        let whole = marks(json!({"fields": {"*": {}}, "number_of_fragments": 0})).unwrap();
        assert_eq!((whole.fragments, whole.fragment_size), (0, FRAGMENT_SIZE));
        assert!(read(Some(&json!({"fields": "a"}))).is_err());
        assert!(read(Some(&json!({"fields": {"a": {}}, "fragment_size": -1}))).unwrap_err().contains("fragment_size"));
    }
}
