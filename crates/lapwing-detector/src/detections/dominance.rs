//! AID-19: a document that was not there before is suddenly in most retrievals, whatever is asked.

use std::collections::VecDeque;

use lapwing_event::{Document, Event, EventId, Kind};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::finding;
use crate::alert::Draft;
use crate::behaviour::term_of;
use crate::recent::Recent;

/// Retrievals that are looked back on.
const RECENT: usize = 50;
/// A document in this share of them dominates …
const SHARE: f64 = 0.5;
/// … if they asked for so many different things.
const MIN_QUERIES: usize = 15;
/// Retrievals of a source before a document is called new.
const MIN_HISTORY: u64 = 200;
/// Retrievals after which a document is not new any more.
const NEW_FOR: u64 = 500;
/// Documents of one retrieval, and of one source, that are remembered.
const MAX_RETRIEVED: usize = 20;
const MAX_DOCUMENTS: usize = 20_000;

/// By data source.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Dominance {
    sources: Recent<String, Source>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Source {
    retrievals: u64,
    /// At which retrieval each document first came.
    first: FxHashMap<u32, u64>,
    recent: VecDeque<Retrieved>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Retrieved {
    event: EventId,
    query: u32,
    documents: Vec<u32>,
}

impl Dominance {
    pub(super) fn observe(&mut self, event: &Event, max: usize) -> Option<Draft> {
        let retrieval = event.retrieval.as_ref().filter(|_| event.kind == Kind::Retrieval)?;
        let name = &retrieval.data_source;
        let key = format!("{}\u{1f}{name}", event.tenant.id);
        let documents: Vec<(u32, &str)> =
            retrieval.documents.iter().filter_map(id).take(MAX_RETRIEVED).map(|id| (term_of(id), id)).collect();
        let query = term_of(retrieval.query.as_deref()?);
        let source = self.sources.touch(&key, event.timestamp.nanos(), Source::default);
        source.take(Retrieved { event: event.id, query, documents: documents.iter().map(|(hash, _)| *hash).collect() });
        let found = documents.iter().find_map(|(hash, id)| source.dominated_by(*hash).map(|found| (*id, found)));
        let draft = found.map(|(id, (share, events))| {
            let words = format!(
                "document {id} is new in {name} and stands in {:.0} % of its last {RECENT} retrievals",
                share * 100.0
            );
            finding("AID-19", (share, SHARE), events, &format!("{name}\u{1f}{id}"), words)
        });
        while self.sources.pop_over(max).is_some() {}
        draft
    }
}

fn id(document: &Document) -> Option<&str> {
    [&document.sha256, &document.id, &document.uri].into_iter().find_map(|id| id.as_deref())
}

impl Source {
    fn take(&mut self, retrieved: Retrieved) {
        self.retrievals += 1;
        for document in &retrieved.documents {
            if self.first.len() < MAX_DOCUMENTS {
                self.first.entry(*document).or_insert(self.retrievals);
            }
        }
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(retrieved);
        if self.first.len() >= MAX_DOCUMENTS {
            let oldest = self.retrievals.saturating_sub(NEW_FOR);
            // What is forgotten must not come back as new.
            self.first.retain(|_, first| *first > oldest);
            self.retrievals = self.retrievals.min(MIN_HISTORY / 2);
        }
    }

    /// The document's share of the last retrievals and their events, if it is new and dominates them.
    fn dominated_by(&self, document: u32) -> Option<(f64, Vec<EventId>)> {
        let first = *self.first.get(&document)?;
        if first <= MIN_HISTORY || self.retrievals > first.saturating_add(NEW_FOR) || self.recent.len() < RECENT {
            return None;
        }
        let with: Vec<&Retrieved> = self.recent.iter().filter(|one| one.documents.contains(&document)).collect();
        let mut queries: Vec<u32> = with.iter().map(|one| one.query).collect();
        queries.sort_unstable();
        queries.dedup();
        let share = with.len() as f64 / self.recent.len() as f64;
        let events = with.iter().rev().take(10).map(|one| one.event).collect();
        (share >= SHARE && queries.len() >= MIN_QUERIES).then_some((share, events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{event, seal};

    fn retrieval(i: i64, query: &str, documents: &[String]) -> Event {
        let mut event = event(Kind::Retrieval, "s", i, query);
        let of = |id: &String| Document { id: Some(id.clone()), ..Document::default() };
        event.retrieval = Some(Box::new(lapwing_event::Retrieval {
            data_source: "kb".to_owned(),
            query: Some(query.to_owned()),
            documents: documents.iter().map(of).collect(),
            ..Default::default()
        }));
        (*seal(event)).clone()
    }

    fn check(history: i64, queries: i64, every: i64, poison: &str, expect: bool) {
        let mut detection = Dominance::default();
        let mut found = false;
        for i in 0..history + 60 {
            let mut documents = vec![format!("d{}", i % 40), format!("d{}", i * 7 % 40)];
            if i >= history && i % every == 0 {
                documents.push(poison.to_owned());
            }
            found |= detection.observe(&retrieval(i, &format!("question {}", i % queries), &documents), 10).is_some();
        }
        assert_eq!(found, expect, "{history} {queries} {every} {poison}");
    }

    #[test]
    fn a_new_document_in_most_retrievals_is_found() {
        check(300, 40, 1, "poison", true);
        check(250, 100, 2, "poison", true);
        check(1_000, 30, 1, "poison", true);
        check(300, 40, 4, "poison", false);
        check(50, 40, 1, "poison", false);
        check(300, 5, 1, "poison", false);
        check(300, 40, 1, "d3", false);
    }
}
