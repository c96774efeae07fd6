//! Reading a file that grows: whole lines with their places, through renaming, copying and truncation.
//!
//! A log is rotated in one of two ways. It is renamed and a new one is made: the old one is read to its end, for as
//! long as somebody may still write to it, and then those that came between, and then the new one. Or it is copied
//! and truncated: what was not read yet stands in the copy, which begins the same.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lapwing_event::Timestamp;

use super::place::{Place, Sending, state_file};

/// A batch holds at most so many lines, and about so many bytes.
const MAX_LINES: usize = 1000;
const MAX_BYTES: usize = 4 << 20;
/// A longer line is no event.
const MAX_LINE: usize = 1 << 20;
const CHUNK: usize = 64 << 10;
/// A file that was renamed is left when so many looks in a row found nothing new in it.
const QUIET_LOOKS: u32 = 8;

/// One file that is followed.
pub struct Tail {
    path: PathBuf,
    state: PathBuf,
    open: Option<Open>,
}

struct Open {
    file: File,
    place: Place,
    /// Another file has the name by now; this one will not grow for long.
    left: bool,
    quiet_looks: u32,
}

/// Lines that are sent together.
#[derive(Debug, Default)]
pub struct Lines {
    /// The lines that are not empty.
    pub lines: Vec<Line>,
    /// Where lines stand that are too long to be read.
    pub too_long: Vec<u64>,
    /// The time of the lines that name none.
    pub at: Timestamp,
    /// What their ids are made of, with their offset.
    pub identity: String,
    end: u64,
    count: u64,
}

/// One line and its place.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// The offset of its first byte.
    pub offset: u64,
    /// Without its end.
    pub text: Vec<u8>,
}

