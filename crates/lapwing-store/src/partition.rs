//! A partition: one Tantivy index with the events of one day or hour (UTC, by `@timestamp`), in a directory
//! named after it. Once it is full, further events of its span go to another part. Names sort by time and part.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use lapwing_event::Timestamp;
use serde::{Deserialize, Serialize};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, Index, IndexReader, ReloadPolicy, Searcher, TERMINATED, Term};
use time::{OffsetDateTime, Time};

use crate::payload::{PartitionMeta, Payload};
use crate::schema::{self, Fields};
use crate::seal::{Seal, segment_files};
use crate::tokenizer;

/// Decompressed document blocks kept for each segment; there may be hundreds of segments.
const DOC_CACHE_BLOCKS: usize = 4;

/// Digits of a part's number, so that names sort as numbers do.
const PART_DIGITS: usize = 4;

/// How long a partition's span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Granularity {
    /// One index a day.
    Day,
    /// One index an hour.
    Hour,
}

impl Granularity {
    /// Which span since the epoch a time lies in.
    pub(crate) fn ordinal(self, at: Timestamp) -> i64 {
        let hours = match self {
            Self::Day => 24,
            Self::Hour => 1,
        };
        at.nanos().div_euclid(hours * 3_600 * 1_000_000_000)
    }
}

/// The name of a partition, such as `2026-11-24` or `2026-11-24T06`; `2026-11-24.0002` is the day's third part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PartitionId(String);

