//! Batches that wait on disk while the destination is away: bounded, checked, in order.
//!
//! A spool is a folder of segment files that only grow at the end. A record is one batch:
//!
//! ```text
//! length: u32 LE · CRC-32 of the payload: u32 LE · payload: the events' JSON, one a line
//! ```
//!
//! A batch counts as stored once the disk has it. What a crash has torn at the end of a segment fails its
//! checksum and is cut off; what is damaged before the end is passed over and counted. A segment is deleted when
//! its last batch is acknowledged; after a crash its first batches may be sent once more, which the events' ids
//! make harmless. The files hold content as it was emitted and are readable by their owner only.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tracing::warn;

const HEADER: usize = 8;
/// A segment that has grown so long is closed.
const SEGMENT_BYTES: u64 = 8 << 20;
/// No batch is longer; a longer length is damage.
const MAX_RECORD_BYTES: usize = 64 << 20;
const EXTENSION: &str = "spool";

/// The spool of one emitter.
pub(crate) struct Spool {
    folder: PathBuf,
    max_bytes: u64,
    segments: VecDeque<Segment>,
    /// Open on the last segment, if that may still grow.
    writer: Option<File>,
    /// How far the first segment is acknowledged, in bytes.
    acknowledged: u64,
    /// How long the batch is that was read last, in bytes and events.
    read: (u64, usize),
    /// Events that were damaged before this emitter began.
    damaged: usize,
    /// Held for as long as the spool is open, so that two emitters never share it.
    _lock: File,
}

#[derive(Debug)]
struct Segment {
    number: u64,
    bytes: u64,
    /// Those that are not acknowledged.
    events: usize,
}

/// Why a batch is not on disk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    #[error("spool is full")]
    Full,
    #[error("spool cannot be written or read: {0}")]
    Io(#[from] io::Error),
    /// Events were damaged after they had been checked, and are lost.
    #[error("a segment of the spool is damaged; {events} events are lost")]
    Damaged { events: usize },
}

impl Spool {
    /// Opens the folder, which is made if it is not there, and checks what a former process left in it.
    pub(crate) fn open(folder: &Path, max_bytes: u64) -> io::Result<Self> {
        make_folder(folder)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("lock"))?;
        lock.try_lock().map_err(|_| io::Error::new(io::ErrorKind::WouldBlock, "another emitter uses the spool"))?;
        let mut numbers: Vec<u64> = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                numbers.extend(path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok()));
            }
        }
        numbers.sort_unstable();
        let (mut segments, mut damaged) = (VecDeque::new(), 0);
        for number in numbers {
            let checked = check(&path_of(folder, number))?;
            damaged += checked.damaged;
            match checked {
                Checked { bytes: 0, .. } => fs::remove_file(path_of(folder, number))?,
                Checked { bytes, events, .. } => segments.push_back(Segment { number, bytes, events }),
            }
        }
        let folder = folder.to_owned();
        Ok(Self { folder, max_bytes, segments, writer: None, acknowledged: 0, read: (0, 0), damaged, _lock: lock })
    }

    /// Events that were found damaged when the spool was opened, and are left out; told once.
    pub(crate) fn take_damaged(&mut self) -> usize {
        std::mem::take(&mut self.damaged)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// How many events wait.
    pub(crate) fn len(&self) -> usize {
        self.segments.iter().map(|segment| segment.events).sum()
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Stores a batch behind the others; after an error nothing of it is stored.
    pub(crate) fn append<'a>(&mut self, events: impl Iterator<Item = &'a Bytes>) -> Result<(), SpoolError> {
        let mut record = vec![0; HEADER];
        let mut count = 0;
        for json in events {
            count += 1;
            record.extend_from_slice(json);
            record.push(b'\n');
        }
        let payload = record.len() - HEADER;
        if self.bytes() + record.len() as u64 > self.max_bytes || payload > MAX_RECORD_BYTES {
            return Err(SpoolError::Full);
        }
        let crc = crc32fast::hash(&record[HEADER..]);
        record[..4].copy_from_slice(&u32::try_from(payload).expect("a record is bounded").to_le_bytes());
        record[4..HEADER].copy_from_slice(&crc.to_le_bytes());

        self.open_writer()?;
        let (Some(writer), Some(segment)) = (&mut self.writer, self.segments.back_mut()) else {
            unreachable!("an open writer has a segment")
        };
        let stored = writer.write_all(&record).and_then(|()| writer.sync_data());
        if let Err(error) = stored {
            // A full disk may have taken half of it. If even cutting fails, the checksum will tell.
            let _ = writer.set_len(segment.bytes);
            self.writer = None;
            self.forget_last_if_empty();
            return Err(error.into());
        }
        segment.bytes += record.len() as u64;
        segment.events += count;
        if self.segments.back().is_some_and(|segment| segment.bytes >= SEGMENT_BYTES) {
            self.writer = None;
        }
        Ok(())
    }

    /// The events of the oldest batch. It stays until it is [acknowledged](Self::acknowledge).
    pub(crate) fn oldest(&mut self) -> Result<Option<Vec<Bytes>>, SpoolError> {
        let Some(segment) = self.segments.front() else { return Ok(None) };
        let mut file = File::open(path_of(&self.folder, segment.number))?;
        file.seek(SeekFrom::Start(self.acknowledged))?;
        let payload = loop {
            match read_record(&mut file)? {
                Found::Whole(payload) => break Bytes::from(payload),
                Found::Damaged(payload) => self.acknowledged += (HEADER + payload.len()) as u64,
                Found::End => {
                    // What was damaged when the spool was opened is not among these.
                    let events = segment.events;
                    self.drop_first()?;
                    return if events > 0 { Err(SpoolError::Damaged { events }) } else { self.oldest() };
                }
            }
        };
        let lines = payload.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let events: Vec<Bytes> = lines.map(|line| payload.slice_ref(line)).collect();
        self.read = ((HEADER + payload.len()) as u64, events.len());
        Ok(Some(events))
    }

    /// The batch that [`oldest`](Self::oldest) gave need not be kept any longer.
    pub(crate) fn acknowledge(&mut self) -> Result<(), SpoolError> {
        let (bytes, events) = std::mem::take(&mut self.read);
        self.acknowledged += bytes;
        let Some(segment) = self.segments.front_mut() else { return Ok(()) };
        segment.events = segment.events.saturating_sub(events);
        if self.acknowledged < segment.bytes {
            return Ok(());
        }
        // Those that are left were passed over on the way.
        let events = segment.events;
        self.drop_first()?;
        if events > 0 { Err(SpoolError::Damaged { events }) } else { Ok(()) }
    }

    fn drop_first(&mut self) -> io::Result<()> {
        (self.acknowledged, self.read) = (0, (0, 0));
        if self.segments.len() == 1 {
            self.writer = None;
        }
        match self.segments.pop_front() {
            Some(segment) => fs::remove_file(path_of(&self.folder, segment.number)),
            None => Ok(()),
        }
    }

    fn open_writer(&mut self) -> io::Result<()> {
        if self.writer.is_some() {
            return Ok(());
        }
        let number = self.segments.back().map_or(0, |segment| segment.number + 1);
        let file = create(&path_of(&self.folder, number))?;
        // Or a power cut would lose the file's name, and the file with it.
        File::open(&self.folder)?.sync_all()?;
        self.segments.push_back(Segment { number, bytes: 0, events: 0 });
        self.writer = Some(file);
        Ok(())
    }

    fn forget_last_if_empty(&mut self) {
        if self.segments.back().is_some_and(|segment| segment.bytes == 0)
            && let Some(segment) = self.segments.pop_back()
        {
            // What stays behind is found empty at the next start.
            let _ = fs::remove_file(path_of(&self.folder, segment.number));
        }
    }
}

fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.{EXTENSION}"))
}

/// What a segment was found to hold.
struct Checked {
    /// How long it is up to its last whole record.
    bytes: u64,
    /// Events in whole records.
    events: usize,
    /// Events in records before the last whole one that are not what was written.
    damaged: usize,
}

/// Looks through a segment; what is behind its last whole record is cut off.
fn check(path: &Path) -> io::Result<Checked> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut checked = Checked { bytes: 0, events: 0, damaged: 0 };
    let (mut at, mut behind) = (0, 0);
    loop {
        match read_record(&mut file)? {
            Found::Whole(payload) => {
                at += (HEADER + payload.len()) as u64;
                checked.bytes = at;
                checked.events += events_in(&payload);
                checked.damaged += std::mem::take(&mut behind);
            }
            Found::Damaged(payload) => {
                at += (HEADER + payload.len()) as u64;
                behind += events_in(&payload).max(1);
            }
            Found::End => break,
        }
    }
    let torn = file.metadata()?.len().saturating_sub(checked.bytes);
    if torn > 0 {
        warn!(path = %path.display(), torn, "end of a spool's segment is not whole, as after a crash, and is cut off");
        file.set_len(checked.bytes)?;
    }
    Ok(checked)
}

fn events_in(payload: &[u8]) -> usize {
    payload.iter().filter(|byte| **byte == b'\n').count()
}

/// What stands at a place of a segment.
enum Found {
    /// A payload as it was written.
    Whole(Vec<u8>),
    /// As many bytes as a payload should have, with another checksum.
    Damaged(Vec<u8>),
    /// No record.
    End,
}

fn read_record(file: &mut File) -> io::Result<Found> {
    let mut header = [0; HEADER];
    if !read_whole(file, &mut header)? {
        return Ok(Found::End);
    }
    let [a, b, c, d, crc @ ..] = header;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if !(1..=MAX_RECORD_BYTES).contains(&length) {
        return Ok(Found::End);
    }
    let mut payload = vec![0; length];
    if !read_whole(file, &mut payload)? {
        return Ok(Found::End);
    }
    let is_whole = crc32fast::hash(&payload) == u32::from_le_bytes(crc);
    Ok(if is_whole { Found::Whole(payload) } else { Found::Damaged(payload) })
}