impl Tail {
    /// Follows the file of this name, from where it was left.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), state: state_file(path), open: None }
    }

    /// The file's name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next lines, if there are any. They come again until they are [acknowledged](Self::acknowledge). With
    /// `last`, nothing is waited for: neither a line's end in a file that was renamed, nor more of it.
    pub fn next(&mut self, now: Timestamp, last: bool) -> io::Result<Option<Lines>> {
        loop {
            if self.open.is_none() && !self.resume(now)? {
                return Ok(None);
            }
            let Some(open) = &mut self.open else { return Ok(None) };
            let length = open.file.metadata()?.len();
            if length < open.place.offset || !open.place.begins(&open.file)? {
                self.after_truncation(now)?;
                continue;
            }
            open.place.learn(&open.file)?;
            let over = open.left && (last || open.quiet_looks >= QUIET_LOOKS);
            let lines = open.read(now, over)?;
            if lines.count > 0 {
                open.quiet_looks = 0;
                open.place.sending = Some(Sending { end: lines.end, at_ms: lines.at.millis() });
                open.place.store(&self.state)?;
                return Ok(Some(lines));
            }
            if over {
                self.switch(now)?;
                continue;
            }
            open.quiet_looks += 1;
            let renamed = fs::metadata(&self.path).is_ok_and(|named| !open.place.is_of(&named));
            if !open.left && renamed {
                (open.left, open.quiet_looks) = (true, 0);
            }
            if !(last && open.left) {
                return Ok(None);
            }
        }
    }

    /// These lines need not come again.
    pub fn acknowledge(&mut self, lines: &Lines) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.place.offset = lines.end;
        open.place.lines += lines.count;
        open.place.sending = None;
        open.place.store(&self.state)
    }

    /// Opens the file where it was left, or at its beginning; whether there is one.
    fn resume(&mut self, now: Timestamp) -> io::Result<bool> {
        let named = match File::open(&self.path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let place = Place::load(&self.state)?;
        if let (Some(file), Some(place)) = (&named, &place)
            && place.is_in(file, &file.metadata()?)?
        {
            self.open = named.map(|file| Open::at(file, place.clone(), false));
            return Ok(true);
        }
        if let Some(place) = place
            && let Some(file) = self.rotated(&place)?
        {
            self.open = Some(Open::at(file, place, true));
            return Ok(true);
        }
        let Some(file) = named else { return Ok(false) };
        let place = Place::beginning(&file, now)?;
        self.open = Some(Open::at(file, place, false));
        Ok(true)
    }

    /// The file has become another; the rest of what it was may stand in a copy.
    fn after_truncation(&mut self, now: Timestamp) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        self.open = match self.rotated(&open.place)? {
            Some(copy) => Some(Open::at(copy, open.place, true)),
            None => Some(Open::at(open.file.try_clone()?, Place::beginning(&open.file, now)?, false)),
        };
        Ok(())
    }

    /// From a file that was read to its end to the one that came after it.
    fn switch(&mut self, now: Timestamp) -> io::Result<()> {
        let Some(done) = self.open.take() else { return Ok(()) };
        let written = done.file.metadata()?.modified()?;
        let mut later: Vec<(SystemTime, PathBuf)> = Vec::new();
        for path in self.rotated_names()? {
            let metadata = fs::metadata(&path)?;
            if metadata.modified()? > written && !done.place.is_of(&metadata) {
                later.push((metadata.modified()?, path));
            }
        }
        later.sort();
        let next = later.into_iter().next().map_or_else(|| self.path.clone(), |(_, path)| path);
        match File::open(&next) {
            Ok(file) => {
                let place = Place::beginning(&file, now)?;
                place.store(&self.state)?;
                self.open = Some(Open::at(file, place, next != self.path));
                Ok(())
            }
            // Renamed this moment: the place says where to go on.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The file among the rotated ones that this is a place in.
    fn rotated(&self, place: &Place) -> io::Result<Option<File>> {
        for path in self.rotated_names()? {
            let file = File::open(&path)?;
            if place.is_in(&file, &file.metadata()?)? {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// What this log was rotated to: its name, and behind it a number or a date.
    fn rotated_names(&self) -> io::Result<Vec<PathBuf>> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_rotated = |other: &str| {
            other.strip_prefix(&name).is_some_and(|rest| {
                rest.starts_with(['.', '-']) && rest.bytes().all(|b| b.is_ascii_digit() || b".-_T:".contains(&b))
            })
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(folder.unwrap_or(Path::new(".")))? {
            let entry = entry?;
            if is_rotated(&entry.file_name().to_string_lossy()) && entry.file_type()?.is_file() {
                names.push(entry.path());
            }
        }
        Ok(names)
    }
}

impl Open {
    fn at(file: File, place: Place, left: bool) -> Self {
        Self { file, place, left, quiet_looks: 0 }
    }

    /// The lines behind the place; with `whole`, what stands behind the last line end is a line, too. A batch that
    /// was being sent comes with the same lines again.
    fn read(&self, now: Timestamp, whole: bool) -> io::Result<Lines> {
        let start = self.place.offset;
        let (bound, at) = match self.place.sending {
            Some(sending) => (sending.end, Timestamp::from_millis(sending.at_ms)),
            None => (u64::MAX, Timestamp::from_millis(now.millis())),
        };
        let mut lines = Lines { at, identity: self.place.identity.clone(), end: start, ..Lines::default() };
        let mut line = Vec::new();
        let (mut position, mut begins, mut too_long) = (start, start, false);
        let mut chunk = vec![0; CHUNK];
        let full = |lines: &Lines, position: u64| {
            let bytes = lines.count > 0 && position - start >= MAX_BYTES as u64;
            lines.lines.len() >= MAX_LINES || bytes || lines.end >= bound
        };
        while !full(&lines, position) {
            let read = self.file.read_at(&mut chunk, position)?;
            if read == 0 {
                if whole && (position > begins) {
                    lines.take(self.place.lines, begins, std::mem::take(&mut line), too_long, position);
                }
                break;
            }
            for piece in chunk[..read].split_inclusive(|byte| *byte == b'\n') {
                position += piece.len() as u64;
                if line.len() + piece.len() > MAX_LINE {
                    (too_long, line) = (true, Vec::new());
                } else if !too_long {
                    line.extend_from_slice(piece);
                }
                if piece.ends_with(b"\n") {
                    lines.take(self.place.lines, begins, std::mem::take(&mut line), too_long, position);
                    (begins, too_long) = (position, false);
                    if full(&lines, position) {
                        break;
                    }
                }
            }
        }
        Ok(lines)
    }
}

impl Lines {
    fn take(&mut self, before: u64, offset: u64, text: Vec<u8>, too_long: bool, end: u64) {
        self.count += 1;
        self.end = end;
        let number = before + self.count;
        let text = text.trim_ascii().to_vec();
        match too_long {
            true => self.too_long.push(number),
            false if text.is_empty() => {}
            false => self.lines.push(Line { number, offset, text }),
        }
    }
}

#[cfg(test)]
mod tests;
