//! Looking at a store without changing it: counts, sizes, checksums and seals. [`inspect`] needs no running store
//! and does not disturb one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lapwing_event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::partition::{Partition, PartitionId, io_error};
use crate::seal::Seal;
use crate::upkeep::damaged_files;
use crate::{SearchError, Store, StoreError};

/// A running store may replace files while they are looked at; then the partition is begun anew.
const ATTEMPTS: usize = 5;

/// What was found of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionReport {
    /// Its name.
    pub partition: String,
    /// How many events it holds, of all tenants.
    pub events: u64,
    /// How many segments they are in.
    pub segments: usize,
    /// Bytes on disk.
    pub bytes: u64,
    /// Bytes of the events' JSON as they came; after an erasure, by its share. 0 if nobody counted.
    pub input_bytes: u64,
    /// The time of its earliest event.
    pub oldest: Option<Timestamp>,
    /// The time of its latest event.
    pub newest: Option<Timestamp>,
    /// The hash over all its files, if it is sealed and was not written since.
    pub root: Option<String>,
    /// Files whose bytes are not those that were written.
    pub damaged: Vec<PathBuf>,
    /// Why it cannot be opened.
    pub fault: Option<String>,
}

impl PartitionReport {
    /// Whether nothing is wrong with it, as far as was looked.
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty() && self.fault.is_none()
    }
}

/// Looks at the store in `dir`, the oldest partition first; with `check`, reads every file and compares it with its
/// checksum and, where there is one, with the seal. Changes nothing, and may run beside a server.
pub fn inspect(dir: &Path, check: bool) -> Result<Vec<PartitionReport>, StoreError> {
    let root = dir.join("partitions");
    let unusable = |source| StoreError::Directory { path: root.clone(), source };
    let mut ids = Vec::new();
    for entry in fs::read_dir(&root).map_err(unusable)? {
        ids.extend(entry.map_err(unusable)?.file_name().to_str().and_then(PartitionId::parse));
    }
    ids.sort();
    // A directory without an index is one that was being made when its server ended.
    ids.retain(|id| root.join(id.as_str()).join("meta.json").exists());
    Ok(ids.into_iter().map(|id| report_of(&root, &id, check)).collect())
}

impl Store {
    /// Reads every file and compares it with its checksum and seal. Long, and heavy on the disk.
    pub async fn verify(&self) -> Result<Vec<PartitionReport>, SearchError> {
        self.inspect(true).await
    }

    /// Counts events, segments and bytes of every partition, without reading the files.
    pub async fn stats(&self) -> Result<Vec<PartitionReport>, SearchError> {
        self.inspect(false).await
    }

    async fn inspect(&self, check: bool) -> Result<Vec<PartitionReport>, SearchError> {
        let dir = self.dir.clone();
        let reports = tokio::task::spawn_blocking(move || inspect(&dir, check)).await;
        reports.ok().and_then(Result::ok).ok_or(SearchError::Internal)
    }
}

fn report_of(root: &Path, id: &PartitionId, check: bool) -> PartitionReport {
    let mut attempt = 1;
    loop {
        let path = root.join(id.as_str());
        match look(root, id, check) {
            Ok(report) => return report,
            // Retention may have dropped it.
            Err(_) if attempt < ATTEMPTS && path.exists() => attempt += 1,
            Err(error) => {
                let partition = id.to_string();
                return PartitionReport { partition, fault: Some(error.to_string()), ..PartitionReport::default() };
            }
        }
    }
}

fn look(root: &Path, id: &PartitionId, check: bool) -> tantivy::Result<PartitionReport> {
    let partition = Partition::open(root, id.clone())?;
    let view = partition.view()?;
    let seal = partition.seal.as_ref().filter(|_| partition.sealed);
    let mut damaged = Vec::new();
    if check {
        damaged = damaged_files(&partition.index, &partition.path, None)?;
        damaged.extend(seal.map_or(Ok(Vec::new()), |seal| seal.damaged(&partition.path)).map_err(io_error)?);
        damaged.sort();
        damaged.dedup();
        if Seal::read(&partition.path).as_ref() != partition.seal.as_ref() {
            let changed = io::Error::new(io::ErrorKind::NotFound, "the seal changed while it was looked at");
            return Err(io_error(changed));
        }
    }
    Ok(PartitionReport {
        partition: id.to_string(),
        events: view.searcher.num_docs(),
        segments: view.searcher.segment_readers().len(),
        bytes: view.bytes().map_err(io_error)?,
        input_bytes: partition.input_bytes,
        oldest: view.times.map(|(first, _)| first),
        newest: view.times.map(|(_, last)| last),
        root: seal.map(|seal| seal.root.clone()),
        damaged,
        fault: None,
    })
}
