//! Removing events that are stored: marking them, and dropping whole partitions. What was marked is rewritten
//! beside appending, see [`super::beside`].

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use lapwing_event::EventId;
use serde::Deserialize;
use tantivy::collector::DocSetCollector;
use tantivy::schema::Value;
use tantivy::{DocAddress, TantivyDocument};
use tokio::sync::oneshot;
use tracing::info;

use super::round::{Round, failed};
use crate::partition::{PartitionId, View, io_error, sync_dir};
use crate::payload::Payload;
use crate::query::Query;
use crate::search::{Compiler, Deadline, all_time};
use crate::tombstones::Tombstone;
use crate::{Scope, SearchError, StoreConfig, StoreError};

/// How long finding what to erase may take in one partition.
const FIND_LIMIT_MS: u64 = 600_000;

/// What to erase: within one tenant, or, for retention, of all.
pub(crate) struct Erasing {
    pub scope: Option<Scope>,
    pub query: Query,
    /// Only in these; without it, in all.
    pub partitions: Option<Vec<PartitionId>>,
}

/// What was erased.
#[derive(Debug, Default)]
pub(crate) struct Erased {
    pub events: u64,
    pub partitions: Vec<String>,
    pub hidden_after_ms: u64,
    pub gone_after_ms: u64,
    pub complete: bool,
}

pub(crate) type ErasedReply = oneshot::Sender<Result<Erased, StoreError>>;

impl Round {
    /// Hides what matches from every search, and has it rewritten; answers once it is gone from the disk.
    /// Everything that was added must be committed.
    pub fn erase(&mut self, work: &Erasing, config: &StoreConfig, reply: ErasedReply) {
        let started = Instant::now();
        match self.hide(work, config) {
            Ok(marked) => {
                let erased = Erased {
                    events: marked.values().sum(),
                    partitions: marked.keys().rev().map(PartitionId::to_string).collect(),
                    hidden_after_ms: started.elapsed().as_millis() as u64,
                    complete: true,
                    ..Erased::default()
                };
                self.rewrite_beside(marked.into_keys().collect(), erased, started, reply);
            }
            // Whoever asked may be gone.
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn hide(&mut self, work: &Erasing, config: &StoreConfig) -> Result<BTreeMap<PartitionId, u64>, StoreError> {
        let all = || self.views.keys().rev().cloned().collect();
        let mut marked = BTreeMap::new();
        for id in work.partitions.clone().unwrap_or_else(all) {
            let events = self.mark(&id, work, config)?;
            if events > 0 {
                marked.insert(id, events);
            }
        }
        self.publish();
        Ok(marked)
    }

    /// Marks what matches as deleted and commits that; says how many.
    fn mark(&mut self, id: &PartitionId, work: &Erasing, config: &StoreConfig) -> Result<u64, StoreError> {
        let Some(view) = self.views.get(id).cloned() else { return Ok(0) };
        let deadline = Deadline::new(FIND_LIMIT_MS);
        let query = compile(&view, work, config, &deadline).map_err(|error| not_found(id, error))?;
        let matches = view.searcher.search(&query, &DocSetCollector).map_err(|source| failed(id, source))?;
        let (count, all) = (matches.len() as u64, view.searcher.num_docs());
        if count == 0 {
            return Ok(0);
        }
        if let Some(scope) = &work.scope {
            let ids = ids_of(&view, matches.into_iter().collect()).map_err(|source| failed(id, source))?;
            let (_, end) = id.span().expect("only what has a span is a partition");
            // First: an event that is hidden but not remembered could come back.
            self.remember(Tombstone { tenant: scope.tenant.clone(), end, ids })?;
        }
        let at = self.open_writer(id)?;
        self.open[at].writer.delete_query(query).map_err(|source| failed(id, source))?;
        let covered = Payload { next_seq: self.next_seq, ..self.durable.clone() };
        self.unseal(id)?;
        if let Some(partition) = self.partitions.get_mut(id) {
            // Nobody counted the bytes of single events: the rest keeps its share.
            partition.input_bytes =
                (u128::from(partition.input_bytes) * u128::from(all - count) / u128::from(all)) as u64;
        }
        self.commit_partition(at, &covered)?;
        Ok(count)
    }

    /// Removes a partition with everything in it. The last one is emptied instead, since it carries the position.
    pub fn drop_partition(&mut self, id: &PartitionId, config: &StoreConfig) -> Result<(), StoreError> {
        if !self.partitions.contains_key(id) {
            return Ok(());
        }
        let Some(heir) = self.partitions.keys().rev().find(|other| *other != id).cloned() else {
            let everything = Erasing { scope: None, query: Query::All, partitions: Some(vec![id.clone()]) };
            let hidden = self.hide(&everything, config)?;
            self.rewrite_beside(hidden.into_keys().collect(), Erased::default(), Instant::now(), oneshot::channel().0);
            return Ok(());
        };
        // The partition may be the one that carries the latest position: another takes it over first.
        let complete = Payload { round: self.durable.round + 1, next_seq: self.next_seq, ..self.durable.clone() };
        let at = self.open_writer(&heir)?;
        self.commit_partition(at, &complete)?;
        self.durable = complete;
        self.close_writer(id);
        self.forget_partition(id);
        self.views.remove(id);
        self.publish();
        if let Some(partition) = self.partitions.remove(id) {
            let remove = || {
                // Without its meta.json a partition counts as empty, so a crash in between leaves nothing corrupt.
                fs::remove_file(partition.path.join("meta.json"))?;
                sync_dir(&partition.path)?;
                fs::remove_dir_all(&partition.path)
            };
            remove().map_err(|error| failed(id, io_error(error)))?;
        }
        info!(partition = %id, "partition dropped");
        Ok(())
    }
}

fn compile(
    view: &View,
    work: &Erasing,
    config: &StoreConfig,
    deadline: &Deadline,
) -> Result<Box<dyn tantivy::query::Query>, SearchError> {
    match &work.scope {
        Some(scope) => Compiler { view, scope, config, deadline, span: all_time() }.compile(&work.query),
        None => Compiler::across_tenants(view, config, deadline, &work.query),
    }
}

fn not_found(id: &PartitionId, error: SearchError) -> StoreError {
    StoreError::Retry { reason: format!("what to erase in partition {id} cannot be found: {error}") }
}

/// The ids of these documents. They have no column, so the events are read.
fn ids_of(view: &View, mut documents: Vec<DocAddress>) -> tantivy::Result<Vec<EventId>> {
    #[derive(Deserialize)]
    struct Identified {
        id: EventId,
    }
    // In the order of the disk, so that each block is decompressed once.
    documents.sort_unstable();
    let id = |address| {
        let document: TantivyDocument = view.searcher.doc(address)?;
        let source = document.get_first(view.fields.source).and_then(|value| value.as_str()).unwrap_or_default();
        Ok(serde_json::from_str::<Identified>(source)?.id)
    };
    documents.into_iter().map(id).collect()
}
