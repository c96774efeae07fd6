//! A copy of a running store.
//!
//! A snapshot is a directory that [`Store::open`] opens: to restore, copy it to where the store shall live. It is
//! made of hard links where the file system allows, since segment files never change once written.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use tantivy::TantivyError;
use tokio::sync::oneshot;

use crate::partition::{Partition, io_error, sync_dir};
use crate::seal;
use crate::writer::Command;
use crate::{Store, StoreError};

/// A merge may replace the segments while they are linked; then the partition is begun anew.
const ATTEMPTS: usize = 10;

/// Where a snapshot is made, in the store's own directory: files can be linked there.
const DRAFT: &str = "snapshot-draft";

impl Store {
    /// Copies the store as of now to `target`, which must not exist, with everything that was appended before.
    /// Appending waits only while files are linked; bytes are copied, if `target` is on another disk, after that.
    pub async fn snapshot(&self, target: &Path) -> Result<(), StoreError> {
        let _alone = self.snapshots.lock().await;
        let unusable = |source| StoreError::Directory { path: target.to_owned(), source };
        if target.exists() {
            return Err(unusable(io::ErrorKind::AlreadyExists.into()));
        }
        remove_draft(&self.dir).map_err(unusable)?;
        let draft = self.dir.join(DRAFT);
        let (reply, answer) = oneshot::channel();
        self.command(Command::Snapshot(draft.clone(), reply)).await?;
        answer.await.map_err(|_| StoreError::Closed)??;
        let place = target.to_owned();
        let moved = tokio::task::spawn_blocking(move || move_tree(&draft, &place)).await;
        moved.map_err(|_| StoreError::Closed)?.map_err(unusable)
    }
}

/// Removes what a snapshot that was cut short left behind.
pub(crate) fn remove_draft(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir.join(DRAFT)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Moves a directory, durably; across file systems by copying it.
fn move_tree(from: &Path, to: &Path) -> io::Result<()> {
    sync_tree(from)?;
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            copy_tree(from, to)?;
            sync_tree(to)?;
            fs::remove_dir_all(from)?;
        }
        result => result?,
    }
    sync_dir(to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_tree(&entry.path(), &target)?,
            false => drop(fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}

fn sync_tree(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => sync_tree(&entry.path())?,
            false => fs::File::open(entry.path())?.sync_all()?,
        }
    }
    sync_dir(directory)
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
    if partition.sealed {
        link_or_copy(&partition.path.join(seal::FILE), &target.join(seal::FILE)).map_err(io_error)?;
    }
    Ok(())
}

fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        Err(_) => fs::copy(from, to).map(drop),
        Ok(()) => Ok(()),
    }
}
