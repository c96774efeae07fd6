//! Long merges, beside appending: rewriting what holds erased events, and merging and sealing what rests.
//!
//! One merge at a time, on Tantivy's thread of that partition. The writer looks at it now and then and never waits
//! for it; events that come meanwhile go to new segments.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::pin::Pin;
use std::sync::mpsc::SyncSender;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tantivy::index::{SegmentId, SegmentMeta};
use tantivy::{FutureResult, TantivyError};
use tokio::sync::oneshot;
use tracing::{debug, info, warn};

use super::rewrite::{Erased, ErasedReply};
use super::round::{Round, failed};
use crate::StoreError;
use crate::partition::{PartitionId, io_error, sync_dir};
use crate::seal::segment_files;
use crate::upkeep::{Files, Outcome};

/// How often a merge that runs is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long to wait after a step that failed, or while files are still read.
const WAIT: Duration = Duration::from_millis(200);
/// How long the files of a rewritten segment are waited for while searches still read them, before the receipt
/// says so. They are removed later all the same.
const WAIT_FOR_READERS: Duration = Duration::from_secs(10);
/// Segments that together are smaller than this part of the next larger one are not merged with it: an event
/// that comes late must not have the whole day written again.
const SMALL_PART: u64 = 10;

pub(crate) type SealReply = oneshot::Sender<Result<(), StoreError>>;

/// What is to be done beside appending.
pub(super) struct Beside {
    running: Option<Running>,
    rewrites: VecDeque<Rewrite>,
    erasures: BTreeMap<u64, Erasure>,
    next_erasure: u64,
    /// The partition whose files the upkeep thread reads in order to seal it.
    sealing: Option<PartitionId>,
    /// Since when partitions that are not sealed rest.
    rest: BTreeMap<PartitionId, Instant>,
    /// Who waits for all partitions to be sealed.
    seal_all: Vec<SealReply>,
    not_before: Instant,
    jobs: SyncSender<Files>,
}

struct Running {
    id: PartitionId,
    merge: FutureResult<Option<SegmentMeta>>,
}

/// A partition with marked events.
struct Rewrite {
    id: PartitionId,
    /// Segments whose files held them.
    old: BTreeSet<String>,
    /// Since when only files that are still read are in the way.
    rewritten: Option<Instant>,
    erasure: Option<u64>,
}

/// An erasure that waits for its partitions.
struct Erasure {
    left: usize,
    erased: Erased,
    started: Instant,
    reply: ErasedReply,
}

impl Beside {
    /// Partitions that hold marked events are rewritten, as after a crash; the others rest from now on.
    pub fn new<'a>(ids: impl Iterator<Item = (&'a PartitionId, bool)>, jobs: SyncSender<Files>) -> Self {
        let (mut rest, mut rewrites) = (BTreeMap::new(), VecDeque::new());
        let now = Instant::now();
        for (id, has_deletes) in ids {
            rest.insert(id.clone(), now);
            if has_deletes {
                rewrites.push_back(Rewrite::of(id.clone(), None));
            }
        }
        Self {
            running: None,
            rewrites,
            erasures: BTreeMap::new(),
            next_erasure: 0,
            sealing: None,
            rest,
            seal_all: Vec::new(),
            not_before: now,
            jobs,
        }
    }

    /// Whether a merge of this partition runs: its writer must stay open.
    pub fn holds(&self, id: &PartitionId) -> bool {
        self.running.as_ref().is_some_and(|running| running.id == *id)
    }

    /// Notes that a partition was written.
    pub fn touch(&mut self, id: &PartitionId) {
        match self.rest.get_mut(id) {
            Some(since) => *since = Instant::now(),
            None => drop(self.rest.insert(id.clone(), Instant::now())),
        }
    }

    fn finish(&mut self, rewrite: &Rewrite, complete: bool) {
        let Some(number) = rewrite.erasure else { return };
        let Some(erasure) = self.erasures.get_mut(&number) else { return };
        erasure.left -= 1;
        erasure.erased.complete &= complete;
        if erasure.left == 0
            && let Some(erasure) = self.erasures.remove(&number)
        {
            erasure.answer();
        }
    }
}

