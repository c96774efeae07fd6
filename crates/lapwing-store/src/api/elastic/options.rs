//! The options of the DSL's queries: which are read, which change nothing that we answer, and what is refused.

use serde_json::{Map, Value};

use super::dsl::Fault;

/// Options that change the order of hits, or how a query works and not what it matches.
const IGNORED: &[&str] = &[
    "boost",
    "_name",
    "rewrite",
    "max_expansions",
    "prefix_length",
    "fuzzy_transpositions",
    "fuzzy_prefix_length",
    "fuzzy_max_expansions",
    "auto_generate_synonyms_phrase_query",
    "analyze_wildcard",
    "allow_leading_wildcard",
    "enable_position_increments",
    "max_determinized_states",
    "tie_breaker",
    "flags",
    "escape",
];

/// What is read of each query.
fn read_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "term" | "prefix" | "regexp" => &["value", "case_insensitive"],
        "wildcard" => &["value", "wildcard", "case_insensitive"],
        "match" => &["query", "operator", "minimum_should_match", "zero_terms_query", "lenient"],
        "match_phrase" => &["query", "slop", "zero_terms_query"],
        "match_phrase_prefix" => &["query", "zero_terms_query"],
        "match_bool_prefix" => &["query", "operator"],
        "multi_match" => {
            &["query", "fields", "type", "operator", "minimum_should_match", "lenient", "zero_terms_query"]
        }
        "query_string" | "simple_query_string" => &["query", "fields", "default_field", "default_operator", "lenient"],
        "bool" => &["must", "filter", "must_not", "should", "minimum_should_match"],
        "range" => &["gt", "gte", "lt", "lte", "from", "to", "include_lower", "include_upper", "format", "time_zone"],
        _ => &[],
    }
}

/// Refuses what is neither read nor without effect.
pub(super) fn check(kind: &str, options: &Map<String, Value>) -> Result<(), Fault> {
    for (name, value) in options {
        // Elasticsearch's defaults, said aloud.
        let is_default = match name.as_str() {
            "fuzziness" | "slop" | "phrase_slop" | "fuzzy_distance" => matches!(text(value).as_str(), "0"),
            "relation" => value == "intersects",
            "analyzer" => value == "standard",
            _ => false,
        };
        if !is_default && !IGNORED.contains(&name.as_str()) && !read_of(kind).contains(&name.as_str()) {
            return Err(format!("[{kind}] query does not support [{name}]"));
        }
    }
    Ok(())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Reads `minimum_should_match`: a number or a percentage of the clauses; below 0 it says how many may be missing.
pub(super) fn least(value: &Value, clauses: usize) -> Result<usize, Fault> {
    let text = text(value);
    let fault = || format!("minimum_should_match {text:?} must be a number or a percentage");
    let (digits, whole) = match text.strip_suffix('%') {
        Some(percent) => (percent, Some(clauses)),
        None => (text.as_str(), None),
    };
    let number: i64 = digits.trim().parse().map_err(|_| fault())?;
    let share = |part: u64| whole.map_or(part as usize, |whole| whole * part.min(100) as usize / 100);
    let part = share(number.unsigned_abs());
    Ok(if number < 0 { clauses.saturating_sub(part) } else { part })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn the_least_number_is_read_in_every_form() {
        let check = |value: Value, clauses, expect| assert_eq!(least(&value, clauses).ok(), expect, "{value}");
        check(json!(2), 3, Some(2));
        check(json!("2"), 3, Some(2));
        check(json!(-1), 3, Some(2));
        check(json!("75%"), 4, Some(3));
        check(json!("-25%"), 4, Some(3));
        check(json!(-9), 3, Some(0));
        check(json!("few"), 3, None);
    }

    #[test]
    fn options_without_effect_pass_and_others_do_not() {
        let check = |kind: &str, options: Value, ok: bool| {
            assert_eq!(super::check(kind, options.as_object().unwrap()).is_ok(), ok, "{kind} {options}");
        };
        check("match", json!({"query": "x", "boost": 2, "max_expansions": 5, "fuzziness": 0}), true);
        check("match", json!({"query": "x", "fuzziness": "AUTO"}), false);
        check("match", json!({"query": "x", "oprator": "and"}), false);
        check("match_phrase_prefix", json!({"query": "x", "slop": 2}), false);
        check("range", json!({"gte": 1, "relation": "within"}), false);
    }
}
