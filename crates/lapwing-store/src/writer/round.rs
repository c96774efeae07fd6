//! A round of commits: from the first event that is added to the moment when all that were added are durable,
//! covered by a position, and searchable.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lapwing_event::SanitizedEvent;
use tantivy::indexer::IndexWriterOptions;
use tantivy::{IndexWriter, TantivyError};
use tracing::{debug, warn};

use crate::disk::FreeBytes;
use crate::document::document;
use crate::partition::{Partition, PartitionId, View, sync_dir};
use crate::payload::{Payload, latest};
use crate::shared::{Shared, Snapshot};
use crate::snapshot::copy_partition;
use crate::{StoreConfig, StoreError};

/// A partition that is open for writing.
pub(super) struct OpenWriter {
    id: PartitionId,
    pub(super) writer: IndexWriter,
    /// Whether it has documents that are not committed.
    dirty: bool,
    last_used: Instant,
}

/// All partitions, those open for writing, and where the source stands.
pub(crate) struct Round {
    root: PathBuf,
    config: StoreConfig,
    pub(super) partitions: BTreeMap<PartitionId, Partition>,
    pub(super) views: BTreeMap<PartitionId, Arc<View>>,
    pub(super) open: Vec<OpenWriter>,
    /// What is durable: the last round that was completed.
    pub(super) durable: Payload,
    pub(super) next_seq: u64,
    shared: Arc<Shared>,
    free_bytes: FreeBytes,
}

/// The views of some partitions, by name.
pub(crate) type Views = BTreeMap<PartitionId, Arc<View>>;

impl Round {
    /// Over the partitions that exist in `root`, with what they hold.
    pub fn new(
        root: PathBuf,
        config: StoreConfig,
        partitions: BTreeMap<PartitionId, Partition>,
        views: Views,
        shared: Arc<Shared>,
        free_bytes: FreeBytes,
    ) -> Self {
        let durable = latest(partitions.values().map(|partition| &partition.payload));
        let next_seq = durable.next_seq;
        Self { root, config, partitions, views, open: Vec::new(), durable, next_seq, shared, free_bytes }
    }

    /// Hands an event to its partition; false if the event is stored already. Only events of earlier rounds
    /// are looked up here: the caller knows those of this one.
    pub fn add(&mut self, event: &SanitizedEvent, source: &str) -> Result<bool, StoreError> {
        if self.is_stored(event)? {
            return Ok(false);
        }
        let id = PartitionId::of(event.timestamp, self.config.partition_by);
        let at = self.open_writer(&id)?;
        let fields = &self.partitions[&id].fields;
        let document = document(event, source, self.next_seq, fields);
        let open = &mut self.open[at];
        open.writer.add_document(document).map_err(|source| failed(&id, source))?;
        open.dirty = true;
        open.last_used = Instant::now();
        self.next_seq += 1;
        Ok(true)
    }

