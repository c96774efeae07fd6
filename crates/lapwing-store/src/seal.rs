//! The seal of a partition that is no longer written: the SHA-256 of each of its files, and one over all of them.
//!
//! Tantivy's own checksums stand in the files that they check; the seal stands beside them, so that a file that
//! was replaced by another valid one shows too. A seal holds for exactly the files that it names: whatever is
//! written later breaks it, and the partition is sealed anew once it rests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tantivy::{Index, IndexMeta};

use crate::partition::{io_error, sync_dir};

/// Its name in the partition's directory.
pub(crate) const FILE: &str = "seal.json";

const READ_BYTES: usize = 1 << 18;

/// What was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seal {
    /// How many events.
    pub events: u64,
    /// The SHA-256 of each file by name, in hexadecimal.
    pub files: BTreeMap<String, String>,
    /// The SHA-256 over names and hashes.
    pub root: String,
}

impl Seal {
    /// Seals what is committed of an index: reads every file once. Hashes of files that `known` names are taken
    /// over, since files never change.
    pub fn of(index: &Index, dir: &Path, known: Option<&Self>) -> tantivy::Result<Self> {
        let metas = index.load_metas()?;
        let mut files = BTreeMap::new();
        for name in segment_files(&metas, dir) {
            let hash = match known.and_then(|seal| seal.files.get(&name)) {
                Some(hash) => hash.clone(),
                None => hash_file(&dir.join(&name)).map_err(io_error)?,
            };
            files.insert(name, hash);
        }
        let events = metas.segments.iter().map(|segment| u64::from(segment.num_docs())).sum();
        Ok(Self { events, root: root(&files), files })
    }

    /// The seal in a partition's directory; nothing if there is none that can be read.
    pub fn read(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(dir.join(FILE)).ok()?).ok()
    }

    /// Writes it, durably and at once or not at all.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let draft = dir.join("seal.json.new");
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&draft, dir.join(FILE))?;
        sync_dir(dir)
    }

    /// Breaks the seal in a directory, durably.
    pub fn remove(dir: &Path) -> io::Result<()> {
        match fs::remove_file(dir.join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => sync_dir(dir),
        }
    }

    /// Whether it holds for these files.
    pub fn covers(&self, files: &BTreeSet<String>) -> bool {
        self.files.keys().eq(files)
    }

    /// The files that are not what was sealed; the seal itself, if its root is not that of its hashes.
    pub fn damaged(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let mut damaged = Vec::new();
        if self.root != root(&self.files) {
            damaged.push(PathBuf::from(FILE));
        }
        for (name, hash) in &self.files {
            if hash_file(&dir.join(name))? != *hash {
                damaged.push(PathBuf::from(name));
            }
        }
        Ok(damaged)
    }
}

/// The files of the segments that are committed.
pub(crate) fn segment_files(metas: &IndexMeta, dir: &Path) -> BTreeSet<String> {
    let names = metas.list_segment_files().into_iter().filter(|name| dir.join(name).exists());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

fn root(files: &BTreeMap<String, String>) -> String {
    let mut hasher = Sha256::new();
    for (name, hash) in files {
        hasher.update(format!("{hash}  {name}\n"));
    }
    hex(&hasher.finalize())
}

fn hash_file(path: &Path) -> io::Result<String> {
    let mut reader = BufReader::with_capacity(READ_BYTES, File::open(path)?);
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; READ_BYTES]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_seal_shows_every_change() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.store"), "events").unwrap();
        let files: BTreeMap<_, _> =
            [("a.store".to_owned(), hash_file(&dir.path().join("a.store")).unwrap())].into_iter().collect();
        let mut seal = Seal { events: 1, root: root(&files), files };
        seal.write(dir.path()).unwrap();
        assert_eq!(Seal::read(dir.path()), Some(seal.clone()));
        assert_eq!(seal.damaged(dir.path()).unwrap(), Vec::<PathBuf>::new());
        assert!(seal.covers(&["a.store".to_owned()].into()));
        assert!(!seal.covers(&["a.store".to_owned(), "b.store".to_owned()].into()));

        fs::write(dir.path().join("a.store"), "evenTs").unwrap();
        assert_eq!(seal.damaged(dir.path()).unwrap(), [PathBuf::from("a.store")]);
        seal.files.insert("a.store".to_owned(), hash_file(&dir.path().join("a.store")).unwrap());
        assert_eq!(seal.damaged(dir.path()).unwrap(), [PathBuf::from(FILE)], "the root gives a forged hash away");
        Seal::remove(dir.path()).unwrap();
        assert_eq!(Seal::read(dir.path()), None);
    }
}
