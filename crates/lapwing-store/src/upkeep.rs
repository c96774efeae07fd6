//! The upkeep thread: reads files beside writing and searching. At start it compares every partition with its
//! checksums, later it seals partitions that rest. What it finds it tells the writer, who alone changes anything.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tantivy::Index;
use tantivy::directory::error::OpenReadError;
use tokio::sync::mpsc::WeakSender;
use tracing::{debug, warn};

use crate::partition::{Partition, PartitionId};
use crate::seal::{Seal, segment_files};
use crate::writer::Command;

/// The files of one partition.
#[derive(Clone)]
pub(crate) struct Files {
    pub id: PartitionId,
    index: Index,
    dir: PathBuf,
    seal: Option<Seal>,
}

impl Files {
    pub fn of(partition: &Partition) -> Self {
        let Partition { id, index, path, seal, .. } = partition;
        Self { id: id.clone(), index: index.clone(), dir: path.clone(), seal: seal.clone() }
    }
}

/// What came of sealing.
pub(crate) enum Outcome {
    Sealed(Seal),
    /// These files are not what was written.
    Damaged(Vec<PathBuf>),
    Failed(String),
}

/// The thread's state.
pub(crate) struct Upkeep {
    /// Partitions to seal. It ends when the writer does.
    pub jobs: Receiver<Files>,
    pub commands: WeakSender<Command>,
    /// How fast files are read at start; 0 is not at all.
    pub scrub_bytes_per_s: u64,
}

impl Upkeep {
    /// Checks these partitions, then seals what it is given, until the writer ends.
    pub fn run(self, partitions: Vec<Files>) {
        if self.scrub_bytes_per_s > 0 {
            for files in partitions {
                match self.scrub(&files) {
                    Ok(damaged) if damaged.is_empty() => debug!(partition = %files.id, "checksums hold"),
                    Ok(damaged) => self.tell(Command::Damaged(files.id, damaged)),
                    Err(Interrupted) => return,
                }
            }
        }
        while let Ok(files) = self.jobs.recv() {
            self.seal(files);
        }
    }

    fn seal(&self, files: Files) {
        let Files { id, index, dir, seal } = files;
        let outcome = match damaged_files(&index, &dir, seal.as_ref()) {
            Ok(damaged) if !damaged.is_empty() => Outcome::Damaged(damaged),
            Ok(_) => match Seal::of(&index, &dir, seal.as_ref()) {
                Ok(seal) => Outcome::Sealed(seal),
                Err(error) => Outcome::Failed(error.to_string()),
            },
            Err(error) => Outcome::Failed(error.to_string()),
        };
        self.tell(Command::Sealed(id, outcome));
    }

    /// The damaged files of a partition, read slowly. Between two files it serves whoever wants to seal.
    fn scrub(&self, files: &Files) -> Result<Vec<PathBuf>, Interrupted> {
        let names = match files.index.load_metas() {
            Ok(metas) => segment_files(&metas, &files.dir),
            Err(error) => {
                warn!(%error, partition = %files.id, "checksums not compared");
                return Ok(Vec::new());
            }
        };
        let mut damaged = Vec::new();
        for name in names {
            let path = PathBuf::from(name);
            if !is_whole(&files.index, &path) {
                damaged.push(path.clone());
            }
            let bytes = std::fs::metadata(files.dir.join(&path)).map_or(0, |meta| meta.len());
            self.pause(Duration::from_secs_f64(bytes as f64 / self.scrub_bytes_per_s as f64))?;
        }
        Ok(damaged)
    }

    fn pause(&self, time: Duration) -> Result<(), Interrupted> {
        match self.jobs.recv_timeout(time) {
            Ok(files) => self.seal(files),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Interrupted),
        }
        Ok(())
    }

    fn tell(&self, command: Command) {
        if let Some(commands) = self.commands.upgrade() {
            // It fails only when the writer is gone, who then needs no telling.
            let _ = commands.blocking_send(command);
        }
    }
}

/// The writer has ended.
struct Interrupted;

/// The committed files, but for those that `known` names, whose bytes do not have their checksum.
pub(crate) fn damaged_files(
    index: &Index,
    dir: &std::path::Path,
    known: Option<&Seal>,
) -> tantivy::Result<Vec<PathBuf>> {
    let names = segment_files(&index.load_metas()?, dir).into_iter();
    let fresh = names.filter(|name| known.is_none_or(|seal| !seal.files.contains_key(name)));
    Ok(fresh.map(PathBuf::from).filter(|path| !is_whole(index, path)).collect())
}

fn is_whole(index: &Index, path: &std::path::Path) -> bool {
    match index.directory().validate_checksum(path) {
        Ok(whole) => whole,
        // A merge replaced it in the meantime.
        Err(OpenReadError::FileDoesNotExist(_)) => true,
        Err(error) => {
            warn!(%error, file = %path.display(), "file cannot be read");
            false
        }
    }
}
