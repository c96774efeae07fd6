//! How far a file was read and acknowledged, kept beside it over restarts.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use lapwing_event::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// So many of a file's first bytes tell it from others.
const FINGERPRINT_BYTES: u64 = 256;
/// Fewer bytes than these may be the same in two files.
const TELLING_BYTES: u64 = 64;

/// A place in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// What the ids of the file's events are made of: given once, since an inode is given again.
    pub identity: String,
    inode: u64,
    fingerprint: Fingerprint,
    /// Everything before it is acknowledged.
    pub offset: u64,
    /// So many lines are before it.
    pub lines: u64,
    /// What was being sent when this was written.
    pub sending: Option<Sending>,
}

/// A batch that may or may not have arrived. Sent again, it is the same: the same lines with the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    /// The offset behind it.
    pub end: u64,
    /// The time of its lines that name none.
    pub at_ms: i64,
}

/// A hash of a file's first bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Fingerprint {
    bytes: u64,
    sha256: String,
}

impl Place {
    /// The beginning of a file that was not seen before.
    pub fn beginning(file: &File, now: Timestamp) -> io::Result<Self> {
        let inode = file.metadata()?.ino();
        let identity = format!("{inode}-{}", now.nanos());
        Ok(Self { identity, inode, fingerprint: fingerprint(file, 0)?, offset: 0, lines: 0, sending: None })
    }

    /// Whether it is a place in this file: the same inode or a copy, that begins the same and reaches as far.
    pub fn is_in(&self, file: &File, metadata: &Metadata) -> io::Result<bool> {
        let same = metadata.ino() == self.inode || self.fingerprint.bytes >= TELLING_BYTES;
        Ok(same && metadata.len() >= self.offset && self.begins(file)?)
    }

    /// Whether the file still begins as it did.
    pub fn begins(&self, file: &File) -> io::Result<bool> {
        Ok(fingerprint(file, self.fingerprint.bytes)? == self.fingerprint)
    }

    /// Whether the metadata are of the file itself and not of another by its name.
    pub fn is_of(&self, metadata: &Metadata) -> bool {
        metadata.ino() == self.inode
    }

    /// Takes more of the file's beginning into account as it grows.
    pub fn learn(&mut self, file: &File) -> io::Result<()> {
        let known = file.metadata()?.len().min(FINGERPRINT_BYTES);
        if known > self.fingerprint.bytes {
            self.fingerprint = fingerprint(file, known)?;
        }
        Ok(())
    }

    /// The place that was written last, if any.
    pub fn load(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it whole or not at all.
    pub fn store(&self, path: &Path) -> io::Result<()> {
        let new = path.with_extension("lapwing-new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_data()?;
        fs::rename(&new, path)
    }
}

/// Where the place in a file is kept: beside it, under a hidden name.
pub fn state_file(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!(".{name}.lapwing"))
}

fn fingerprint(file: &File, bytes: u64) -> io::Result<Fingerprint> {
    let mut first = vec![0; usize::try_from(bytes).unwrap_or_default()];
    let mut read = 0;
    while read < first.len() {
        match file.read_at(&mut first[read..], read as u64)? {
            0 => break,
            some => read += some,
        }
    }
    let hash = Sha256::digest(&first[..read]);
    let sha256 = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Fingerprint { bytes: read as u64, sha256 })
}
