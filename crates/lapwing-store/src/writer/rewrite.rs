//! Removing events that are stored: by marking them, rewriting the segments that held them, and deleting the
//! files; or with their whole partition.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use tantivy::index::SegmentId;
use tantivy::indexer::NoMergePolicy;
use tracing::info;

use super::round::{Round, failed};
use crate::partition::{PartitionId, View, io_error, sync_dir};
use crate::payload::Payload;
use crate::query::Query;
use crate::search::{Compiler, Deadline};
use crate::{Scope, SearchError, StoreConfig, StoreError};

/// How long the files of a rewritten segment are waited for while searches still read them.
const WAIT_FOR_READERS: Duration = Duration::from_secs(10);

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

impl Round {
    /// Erases from every partition; everything that was added must be committed.
    pub fn erase(&mut self, work: &Erasing, config: &StoreConfig) -> Result<Erased, StoreError> {
        let started = Instant::now();
        let mut erased = Erased { complete: true, ..Erased::default() };
        let all = || self.views.keys().rev().cloned().collect();
        let mut marked = Vec::new();
        for id in work.partitions.clone().unwrap_or_else(all) {
            let events = self.mark(&id, work, config)?;
            if events > 0 {
                erased.events += events;
                erased.partitions.push(id.to_string());
                marked.push(id);
            }
        }
        self.publish();
        erased.hidden_after_ms = started.elapsed().as_millis() as u64;
        for id in marked {
            erased.complete &= self.rewrite(&id)?;
        }
        erased.gone_after_ms = started.elapsed().as_millis() as u64;
        info!(events = erased.events, complete = erased.complete, "events erased");
        Ok(erased)
    }

    /// Marks what matches as deleted and commits that; says how many.
    fn mark(&mut self, id: &PartitionId, work: &Erasing, config: &StoreConfig) -> Result<u64, StoreError> {
        let Some(view) = self.views.get(id).cloned() else { return Ok(0) };
        let deadline = Deadline::new(FIND_LIMIT_MS);
        let query = compile(&view, work, config, &deadline).map_err(|error| not_found(id, error))?;
        let matches = query.count(&view.searcher).map_err(|source| failed(id, source))? as u64;
        if matches == 0 {
            return Ok(0);
        }
        // A merge that runs could bring marked events over unseen, and its segment could not be rewritten.
        self.close_writer(id);
        let at = self.open_writer(id)?;
        self.open[at].writer.set_merge_policy(Box::new(NoMergePolicy));
        self.open[at].writer.delete_query(query).map_err(|source| failed(id, source))?;
        let covered = Payload { next_seq: self.next_seq, ..self.durable.clone() };
        self.commit_partition(at, &covered)?;
        Ok(matches)
    }

    /// Writes the segments with deleted events anew, without them; true once the old files are gone.
    fn rewrite(&mut self, id: &PartitionId) -> Result<bool, StoreError> {
        let at = self.open_writer(id)?;
        let index = &self.partitions[id].index;
        let metas = index.searchable_segment_metas().map_err(|source| failed(id, source))?;
        let old: Vec<SegmentId> = metas.iter().filter(|meta| meta.has_deletes()).map(|meta| meta.id()).collect();
        drop(metas);
        for segment in &old {
            self.open[at].writer.merge(&[*segment]).wait().map_err(|source| failed(id, source))?;
        }
        let path = self.partitions[id].path.clone();
        sync_dir(&path).map_err(|error| failed(id, io_error(error)))?;
        self.refresh(id)?;
        self.publish();

        let old: BTreeSet<String> = old.iter().map(SegmentId::uuid_string).collect();
        let until = Instant::now() + WAIT_FOR_READERS;
        let gone = loop {
            self.open[at].writer.garbage_collect_files().wait().map_err(|source| failed(id, source))?;
            let gone = !has_files_of(&path, &old).map_err(|error| failed(id, io_error(error)))?;
            if gone || Instant::now() >= until {
                break gone;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        };
        sync_dir(&path).map_err(|error| failed(id, io_error(error)))?;
        // The next event opens a writer with the usual merges.
        self.close_writer(id);
        Ok(gone)
    }

    /// Removes a partition with everything in it. The last one is emptied instead, since it carries the position.
    pub fn drop_partition(&mut self, id: &PartitionId, config: &StoreConfig) -> Result<(), StoreError> {
        if !self.partitions.contains_key(id) {
            return Ok(());
        }
        let Some(heir) = self.partitions.keys().rev().find(|other| *other != id).cloned() else {
            let everything = Erasing { scope: None, query: Query::All, partitions: Some(vec![id.clone()]) };
            return self.erase(&everything, config).map(drop);
        };
        // The partition may be the one that carries the latest position: another takes it over first.
        let complete = Payload { round: self.durable.round + 1, next_seq: self.next_seq, ..self.durable.clone() };
        let at = self.open_writer(&heir)?;
        self.commit_partition(at, &complete)?;
        self.durable = complete;
        self.close_writer(id);
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
        Some(scope) => Compiler { view, scope, config, deadline }.compile(&work.query),
        None => Compiler::across_tenants(view, config, deadline, &work.query),
    }
}

fn not_found(id: &PartitionId, error: SearchError) -> StoreError {
    StoreError::Retry { reason: format!("what to erase in partition {id} cannot be found: {error}") }
}

/// Whether the directory still has a file of one of these segments.
fn has_files_of(path: &std::path::Path, segments: &BTreeSet<String>) -> std::io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if name.split_once('.').is_some_and(|(segment, _)| segments.contains(segment)) {
            return Ok(true);
        }
    }
    Ok(false)
}
