//! Where corrupt partitions go: out of the way of the others, kept for whoever wants to save what is left.

use std::fs;
use std::path::{Path, PathBuf};

use crate::StoreError;
use crate::partition::{PartitionId, sync_dir};

/// Moves a partition in `root` to `quarantine/` beside it, under a name that is free; gives the new place.
pub(crate) fn set_aside(root: &Path, id: &PartitionId) -> Result<PathBuf, StoreError> {
    let unusable = |path: &Path, source| StoreError::Directory { path: path.to_owned(), source };
    let place = root.with_file_name("quarantine");
    fs::create_dir_all(&place).map_err(|source| unusable(&place, source))?;
    let free = (0..).map(|n| place.join(format!("{id}.{n}"))).find(|path| !path.exists());
    let target = free.expect("a directory has fewer entries than there are numbers");
    let path = root.join(id.as_str());
    fs::rename(&path, &target).map_err(|source| unusable(&path, source))?;
    sync_dir(&place).and_then(|()| sync_dir(root)).map_err(|source| unusable(&place, source))?;
    Ok(target)
}