impl PartitionId {
    /// The partition of an event of this time.
    pub fn of(at: Timestamp, granularity: Granularity) -> Self {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.nanos()))
            .expect("every timestamp lies between the years 1677 and 2262");
        let (year, month, day) = at.to_calendar_date();
        let date = format!("{year:04}-{:02}-{day:02}", u8::from(month));
        Self(match granularity {
            Granularity::Day => date,
            Granularity::Hour => format!("{date}T{:02}", at.hour()),
        })
    }

    /// The name without its part.
    fn base(&self) -> &str {
        self.0.split_once('.').map_or(&self.0, |(base, _)| base)
    }

    /// The part of the same span that comes after this one.
    pub fn next_part(&self) -> Self {
        let part = self.part().unwrap_or_default() + 1;
        Self(format!("{}.{part:0PART_DIGITS$}", self.base()))
    }

    /// Whether both are parts of one span.
    pub fn is_part_of(&self, other: &Self) -> bool {
        self.base() == other.base()
    }

    fn part(&self) -> Option<u32> {
        match self.0.split_once('.') {
            None => Some(0),
            Some((_, part)) if part.len() == PART_DIGITS && part.bytes().all(|b| b.is_ascii_digit()) => {
                part.parse().ok().filter(|part| *part > 0)
            }
            Some(_) => None,
        }
    }

    /// Reads a directory's name.
    pub fn parse(name: &str) -> Option<Self> {
        let id = Self(name.to_owned());
        id.span().map(|_| id)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The half-open span of time that the partition covers; nothing if the name is none.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.part()?;
        let (date, hour) = match self.base().split_once('T') {
            Some((date, hour)) => (date, Some(hour.parse::<u8>().ok()?)),
            None => (self.base(), None),
        };
        let mut parts = date.splitn(3, '-');
        let (year, month, day) = (parts.next()?.parse().ok()?, parts.next()?.parse::<u8>().ok()?, parts.next()?);
        let date = time::Date::from_calendar_date(year, month.try_into().ok()?, day.parse().ok()?).ok()?;
        let start = date.with_time(Time::from_hms(hour.unwrap_or(0), 0, 0).ok()?).assume_utc();
        let length = if hour.is_some() { time::Duration::HOUR } else { time::Duration::DAY };
        let nanos = |at: OffsetDateTime| i64::try_from(at.unix_timestamp_nanos()).unwrap_or(i64::MAX);
        Some((Timestamp::from_nanos(nanos(start)), Timestamp::from_nanos(nanos(start + length))))
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An index that is open for reading.
#[derive(Clone)]
pub(crate) struct Partition {
    pub id: PartitionId,
    pub path: PathBuf,
    pub index: Index,
    pub fields: Fields,
    /// The layout it was written in.
    pub format: u32,
    pub payload: Payload,
    /// Bytes of JSON of its events, as far as committed.
    pub input_bytes: u64,
    /// How many events it holds, those not committed included.
    pub events: u64,
    /// The last seal, which may be broken since.
    pub seal: Option<Seal>,
    /// Whether the seal is whole.
    pub sealed: bool,
    reader: IndexReader,
}

impl Partition {
    /// Opens the partition in `root`, creating it if it does not exist.
    pub fn open_or_create(root: &Path, id: PartitionId) -> tantivy::Result<Self> {
        let path = root.join(id.as_str());
        fs::create_dir_all(&path).map_err(io_error)?;
        let directory = tantivy::directory::MmapDirectory::open(&path)?;
        let index = match Index::exists(&directory)? {
            true => Index::open(directory)?,
            // A crash between creating the directory and writing its first meta.json leaves it empty.
            false => Index::create(directory, schema::schema(), schema::settings())?,
        };
        sync_dir(&path).and_then(|()| sync_dir(root)).map_err(io_error)?;
        Self::over(id, path, index)
    }

    /// Opens an existing partition in `root`.
    pub fn open(root: &Path, id: PartitionId) -> tantivy::Result<Self> {
        let path = root.join(id.as_str());
        let index = Index::open_in_dir(&path)?;
        Self::over(id, path, index)
    }

    fn over(id: PartitionId, path: PathBuf, index: Index) -> tantivy::Result<Self> {
        tokenizer::register(index.tokenizers());
        let fields = Fields::of(&index.schema())?;
        let metas = index.load_metas()?;
        let meta = PartitionMeta::read(metas.payload.as_deref())?;
        let seal = Seal::read(&path);
        let sealed = seal.as_ref().is_some_and(|seal| seal.covers(&segment_files(&metas, &path)));
        let events = metas.segments.iter().map(|segment| u64::from(segment.num_docs())).sum();
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .doc_store_cache_num_blocks(DOC_CACHE_BLOCKS)
            .try_into()?;
        let PartitionMeta { format, input_bytes, payload } = meta;
        Ok(Self { id, path, index, fields, format, payload, input_bytes, events, seal, sealed, reader })
    }

    /// A view of what is committed now.
    pub fn view(&self) -> tantivy::Result<View> {
        self.reader.reload()?;
        View::over(self.id.clone(), self.fields.clone(), self.reader.searcher())
    }
}

/// What was committed of a partition at one moment.
pub(crate) struct View {
    pub id: PartitionId,
    pub fields: Fields,
    pub searcher: Searcher,
    /// The earliest and the latest event, both inclusive; nothing if it is empty.
    pub times: Option<(Timestamp, Timestamp)>,
    /// The least and the greatest event id; nothing if it is empty.
    ids: Option<(Vec<u8>, Vec<u8>)>,
}

impl View {
    fn over(id: PartitionId, fields: Fields, searcher: Searcher) -> tantivy::Result<Self> {
        let (mut times, mut ids) = (None, None);
        for segment in searcher.segment_readers() {
            let column = segment.fast_fields().date(schema::TIME)?;
            let time = |at: tantivy::DateTime| Timestamp::from_nanos(at.into_timestamp_nanos());
            widen(&mut times, time(column.min_value()), time(column.max_value()));
            let Some(field) = fields.get("id") else { continue };
            let inverted = segment.inverted_index(field)?;
            let first = first_term(inverted.terms().range().into_stream().map_err(io_error)?);
            let last = first_term(inverted.terms().range().backward().into_stream().map_err(io_error)?);
            if let (Some(first), Some(last)) = (first, last) {
                widen(&mut ids, first, last);
            }
        }
        Ok(Self { id, fields, searcher, times, ids })
    }

    /// Whether it holds events that are marked as deleted.
    pub fn has_deletes(&self) -> bool {
        self.searcher.segment_readers().iter().any(|segment| segment.has_deletes())
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> io::Result<u64> {
        Ok(self.searcher.space_usage()?.total().get_bytes())
    }

    /// Whether the partition holds the tenant's event with this id.
    pub fn contains(&self, tenant: &str, id: &str) -> tantivy::Result<bool> {
        match &self.ids {
            Some((first, last)) if (first.as_slice()..=last.as_slice()).contains(&id.as_bytes()) => {}
            _ => return Ok(false),
        }
        let Some(field) = self.fields.get("id") else { return Ok(false) };
        let term = Term::from_field_text(field, id);
        for segment in self.searcher.segment_readers() {
            let inverted = segment.inverted_index(field)?;
            let Some(mut postings) = inverted.read_postings(&term, IndexRecordOption::Basic).map_err(io_error)? else {
                continue;
            };
            let Some(tenants) = segment.fast_fields().str("tenant.id")? else { continue };
            let mut owner = String::new();
            while postings.doc() != TERMINATED {
                for ord in tenants.term_ords(postings.doc()) {
                    owner.clear();
                    tenants.ord_to_str(ord, &mut owner).map_err(io_error)?;
                    if owner == tenant {
                        return Ok(true);
                    }
                }
                postings.advance();
            }
        }
        Ok(false)
    }
}

/// Makes a closed range cover another one.
fn widen<T: Ord>(range: &mut Option<(T, T)>, low: T, high: T) {
    *range = Some(match range.take() {
        Some((first, last)) => (first.min(low), last.max(high)),
        None => (low, high),
    });
}

fn first_term(mut stream: tantivy::termdict::TermStreamer<'_>) -> Option<Vec<u8>> {
    stream.advance().then(|| stream.key().to_vec())
}

/// Makes the entries of a directory durable: names survive a power cut only after this.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

pub(crate) fn io_error(error: io::Error) -> tantivy::TantivyError {
    tantivy::TantivyError::from(error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_says_its_span() {
        let at = Timestamp::parse("2026-11-24T06:30:00Z").unwrap();
        let check = |granularity, name: &str, from: &str, to: &str| {
            let id = PartitionId::of(at, granularity);
            assert_eq!(id.as_str(), name);
            let (start, end) = PartitionId::parse(name).unwrap().span().unwrap();
            assert_eq!((start.to_string(), end.to_string()), (from.to_owned(), to.to_owned()));
        };
        check(Granularity::Day, "2026-11-24", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z");
        check(Granularity::Hour, "2026-11-24T06", "2026-11-24T06:00:00Z", "2026-11-24T07:00:00Z");
    }

    #[test]
    fn parts_have_the_span_of_the_whole_and_sort_behind_it() {
        let whole = PartitionId::parse("2026-11-24").unwrap();
        let (second, tenth) = (whole.next_part(), PartitionId::parse("2026-11-24.0009").unwrap());
        let next_day = PartitionId::parse("2026-11-25").unwrap();
        assert_eq!((second.as_str(), tenth.next_part().as_str()), ("2026-11-24.0001", "2026-11-24.0010"));
        assert!(whole < second && second < tenth && tenth < tenth.next_part() && tenth.next_part() < next_day);
        assert_eq!(second.span(), whole.span());
        assert!(tenth.is_part_of(&whole) && !next_day.is_part_of(&whole));
        assert_eq!(
            PartitionId::parse("2026-11-24T06.0001").unwrap().span().unwrap().0.to_string(),
            "2026-11-24T06:00:00Z"
        );
    }

    #[test]
    fn other_names_are_no_partitions() {
        let parts = ["2026-11-24.1", "2026-11-24.0000", "2026-11-24.00a1", "2026-11-24.", "2026-11-24.0001.0001"];
        for name in
            parts.into_iter().chain(["", "lost+found", "2026-13-01", "2026-11-24T24", "2026-11", "2026-11-24T06Z"])
        {
            assert_eq!(PartitionId::parse(name), None, "{name}");
        }
    }

    #[test]
    fn the_ends_of_time_have_partitions() {
        for nanos in [i64::MIN, -1, 0, i64::MAX] {
            let id = PartitionId::of(Timestamp::from_nanos(nanos), Granularity::Day);
            assert!(PartitionId::parse(id.as_str()).is_some(), "{id}");
        }
    }
}