impl Rewrite {
    fn of(id: PartitionId, erasure: Option<u64>) -> Self {
        Self { id, old: BTreeSet::new(), rewritten: None, erasure }
    }
}

impl Erasure {
    fn answer(mut self) {
        self.erased.gone_after_ms = self.started.elapsed().as_millis() as u64;
        info!(events = self.erased.events, complete = self.erased.complete, "events erased");
        // Whoever asked may be gone.
        drop(self.reply.send(Ok(self.erased)));
    }
}

impl Round {
    /// Has partitions with marked events rewritten, and answers when they are.
    pub(super) fn rewrite_beside(
        &mut self,
        partitions: Vec<PartitionId>,
        erased: Erased,
        started: Instant,
        reply: ErasedReply,
    ) {
        let erasure = Erasure { left: partitions.len(), erased, started, reply };
        if partitions.is_empty() {
            return erasure.answer();
        }
        let number = self.beside.next_erasure;
        self.beside.next_erasure += 1;
        self.beside.erasures.insert(number, erasure);
        self.beside.rewrites.extend(partitions.into_iter().map(|id| Rewrite::of(id, Some(number))));
    }

    /// Seals every partition, however lately it was written, and answers when that is done.
    pub fn seal_all(&mut self, reply: SealReply) {
        self.beside.seal_all.push(reply);
    }

    /// A partition is gone, and what was to be done about it.
    pub(super) fn forget_partition(&mut self, id: &PartitionId) {
        self.beside.running.take_if(|running| running.id == *id);
        self.beside.sealing.take_if(|sealing| sealing == id);
        self.beside.rest.remove(id);
        let all = std::mem::take(&mut self.beside.rewrites).into_iter();
        let (gone, rest): (VecDeque<_>, _) = all.partition(|rewrite| rewrite.id == *id);
        self.beside.rewrites = rest;
        gone.iter().for_each(|rewrite| self.beside.finish(rewrite, true));
    }