    fn is_stored(&self, event: &SanitizedEvent) -> Result<bool, StoreError> {
        let (tenant, id) = (event.tenant.id.as_str(), event.id.to_string());
        for view in self.views.values().rev() {
            if view.contains(tenant, &id).map_err(|source| failed(&view.id, source))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An error while the disk has too little room to write safely: Tantivy's writer does not survive a full one.
    pub fn check_room(&self) -> Result<(), StoreError> {
        let unusable = |source| StoreError::Directory { path: self.root.clone(), source };
        let (free, least) = ((self.free_bytes)(&self.root).map_err(unusable)?, self.config.min_free_bytes);
        if free >= least {
            return Ok(());
        }
        let reason =
            format!("the disk has {free} bytes left and {least} are needed; make room and it goes on by itself");
        Err(StoreError::Retry { reason })
    }

    /// Copies everything that is committed to `target`, which must not exist.
    pub fn snapshot(&self, target: &Path) -> Result<(), StoreError> {
        let unusable = |source| StoreError::Directory { path: target.to_owned(), source };
        std::fs::create_dir(target).map_err(unusable)?;
        let root = target.join("partitions");
        std::fs::create_dir(&root).map_err(unusable)?;
        for (id, partition) in &self.partitions {
            copy_partition(partition, &root).map_err(|source| failed(id, source))?;
        }
        sync_dir(&root).and_then(|()| sync_dir(target)).map_err(unusable)
    }

    /// Commits every partition that has new documents, in such an order that `position` is durable with the
    /// last of them and not before; then publishes all of it as one snapshot.
    pub fn commit(&mut self, position: Option<&str>) -> Result<(), StoreError> {
        let moved = position != self.durable.position.as_deref();
        let mut dirty: Vec<usize> = (0..self.open.len()).filter(|&at| self.open[at].dirty).collect();
        if dirty.is_empty() && moved {
            // Only events that are stored already: the newest partition takes the position by an empty commit.
            // Without any partition there is nothing to protect; the first event's commit will carry it.
            if let Some(id) = self.partitions.keys().next_back().cloned() {
                dirty.push(self.open_writer(&id)?);
            }
        }
        let Some((&last, others)) = dirty.split_last() else { return Ok(()) };
        let covered = Payload { next_seq: self.next_seq, ..self.durable.clone() };
        for &at in others {
            self.commit_partition(at, &covered)?;
        }
        let position = position.map(str::to_owned);
        let complete = Payload { round: self.durable.round + 1, position, next_seq: self.next_seq };
        self.commit_partition(last, &complete)?;
        self.durable = complete;
        self.publish();
        Ok(())
    }

    /// The only place that commits: a commit without a payload would erase the position.
    pub(super) fn commit_partition(&mut self, at: usize, payload: &Payload) -> Result<(), StoreError> {
        let open = &mut self.open[at];
        let id = open.id.clone();
        let mut commit = || -> Result<(), TantivyError> {
            let mut prepared = open.writer.prepare_commit()?;
            prepared.set_payload(&payload.write());
            #[cfg(feature = "failpoints")]
            fail::fail_point!("store::commit", |_| std::process::abort());
            prepared.commit()?;
            #[cfg(feature = "failpoints")]
            fail::fail_point!("store::committed", |_| std::process::abort());
            // Tantivy renames meta.json into place without making the rename durable.
            sync_dir(&self.partitions[&id].path).map_err(TantivyError::from)?;
            Ok(())
        };
        commit().map_err(|source| failed(&id, source))?;
        self.open[at].dirty = false;
        self.refresh(&id)
    }

    /// Takes a new view of what is committed of a partition.
    pub(super) fn refresh(&mut self, id: &PartitionId) -> Result<(), StoreError> {
        let view = self.partitions[id].view().map_err(|source| failed(id, source))?;
        self.views.insert(id.clone(), Arc::new(view));
        Ok(())
    }

    /// Shows everybody the views as they are now.
    pub(super) fn publish(&self) {
        self.shared.publish(Snapshot {
            views: self.views.values().rev().cloned().collect(),
            next_seq: self.next_seq,
            position: self.durable.position.clone(),
        });
    }

    /// Forgets everything that is not committed, after a failure.
    pub fn start_again(&mut self) -> Result<(), StoreError> {
        // Dropping a writer gives its lock back and discards its documents; segments that were committed stay.
        self.open.clear();
        let ids: Vec<_> = self.partitions.keys().cloned().collect();
        ids.iter().try_for_each(|id| self.refresh(id))
    }

    /// The open writer of this partition, by its place; opens it if need be.
    pub(super) fn open_writer(&mut self, id: &PartitionId) -> Result<usize, StoreError> {
        if let Some(at) = self.open.iter().position(|open| open.id == *id) {
            return Ok(at);
        }
        if self.open.len() >= self.config.max_open_writers {
            self.close_one()?;
        }
        if !self.partitions.contains_key(id) {
            let partition = Partition::open_or_create(&self.root, id.clone()).map_err(|source| failed(id, source))?;
            self.partitions.insert(id.clone(), partition);
        }
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(self.config.writer_memory_bytes)
            .build();
        let writer = self.partitions[id].index.writer_with_options(options).map_err(|source| failed(id, source))?;
        debug!(partition = %id, "partition opened for writing");
        self.open.push(OpenWriter { id: id.clone(), writer, dirty: false, last_used: Instant::now() });
        Ok(self.open.len() - 1)
    }

    /// Closes the writer that was used least recently. Its documents are committed without moving the position,
    /// since the batch they belong to is not complete.
    fn close_one(&mut self) -> Result<(), StoreError> {
        let oldest = (0..self.open.len()).min_by_key(|&at| self.open[at].last_used);
        let Some(at) = oldest else { return Ok(()) };
        if self.open[at].dirty {
            let covered = Payload { next_seq: self.next_seq, ..self.durable.clone() };
            self.commit_partition(at, &covered)?;
        }
        finish(self.open.swap_remove(at));
        Ok(())
    }

    /// Closes what took no event for this long.
    pub fn close_idle(&mut self, idle: Duration) {
        while let Some(at) = self.open.iter().position(|open| !open.dirty && open.last_used.elapsed() >= idle) {
            finish(self.open.swap_remove(at));
        }
    }

    /// Closes the writer of a partition, if it is open; it has nothing that is not committed.
    pub(super) fn close_writer(&mut self, id: &PartitionId) {
        if let Some(at) = self.open.iter().position(|open| open.id == *id) {
            finish(self.open.swap_remove(at));
        }
    }

    /// Closes every writer; what is not committed is discarded.
    pub fn close_all(&mut self) {
        self.open.drain(..).for_each(finish);
    }
}

/// Lets the merges that run come to their end: cut short they would leave files behind.
fn finish(open: OpenWriter) {
    if let Err(error) = open.writer.wait_merging_threads() {
        warn!(%error, partition = %open.id, "merge failed; the segments stay as they are");
    }
}

pub(super) fn failed(id: &PartitionId, source: TantivyError) -> StoreError {
    StoreError::Index { partition: id.to_string(), source }
}
