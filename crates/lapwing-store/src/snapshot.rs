//! A copy of a running store, and the check of its files.
//!
//! A snapshot is a directory that [`Store::open`] opens: to restore, copy it to where the store shall live. It is
//! made of hard links where the file system allows, since segment files never change once written.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tantivy::TantivyError;
use tokio::sync::oneshot;

use crate::partition::{Partition, io_error, sync_dir};
use crate::writer::Command;
use crate::{SearchError, Store, StoreError};

/// A merge may replace the segments while they are linked; then the partition is begun anew.
const ATTEMPTS: usize = 10;

/// What a check found of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionReport {
    /// Its name.
    pub partition: String,
    /// How many events it holds, of all tenants.
    pub events: u64,
    /// How many segments they are in.
    pub segments: usize,
    /// Bytes on disk.
    pub bytes: u64,
    /// Files whose bytes are not those that were written.
    pub damaged: Vec<PathBuf>,
}

impl Store {
    /// Copies the store as of now to `target`, which must not exist, with everything that was appended before.
    /// Appending waits meanwhile.
    pub async fn snapshot(&self, target: &Path) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.command(Command::Snapshot(target.to_owned(), reply)).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Reads every file and compares it with its checksum. Long, and heavy on the disk.
    pub async fn verify(&self) -> Result<Vec<PartitionReport>, SearchError> {
        self.inspect(true).await
    }

    /// Counts events, segments and bytes, without reading the files.
    pub async fn stats(&self) -> Result<Vec<PartitionReport>, SearchError> {
        self.inspect(false).await
    }

    async fn inspect(&self, checksums: bool) -> Result<Vec<PartitionReport>, SearchError> {
        let snapshot = self.shared.snapshot();
        let work = move || {
            let report = |view: &std::sync::Arc<crate::partition::View>| {
                let failed = |source| SearchError::Index { partition: view.id.to_string(), source };
                let bytes = view.searcher.space_usage().map_err(|error| failed(io_error(error)))?.total();
                let damaged = match checksums {
                    true => view.searcher.index().validate_checksum().map_err(failed)?.into_iter().collect(),
                    false => Vec::new(),
                };
                Ok(PartitionReport {
                    partition: view.id.to_string(),
                    events: view.searcher.num_docs(),
                    segments: view.searcher.segment_readers().len(),
                    bytes: bytes.get_bytes(),
                    damaged,
                })
            };
            snapshot.views.iter().map(report).collect()
        };
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(SearchError::Internal))
    }
}

/// Links or copies what is committed of a partition into `root`.
pub(crate) fn copy_partition(partition: &Partition, root: &Path) -> tantivy::Result<()> {
    let target = root.join(partition.id.as_str());
    fs::create_dir_all(&target).map_err(io_error)?;
    let mut attempt = 1;
    loop {
        match try_copy(partition, &target) {
            Err(TantivyError::IoError(error)) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => {
                attempt += 1;
            }
            result => return result,
        }
    }
}

fn try_copy(partition: &Partition, target: &Path) -> tantivy::Result<()> {
    let metas = partition.index.load_metas()?;
    let segments: BTreeSet<String> = metas.segments.iter().map(|segment| segment.id().uuid_string()).collect();
    let mut managed = vec!["meta.json".to_owned()];
    for entry in fs::read_dir(&partition.path).map_err(io_error)? {
        let entry = entry.map_err(io_error)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.split_once('.').is_some_and(|(segment, _)| segments.contains(segment)) {
            link_or_copy(&entry.path(), &target.join(&name)).map_err(io_error)?;
            managed.push(name);
        }
    }
    let meta = serde_json::to_vec(&metas).map_err(|error| TantivyError::InternalError(error.to_string()))?;
    let list = serde_json::to_vec(&managed).map_err(|error| TantivyError::InternalError(error.to_string()))?;
    fs::write(target.join("meta.json"), meta).map_err(io_error)?;
    fs::write(target.join(".managed.json"), list).map_err(io_error)?;
    sync_files(target).map_err(io_error)
}

fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        Err(_) => fs::copy(from, to).map(drop),
        Ok(()) => Ok(()),
    }
}

fn sync_files(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        fs::File::open(entry?.path())?.sync_all()?;
    }
    sync_dir(directory)
}