    /// Takes the work one step further without waiting for anything, and says when to look again. Partitions
    /// that were not written for `idle` are sealed.
    pub fn advance(&mut self, idle: Duration) -> Option<Duration> {
        let wait = self.beside.not_before.saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            return Some(wait);
        }
        match self.step(idle) {
            Ok(next) => next,
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "a merge failed and is tried again");
                self.fail_seals(&error.to_string());
                self.beside.not_before = Instant::now() + WAIT;
                Some(WAIT)
            }
        }
    }

    fn step(&mut self, idle: Duration) -> Result<Option<Duration>, StoreError> {
        if let Some(running) = &mut self.beside.running {
            let Poll::Ready(result) = Pin::new(&mut running.merge).poll(&mut Context::from_waker(Waker::noop())) else {
                return Ok(Some(LOOK_AGAIN));
            };
            let id = running.id.clone();
            self.beside.running = None;
            self.merged(&id, result)?;
        }
        if !self.beside.rewrites.is_empty() {
            return self.rewrite_step().map(Some);
        }
        self.seal_step(idle)
    }

    fn merged(
        &mut self,
        id: &PartitionId,
        result: Result<Option<SegmentMeta>, TantivyError>,
    ) -> Result<(), StoreError> {
        if let Err(error) = result {
            // Another merge may have taken the segments away; whatever it was, a later step sees what is left.
            debug!(%error, partition = %id, "merge ended without effect");
            self.fail_seals(&error.to_string());
            self.beside.touch(id);
            self.beside.not_before = Instant::now() + WAIT;
        }
        let Some(partition) = self.partitions.get(id) else { return Ok(()) };
        sync_dir(&partition.path).map_err(|error| failed(id, io_error(error)))?;
        self.refresh(id)?;
        self.publish_if_whole();
        Ok(())
    }

    /// Starts the next merge of a partition with marked events, or sees to its files.
    fn rewrite_step(&mut self) -> Result<Duration, StoreError> {
        let Some(mut rewrite) = self.beside.rewrites.pop_front() else { return Ok(LOOK_AGAIN) };
        let Some(partition) = self.partitions.get(&rewrite.id) else {
            self.beside.finish(&rewrite, true);
            return Ok(LOOK_AGAIN);
        };
        let id = rewrite.id.clone();
        let metas = partition.index.searchable_segment_metas().map_err(|source| failed(&id, source))?;
        let stale: Vec<SegmentId> = metas.iter().filter(|meta| meta.has_deletes()).map(SegmentMeta::id).collect();
        drop(metas);
        rewrite.old.extend(stale.iter().map(SegmentId::uuid_string));
        if let Some(segment) = stale.first() {
            rewrite.rewritten = None;
            self.beside.rewrites.push_front(rewrite);
            self.start_merge(&id, &[*segment])?;
            return Ok(LOOK_AGAIN);
        }
        let path = partition.path.clone();
        let gone = self.collect(&id, &path, &rewrite.old);
        match (gone, rewrite.rewritten.get_or_insert_with(Instant::now).elapsed() >= WAIT_FOR_READERS) {
            (Ok(true), _) => {
                self.beside.finish(&rewrite, true);
                Ok(LOOK_AGAIN)
            }
            (Ok(false), true) => {
                self.beside.finish(&rewrite, false);
                // The receipt is given; the files are still waited for.
                self.beside.rewrites.push_back(Rewrite { erasure: None, rewritten: None, ..rewrite });
                self.beside.not_before = Instant::now() + WAIT;
                Ok(WAIT)
            }
            (Ok(false), false) => {
                self.beside.rewrites.push_front(rewrite);
                self.beside.not_before = Instant::now() + WAIT;
                Ok(WAIT)
            }
            (Err(error), _) => {
                self.beside.rewrites.push_front(rewrite);
                Err(error)
            }
        }
    }

    /// Removes files that nothing needs; says whether those of these segments are gone.
    fn collect(&mut self, id: &PartitionId, path: &Path, old: &BTreeSet<String>) -> Result<bool, StoreError> {
        let at = self.open_beside(id)?;
        self.open[at].writer.garbage_collect_files().wait().map_err(|source| failed(id, source))?;
        let gone = !has_files_of(path, old).map_err(|error| failed(id, io_error(error)))?;
        if gone {
            sync_dir(path).map_err(|error| failed(id, io_error(error)))?;
        }
        Ok(gone)
    }

    fn start_merge(&mut self, id: &PartitionId, segments: &[SegmentId]) -> Result<(), StoreError> {
        let at = self.open_beside(id)?;
        let merge = self.open[at].writer.merge(segments);
        self.beside.running = Some(Running { id: id.clone(), merge });
        Ok(())
    }

    /// Goes on with the next partition that rests and is not sealed.
    fn seal_step(&mut self, idle: Duration) -> Result<Option<Duration>, StoreError> {
        if self.beside.sealing.is_some() {
            return Ok(None);
        }
        let idle = if self.beside.seal_all.is_empty() { idle } else { Duration::ZERO };
        let is_open = |id: &PartitionId| !self.partitions.get(id).is_some_and(|partition| partition.sealed);
        let unsealed = self.beside.rest.iter().filter(|(id, _)| is_open(id) && !self.is_dirty(id));
        let Some((id, since)) = unsealed.min_by_key(|(_, since)| **since) else {
            self.beside.seal_all.drain(..).for_each(|reply| drop(reply.send(Ok(()))));
            return Ok(None);
        };
        let left = idle.saturating_sub(since.elapsed());
        if !left.is_zero() {
            return Ok(Some(left));
        }
        let id = id.clone();
        // A failure must not keep the others from being sealed.
        self.beside.touch(&id);
        let Some(partition) = self.partitions.get(&id) else { return Ok(Some(LOOK_AGAIN)) };
        let metas = partition.index.searchable_segment_metas().map_err(|source| failed(&id, source))?;
        let merge = worth_merging(metas.iter().map(|meta| (meta.id(), u64::from(meta.num_docs()))).collect());
        drop(metas);
        if merge.is_empty() {
            if self.beside.jobs.try_send(Files::of(partition)).is_ok() {
                self.beside.sealing = Some(id);
            }
            return Ok(Some(LOOK_AGAIN));
        }
        self.check_room_to_merge(&id)?;
        // It rests still when the merge is over.
        self.beside.rest.insert(id.clone(), Instant::now().checked_sub(idle).unwrap_or_else(Instant::now));
        self.start_merge(&id, &merge)?;
        Ok(Some(LOOK_AGAIN))
    }

    /// Sets the seal that the upkeep thread made, unless the partition was written meanwhile.
    pub fn sealed(&mut self, id: &PartitionId, outcome: Outcome) -> Result<(), StoreError> {
        self.beside.sealing.take_if(|sealing| sealing == id);
        let seal = match outcome {
            Outcome::Sealed(seal) => seal,
            Outcome::Failed(reason) => {
                warn!(partition = %id, reason, "partition not sealed, trying again when it has rested");
                self.fail_seals(&reason);
                return Ok(());
            }
            Outcome::Damaged(files) => return self.set_aside(id, &files),
        };
        let dirty = self.is_dirty(id);
        let Some(partition) = self.partitions.get_mut(id) else { return Ok(()) };
        let metas = partition.index.load_metas().map_err(|source| failed(id, source))?;
        if dirty || !seal.covers(&segment_files(&metas, &partition.path)) {
            return Ok(());
        }
        seal.write(&partition.path).map_err(|error| failed(id, io_error(error)))?;
        info!(partition = %id, events = seal.events, root = seal.root, "partition sealed");
        (partition.seal, partition.sealed) = (Some(seal), true);
        self.close_writer(id);
        Ok(())
    }

    fn fail_seals(&mut self, reason: &str) {
        for reply in self.beside.seal_all.drain(..) {
            drop(reply.send(Err(StoreError::Retry { reason: reason.to_owned() })));
        }
    }
}

