//! A round of commits: from the first event that is added to the moment when all that were added are durable,
//! covered by a position, and searchable.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use lapwing_event::{SanitizedEvent, TenantId, Timestamp};
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::{IndexWriter, TantivyError};
use tracing::{debug, error, warn};

use super::beside::Beside;
use crate::disk::FreeBytes;
use crate::document::document;
use crate::partition::{Partition, PartitionId, View, io_error, sync_dir};
use crate::payload::{FORMAT, PartitionMeta, Payload, latest};
use crate::quarantine::set_aside;
use crate::seal::Seal;
use crate::shared::{Shared, Snapshot};
use crate::snapshot::copy_partition;
use crate::tombstones::{self, Tombstone, Tombstones};
use crate::upkeep::Files;
use crate::{StoreConfig, StoreError};

/// Segments with more events than this are left to the seal: until then no event is merged more than twice or so,
/// and no merge that is not waited for takes long.
const MAX_EVENTS_TO_MERGE: usize = 100_000;

/// A partition that is open for writing.
pub(super) struct OpenWriter {
    id: PartitionId,
    pub(super) writer: IndexWriter,
    /// Whether it has documents that are not committed.
    dirty: bool,
    /// Bytes of JSON that are not committed.
    bytes: u64,
    last_used: Instant,
}

/// What became of an event that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    Stored,
    /// It is stored already.
    Duplicate,
    /// It was erased.
    Erased,
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
    pub(super) beside: Beside,
    tombstones: Tombstones,
    shared: Arc<Shared>,
    free_bytes: FreeBytes,
    /// How many partitions were set aside.
    pub(super) set_aside: u64,
}

/// The views of some partitions, by name.
pub(crate) type Views = BTreeMap<PartitionId, Arc<View>>;

impl Round {
    /// Over the partitions that exist in `root`, with what they hold.
    pub fn new(
        root: PathBuf,
        config: StoreConfig,
        (partitions, views): (BTreeMap<PartitionId, Partition>, Views),
        tombstones: Tombstones,
        shared: Arc<Shared>,
        jobs: SyncSender<Files>,
        free_bytes: FreeBytes,
    ) -> Self {
        let durable = latest(partitions.values().map(|partition| &partition.payload));
        let next_seq = durable.next_seq;
        let beside = Beside::new(views.iter().map(|(id, view)| (id, view.has_deletes())), jobs);
        Self {
            root,
            config,
            partitions,
            views,
            open: Vec::new(),
            durable,
            next_seq,
            beside,
            tombstones,
            shared,
            free_bytes,
            set_aside: 0,
        }
    }

    /// Hands an event to its partition, unless it is stored already or was erased. Only events of earlier rounds
    /// are looked up here: the caller knows those of this one.
    pub fn add(&mut self, event: &SanitizedEvent, source: &str) -> Result<Added, StoreError> {
        if self.tombstones.contains(&event.tenant.id, &event.id) {
            return Ok(Added::Erased);
        }
        if self.is_stored(event)? {
            return Ok(Added::Duplicate);
        }
        let id = self.part_for(PartitionId::of(event.timestamp, self.config.partition_by));
        let at = self.open_writer(&id)?;
        let Some(partition) = self.partitions.get_mut(&id) else { return Err(StoreError::Closed) };
        let document = document(event, source, self.next_seq, &partition.fields);
        let open = &mut self.open[at];
        open.writer.add_document(document).map_err(|source| failed(&id, source))?;
        open.dirty = true;
        open.bytes += source.len() as u64;
        open.last_used = Instant::now();
        partition.events += 1;
        self.beside.touch(&id);
        self.next_seq += 1;
        Ok(Added::Stored)
    }

    /// The part of the partition's span that takes events now.
    fn part_for(&self, first: PartitionId) -> PartitionId {
        let parts = self.partitions.range(&first..).take_while(|(id, _)| id.is_part_of(&first));
        match parts.last() {
            None => first,
            Some((last, partition)) if partition.events >= self.config.partition_max_events => last.next_part(),
            Some((last, _)) => last.clone(),
        }
    }

    /// Remembers erased ids, so that they are not stored again.
    pub(super) fn remember(&mut self, tombstone: Tombstone) -> Result<(), StoreError> {
        let path = self.root.with_file_name(tombstones::FILE);
        self.tombstones.add(tombstone).map_err(|source| StoreError::Directory { path, source })
    }

    /// Forgets erased ids that retention keeps nothing of.
    pub fn forget_erased(&mut self, is_past: &dyn Fn(&TenantId, Timestamp) -> bool) -> Result<(), StoreError> {
        let path = self.root.with_file_name(tombstones::FILE);
        self.tombstones.forget(is_past).map_err(|source| StoreError::Directory { path, source })
    }

