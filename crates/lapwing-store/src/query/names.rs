//! Names of fields in a query: paths of the schema, short names, and what was meant by a name that is neither.

use lapwing_event::{FIELDS, Field, IndexAs};

use super::Target;

/// Short names and the fields each stands for; several fields are alternatives.
const ALIASES: &[(&str, &[&str])] = &[
    ("agent", &["agent.id", "agent.name"]),
    ("env", &["environment"]),
    ("guardrail", &["guardrail.name", "guardrail_names"]),
    ("interaction", &["interaction_id"]),
    ("model", &["gen_ai.request.model", "gen_ai.response.model"]),
    ("prompt", &["content.prompt"]),
    ("provider", &["gen_ai.provider.name"]),
    ("response", &["content.response"]),
    ("rule", &["alert.rule_id"]),
    ("service", &["service.name"]),
    ("session", &["session.id"]),
    ("severity", &["alert.severity"]),
    ("system", &["content.system"]),
    ("tool", &["tool.name", "tool_names"]),
    ("toxicity", &["scores.toxicity"]),
    ("trace", &["trace_id"]),
    ("user", &["user.id"]),
];

/// The fields that a bare word is looked for in.
pub(crate) fn text_fields() -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(|field| field.index == IndexAs::Text)
}

/// The short names of a field.
pub(crate) fn aliases_of(path: &str) -> impl Iterator<Item = &'static str> {
    ALIASES.iter().filter(move |(_, paths)| paths.contains(&path)).map(|(alias, _)| *alias)
}

/// What a name stands for; nothing if it is unknown.
pub(super) fn resolve(name: &str) -> Option<Vec<Target>> {
    if let Some(field) = lapwing_event::field(name) {
        return Some(vec![Target::Field(field)]);
    }
    if let Some((_, paths)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
        return Some(paths.iter().filter_map(|path| lapwing_event::field(path)).map(Target::Field).collect());
    }
    FIELDS.iter().filter(|field| field.index == IndexAs::Json).find_map(|field| {
        let path = name.strip_prefix(field.path)?.strip_prefix('.')?;
        (!path.is_empty()).then(|| vec![Target::Json(field, path.to_owned())])
    })
}

/// The known name that is nearest to this one, if any is near.
pub(crate) fn nearest(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let names = FIELDS.iter().map(|field| field.path).chain(ALIASES.iter().map(|(alias, _)| *alias));
    let last_part = |known: &'static str| known.rsplit('.').next().unwrap_or(known);
    let distance = |known: &'static str| {
        let whole = strsim::osa_distance(&lower, known);
        // `toxicity_score` and `latency` mean something too: a part of the path may be near, at a price.
        let part = strsim::osa_distance(&lower, last_part(known)) + 1;
        whole.min(part)
    };
    let (best, known) = names.map(|known| (distance(known), known)).min()?;
    let prefixed = || FIELDS.iter().find(|field| field.path.starts_with(&lower)).map(|field| field.path);
    let limit = (lower.chars().count() / 3).clamp(1, 3);
    if best <= limit { Some(known.to_owned()) } else { prefixed().map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alias_names_fields_of_the_schema_and_hides_none() {
        for (alias, paths) in ALIASES {
            assert!(lapwing_event::field(alias).is_none(), "{alias} is a field itself");
            assert_eq!(resolve(alias).map(|targets| targets.len()), Some(paths.len()), "{alias}");
        }
    }

    #[test]
    fn suggests_what_was_meant() {
        let check = |name: &str, expect: Option<&str>| assert_eq!(nearest(name).as_deref(), expect, "{name}");
        check("promt", Some("prompt"));
        check("Model", Some("model"));
        check("tool.nme", Some("tool.name"));
        check("latency", Some("latency_ms"));
        check("user_id", Some("user.id"));
        check("timestamp", Some("@timestamp"));
        check("zzzzzz", None);
    }
}