fn read_whole(file: &mut File, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn batch(texts: &[&str]) -> Vec<Bytes> {
        texts.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect()
    }

    fn put(spool: &mut Spool, texts: &[&str]) -> Result<(), SpoolError> {
        spool.append(batch(texts).iter())
    }

    /// Takes everything out, batch by batch.
    fn drain(spool: &mut Spool) -> Vec<Vec<Bytes>> {
        let mut all = Vec::new();
        while let Some(events) = spool.oldest().unwrap() {
            all.push(events);
            spool.acknowledge().unwrap();
        }
        all
    }

    #[test]
    fn batches_come_out_as_they_went_in_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let mut spool = Spool::open(&path, 1 << 20).unwrap();
        put(&mut spool, &["a", "b"]).unwrap();
        put(&mut spool, &["c"]).unwrap();
        assert_eq!(spool.oldest().unwrap().unwrap(), batch(&["a", "b"]));
        drop(spool);

        let mut spool = Spool::open(&path, 1 << 20).unwrap();
        put(&mut spool, &["d"]).unwrap();
        assert_eq!(spool.len(), 4);
        assert_eq!(drain(&mut spool), [batch(&["a", "b"]), batch(&["c"]), batch(&["d"])]);
        assert_eq!((spool.len(), spool.bytes()), (0, 0));
        put(&mut spool, &["e"]).unwrap();
        assert_eq!(drain(&mut spool), [batch(&["e"])]);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "only the lock is left");
    }

    #[test]
    fn it_is_bounded_and_keeps_the_oldest() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 25).unwrap();
        put(&mut spool, &["a"]).unwrap();
        put(&mut spool, &["b"]).unwrap();
        assert!(matches!(put(&mut spool, &["c"]), Err(SpoolError::Full)));
        assert_eq!(drain(&mut spool), [batch(&["a"]), batch(&["b"])]);
        put(&mut spool, &["d"]).unwrap();
    }

    #[test]
    fn what_a_crash_has_torn_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_of(folder.path(), 0);
        let write = || {
            let mut spool = Spool::open(folder.path(), 1 << 20).unwrap();
            put(&mut spool, &["first"]).unwrap();
            put(&mut spool, &["second"]).unwrap();
        };
        write();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let mut spool = Spool::open(folder.path(), 1 << 20).unwrap();
            put(&mut spool, &["third"]).unwrap();
            let expect: &[&str] = if length < HEADER + 6 { &["third"] } else { &["first", "third"] };
            let got = drain(&mut spool).concat();
            assert_eq!(got, batch(expect), "{length}");
        }
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x10;
            fs::write(&path, &damaged).unwrap();
            let mut spool = Spool::open(folder.path(), 1 << 20).unwrap();
            // With its length, a record takes those behind it along.
            let (expect, lost): (&[&str], usize) = match place {
                0..4 => (&[], 0),
                _ if place < HEADER + 6 => (&["second"], 1),
                _ => (&["first"], 0),
            };
            assert_eq!(drain(&mut spool).concat(), batch(expect), "{place}");
            assert_eq!((spool.take_damaged(), spool.take_damaged()), (lost, 0), "{place}");
        }
    }

    #[test]
    fn what_is_damaged_while_it_waits_is_told_and_the_rest_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 1 << 20).unwrap();
        put(&mut spool, &["a", "b"]).unwrap();
        put(&mut spool, &["c"]).unwrap();
        let path = path_of(folder.path(), 0);
        let mut damaged = fs::read(&path).unwrap();
        damaged[HEADER] ^= 1;
        fs::write(&path, damaged).unwrap();
        assert_eq!(spool.oldest().unwrap().unwrap(), batch(&["c"]));
        assert!(matches!(spool.acknowledge(), Err(SpoolError::Damaged { events: 2 })));
        assert!(spool.is_empty());
    }

    #[test]
    fn segments_are_closed_and_deleted_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 1 << 30).unwrap();
        let large = "x".repeat(5 << 20);
        (0..5).for_each(|_| put(&mut spool, &[&large]).unwrap());
        assert_eq!(spool.segments.len(), 3);
        for left in [3, 2, 2, 1, 0] {
            spool.oldest().unwrap().unwrap();
            spool.acknowledge().unwrap();
            assert_eq!(spool.segments.len(), left);
        }
    }

    #[test]
    fn two_emitters_never_share_a_spool() {
        let folder = tempfile::tempdir().unwrap();
        let first = Spool::open(folder.path(), 1 << 20).unwrap();
        assert_eq!(Spool::open(folder.path(), 1 << 20).err().unwrap().kind(), io::ErrorKind::WouldBlock);
        drop(first);
        Spool::open(folder.path(), 1 << 20).unwrap();
    }
}