    /// How many erased ids are remembered.
    pub fn erased_ids(&self) -> usize {
        self.tombstones.len()
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

    /// An error if a merge of this partition could fill the disk.
    pub(super) fn check_room_to_merge(&self, id: &PartitionId) -> Result<(), StoreError> {
        let unusable = |source| StoreError::Directory { path: self.root.clone(), source };
        let size = self.views.get(id).map_or(Ok(0), |view| view.bytes()).map_err(unusable)?;
        let (free, least) = ((self.free_bytes)(&self.root).map_err(unusable)?, self.config.min_free_bytes);
        if free >= least.saturating_add(size) {
            return Ok(());
        }
        let reason = format!("the disk has {free} bytes left, too few to merge partition {id} of {size} bytes");
        Err(StoreError::Retry { reason })
    }

    /// Links everything that is committed into `target`, which must not exist and must lie on the same disk.
    pub fn snapshot(&self, target: &Path) -> Result<(), StoreError> {
        let unusable = |source| StoreError::Directory { path: target.to_owned(), source };
        std::fs::create_dir(target).map_err(unusable)?;
        let root = target.join("partitions");
        std::fs::create_dir(&root).map_err(unusable)?;
        for (id, partition) in &self.partitions {
            copy_partition(partition, &root).map_err(|source| failed(id, source))?;
        }
        match std::fs::copy(self.root.with_file_name(tombstones::FILE), target.join(tombstones::FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            copied => copied.map(drop).map_err(unusable),
        }
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
        let id = self.open[at].id.clone();
        if self.open[at].dirty {
            self.unseal(&id)?;
        }
        let (open, partition) = (&mut self.open[at], &self.partitions[&id]);
        let input_bytes = partition.input_bytes + open.bytes;
        let meta = PartitionMeta { format: FORMAT.min(partition.format), input_bytes, payload: payload.clone() };
        let mut commit = || -> Result<(), TantivyError> {
            let mut prepared = open.writer.prepare_commit()?;
            prepared.set_payload(&meta.write());
            #[cfg(feature = "failpoints")]
            fail::fail_point!("store::commit", |_| std::process::abort());
            prepared.commit()?;
            #[cfg(feature = "failpoints")]
            fail::fail_point!("store::committed", |_| std::process::abort());
            // Tantivy renames meta.json into place without making the rename durable.
            sync_dir(&partition.path).map_err(TantivyError::from)?;
            Ok(())
        };
        commit().map_err(|source| failed(&id, source))?;
        (open.dirty, open.bytes) = (false, 0);
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.input_bytes = input_bytes;
        }
        self.refresh(&id)
    }

    /// Breaks the seal of a partition, durably, before it changes.
    pub(super) fn unseal(&mut self, id: &PartitionId) -> Result<(), StoreError> {
        if let Some(partition) = self.partitions.get_mut(id).filter(|partition| partition.sealed) {
            Seal::remove(&partition.path).map_err(|error| failed(id, io_error(error)))?;
            partition.sealed = false;
        }
        self.beside.touch(id);
        Ok(())
    }

    /// Whether the partition has documents that are not committed.
    pub(super) fn is_dirty(&self, id: &PartitionId) -> bool {
        self.open.iter().any(|open| open.id == *id && open.dirty)
    }

    /// Takes a partition whose files are damaged out of the way. What is not committed of it is lost here: the
    /// caller adds it again.
    pub(super) fn set_aside(&mut self, id: &PartitionId, damaged: &[PathBuf]) -> Result<(), StoreError> {
        let Some(partition) = self.partitions.remove(id) else { return Ok(()) };
        self.open.retain(|open| open.id != *id);
        self.forget_partition(id);
        self.views.remove(id);
        self.publish_if_whole();
        let place = set_aside(&self.root, id)?;
        self.set_aside += 1;
        error!(partition = %id, ?damaged, place = %place.display(), events = partition.events,
            "partition has damaged files and was set aside; restore it from a snapshot");
        Ok(())
    }

    /// Takes a new view of what is committed of a partition.
    pub(super) fn refresh(&mut self, id: &PartitionId) -> Result<(), StoreError> {
        let Some(partition) = self.partitions.get_mut(id) else { return Ok(()) };
        let view = partition.view().map_err(|source| failed(id, source))?;
        if !self.open.iter().any(|open| open.id == *id && open.dirty) {
            partition.events = view.searcher.num_docs();
        }
        self.views.insert(id.clone(), Arc::new(view));
        Ok(())
    }

    /// Shows everybody the views, unless part of a round is in them; then its end will.
    pub(super) fn publish_if_whole(&self) {
        if self.next_seq == self.durable.next_seq {
            self.publish();
        }
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

    /// The open writer of this partition, by its place; opens it if need be, and closes another for it.
    pub(super) fn open_writer(&mut self, id: &PartitionId) -> Result<usize, StoreError> {
        if self.open.len() >= self.config.max_open_writers && !self.open.iter().any(|open| open.id == *id) {
            self.close_one()?;
        }
        self.open_beside(id)
    }

    /// As [`Self::open_writer`], beside those that are open for events.
    pub(super) fn open_beside(&mut self, id: &PartitionId) -> Result<usize, StoreError> {
        if let Some(at) = self.open.iter().position(|open| open.id == *id) {
            return Ok(at);
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
        let writer: IndexWriter =
            self.partitions[id].index.writer_with_options(options).map_err(|source| failed(id, source))?;
        let mut merges = LogMergePolicy::default();
        merges.set_max_docs_before_merge(MAX_EVENTS_TO_MERGE);
        writer.set_merge_policy(Box::new(merges));
        debug!(partition = %id, "partition opened for writing");
        self.open.push(OpenWriter { id: id.clone(), writer, dirty: false, bytes: 0, last_used: Instant::now() });
        Ok(self.open.len() - 1)
    }

    /// Closes the writer that was used least recently. Its documents are committed without moving the position,
    /// since the batch they belong to is not complete.
    fn close_one(&mut self) -> Result<(), StoreError> {
        let free = (0..self.open.len()).filter(|&at| !self.beside.holds(&self.open[at].id));
        let Some(at) = free.min_by_key(|&at| self.open[at].last_used) else { return Ok(()) };
        if self.open[at].dirty {
            let covered = Payload { next_seq: self.next_seq, ..self.durable.clone() };
            self.commit_partition(at, &covered)?;
        }
        finish(self.open.swap_remove(at));
        Ok(())
    }

    /// Closes what took no event for this long.
    pub fn close_idle(&mut self, idle: Duration) {
        let rests = |open: &OpenWriter| !open.dirty && open.last_used.elapsed() >= idle && !self.beside.holds(&open.id);
        while let Some(at) = self.open.iter().position(rests) {
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
