//! One page of a search: the first hits that are found, read and shown as the plan wants them.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tantivy::schema::Value as _;
use tantivy::{DocAddress, TantivyDocument};

use super::cursor::Cursor;
use super::hunt::Hunt;
use super::top::Candidate;
use super::turns::Turn;
use super::{Deadline, Hit, Plan, Relation, Scope, SearchResponse, Sort, Total, highlight};
use crate::partition::View;
use crate::shared::Snapshot;
use crate::{SearchError, StoreConfig};

/// One page of the plan's hits.
pub(crate) fn search(
    snapshot: &Snapshot,
    scope: &Scope,
    plan: &Plan,
    config: &StoreConfig,
    deadline: &Deadline,
    helpers: &[Turn],
) -> Result<SearchResponse, SearchError> {
    let started = Instant::now();
    let found = Hunt::new(snapshot, scope, plan, config, deadline).run(helpers)?;
    let total =
        Total { value: found.count, relation: if found.complete { Relation::Exactly } else { Relation::AtLeast } };
    let as_of = plan.cursor.as_ref().map_or(snapshot.next_seq, |cursor| cursor.as_of);
    let candidates = found.candidates;
    let (mut hits, mut bytes) = (Vec::new(), 0);
    for candidate in candidates.iter().take(plan.size) {
        deadline.check()?;
        let score = (plan.sort == Sort::BestFirst).then(|| f32::from_bits(candidate.rank.0 as u32));
        let Candidate { view, address, seq, .. } = *candidate;
        let hit = hit(snapshot, &Place { view, address, seq, score }, plan)?;
        bytes += hit.event.get().len();
        hits.push(hit);
        if bytes >= config.max_page_bytes {
            break;
        }
    }
    let last = hits.len().checked_sub(1).filter(|_| hits.len() < candidates.len());
    let next_cursor = last.map(|last| {
        let (from, to) = (plan.span.from.nanos(), plan.span.to.nanos());
        Cursor { after: candidates[last].rank, as_of, from, to, of: plan.fingerprint() }.encode()
    });
    Ok(SearchResponse { took_ms: started.elapsed().as_millis() as u64, total, hits, next_cursor })
}

/// Where a hit is, and what the search found out about it.
pub(super) struct Place {
    /// The partition, by its place in the snapshot.
    pub view: usize,
    pub address: DocAddress,
    pub seq: u64,
    pub score: Option<f32>,
}

/// Reads a hit as the plan wants it shown.
pub(super) fn hit(snapshot: &Snapshot, place: &Place, plan: &Plan) -> Result<Hit, SearchError> {
    let view = &snapshot.views[place.view];
    let score = place.score;
    let hit = read_hit(view, place.address, place.seq)?;
    if plan.fields.is_none() && plan.highlight.is_none() {
        return Ok(Hit { score, ..hit });
    }
    let event: Value = serde_json::from_str(hit.event.get()).map_err(|_| corrupt(view))?;
    let marked = plan.highlight.as_ref().map_or_else(BTreeMap::new, |how| highlight(&plan.query, &event, how));
    let event = match &plan.fields {
        Some(paths) => RawValue::from_string(project(&event, paths).to_string()).map_err(|_| corrupt(view))?,
        None => hit.event,
    };
    Ok(Hit { seq: hit.seq, score, event, highlight: marked })
}

/// Reads an event back.
pub(crate) fn read_hit(view: &View, address: DocAddress, seq: u64) -> Result<Hit, SearchError> {
    let failed = |source| SearchError::Index { partition: view.id.to_string(), source };
    let document: TantivyDocument = view.searcher.doc(address).map_err(failed)?;
    let source = document.get_first(view.fields.source).and_then(|value| value.as_str().map(str::to_owned));
    let event = source.and_then(|source| RawValue::from_string(source).ok()).ok_or_else(|| corrupt(view))?;
    Ok(Hit { seq, score: None, event, highlight: BTreeMap::new() })
}

fn corrupt(view: &View) -> SearchError {
    let source = tantivy::TantivyError::InternalError("document without its event".to_owned());
    SearchError::Index { partition: view.id.to_string(), source }
}

/// The event with only these paths.
fn project(event: &Value, paths: &[String]) -> Value {
    let mut kept = Map::new();
    for path in paths {
        if let Some(value) = event.pointer(&format!("/{}", path.replace('.', "/"))) {
            insert(&mut kept, path, value.clone());
        }
    }
    Value::Object(kept)
}

fn insert(into: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(into.insert(path.to_owned(), value)),
        Some((name, rest)) => {
            let inner = into.entry(name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projection_keeps_paths_and_nesting() {
        let check = |paths: &[&str], expect: &str| {
            let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
            let event = serde_json::json!({"a": {"b": 1, "c": 2}, "d": 3});
            assert_eq!(project(&event, &paths).to_string(), expect, "{paths:?}");
        };
        check(&["a.b"], r#"{"a":{"b":1}}"#);
        check(&["a.b", "a.c", "x.y"], r#"{"a":{"b":1,"c":2}}"#);
        check(&["a", "a.b", "d.x"], r#"{"a":{"b":1,"c":2}}"#);
        check(&["d"], r#"{"d":3}"#);
        check(&[], "{}");
    }
}