/// The segments to merge into one, given how many events each holds: all, but for those that are so much larger
/// than what is left that it does not pay.
fn worth_merging(mut segments: Vec<(SegmentId, u64)>) -> Vec<SegmentId> {
    segments.sort_by_key(|(_, events)| std::cmp::Reverse(*events));
    let mut rest: u64 = segments.iter().map(|(_, events)| events).sum();
    let large = segments.iter().take_while(|(_, events)| {
        rest -= events;
        rest * SMALL_PART < *events
    });
    let large = large.count();
    let merge: Vec<SegmentId> = segments[large..].iter().map(|(id, _)| *id).collect();
    if merge.len() > 1 { merge } else { Vec::new() }
}

/// Whether the directory still has a file of one of these segments.
fn has_files_of(path: &Path, segments: &BTreeSet<String>) -> std::io::Result<bool> {
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if name.split_once('.').is_some_and(|(segment, _)| segments.contains(segment)) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_what_pays() {
        let check = |sizes: &[u64], expect: usize| {
            let segments = sizes.iter().map(|size| (SegmentId::generate_random(), *size)).collect();
            assert_eq!(worth_merging(segments).len(), expect, "{sizes:?}");
        };
        check(&[], 0);
        check(&[5], 0);
        check(&[5, 5], 2);
        check(&[100, 50, 20, 1], 4);
        check(&[1_000, 1], 0);
        check(&[1_000, 1, 1], 2);
        check(&[1_000, 50, 1, 1], 2);
        check(&[1_000, 50, 20, 20], 3);
    }
}
