//! The ids of erased events, so that one that is delivered again stays erased.
//!
//! A list beside the partitions: a line for each partition of an erasure. An id is forgotten once the retention of
//! its tenant has passed for the day it was of: then nothing of that day is kept anyway. It costs 16 bytes and a
//! day an id in memory, 39 bytes on disk.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lapwing_event::{EventId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::partition::sync_dir;

/// Its name in the store's directory.
pub(crate) const FILE: &str = "erased.jsonl";

/// The erased ids of one tenant and one partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tombstone {
    pub tenant: TenantId,
    /// When the partition's span ended: retention counts from here.
    pub end: Timestamp,
    pub ids: Vec<EventId>,
}

/// All erased ids that are remembered.
pub(crate) struct Tombstones {
    path: PathBuf,
    ends: HashMap<TenantId, HashMap<EventId, Timestamp>>,
}

impl Tombstones {
    /// Those of the store in `dir`.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let mut tombstones = Self { path: dir.join(FILE), ends: HashMap::new() };
        let text = match fs::read_to_string(&tombstones.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(tombstones),
            text => text?,
        };
        for (number, line) in text.split_inclusive('\n').enumerate() {
            match serde_json::from_str(line) {
                Ok(tombstone) => tombstones.remember(tombstone),
                // Cut short by a crash: its erasure did not begin. The next line must not continue it.
                Err(_) if !line.ends_with('\n') => tombstones.rewrite()?,
                Err(error) => {
                    let reason = format!("line {} is damaged: {error}", number + 1);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
                }
            }
        }
        Ok(tombstones)
    }

    /// Whether the tenant's event was erased.
    pub fn contains(&self, tenant: &TenantId, id: &EventId) -> bool {
        self.ends.get(tenant).is_some_and(|ids| ids.contains_key(id))
    }

    /// Remembers ids, durably.
    pub fn add(&mut self, tombstone: Tombstone) -> io::Result<()> {
        let mut line = serde_json::to_vec(&tombstone)?;
        line.push(b'\n');
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(&line)?;
        file.sync_all()?;
        self.remember(tombstone);
        self.sync_parent()
    }

    /// Forgets the ids of which `is_past` says that nothing of their tenant and day is kept any more.
    pub fn forget(&mut self, is_past: impl Fn(&TenantId, Timestamp) -> bool) -> io::Result<()> {
        let before = self.len();
        for (tenant, ids) in &mut self.ends {
            ids.retain(|_, end| !is_past(tenant, *end));
        }
        self.ends.retain(|_, ids| !ids.is_empty());
        if self.len() < before { self.rewrite() } else { Ok(()) }
    }

    /// How many ids are remembered.
    pub fn len(&self) -> usize {
        self.ends.values().map(HashMap::len).sum()
    }

    fn remember(&mut self, Tombstone { tenant, end, ids }: Tombstone) {
        self.ends.entry(tenant).or_default().extend(ids.into_iter().map(|id| (id, end)));
    }

    fn rewrite(&self) -> io::Result<()> {
        let draft = self.path.with_extension("new");
        let mut file = io::BufWriter::new(File::create(&draft)?);
        for (tenant, ids) in &self.ends {
            let mut by_end: HashMap<Timestamp, Vec<EventId>> = HashMap::new();
            ids.iter().for_each(|(id, end)| by_end.entry(*end).or_default().push(*id));
            for (end, ids) in by_end {
                serde_json::to_writer(&mut file, &Tombstone { tenant: tenant.clone(), end, ids })?;
                file.write_all(b"\n")?;
            }
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&draft, &self.path)?;
        self.sync_parent()
    }

    fn sync_parent(&self) -> io::Result<()> {
        sync_dir(self.path.parent().unwrap_or(Path::new(".")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn id(n: u8) -> EventId {
        EventId::new(Timestamp::from_millis(0), [n; 10])
    }

    fn of(tenant: &str, end: i64, ids: &[u8]) -> Tombstone {
        let tenant = TenantId::new(tenant).unwrap();
        Tombstone { tenant, end: Timestamp::from_millis(end), ids: ids.iter().map(|n| id(*n)).collect() }
    }

    #[test]
    fn ids_are_remembered_by_tenant_until_they_are_past() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (TenantId::new("a").unwrap(), TenantId::new("b").unwrap());
        let mut tombstones = Tombstones::open(dir.path()).unwrap();
        tombstones.add(of("a", 1_000, &[1, 2])).unwrap();
        tombstones.add(of("a", 2_000, &[3])).unwrap();
        tombstones.add(of("b", 1_000, &[4])).unwrap();
        let check = |tombstones: &Tombstones, expect: &[bool]| {
            let found = [(&a, 1), (&a, 2), (&a, 3), (&b, 4), (&b, 1)].map(|(t, n)| tombstones.contains(t, &id(n)));
            assert_eq!(found, expect);
        };
        check(&tombstones, &[true, true, true, true, false]);
        tombstones.forget(|tenant, end| *tenant == a && end <= Timestamp::from_millis(1_000)).unwrap();
        check(&tombstones, &[false, false, true, true, false]);
        check(&Tombstones::open(dir.path()).unwrap(), &[false, false, true, true, false]);
    }

    #[test]
    fn a_line_cut_short_is_left_out_and_a_damaged_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        Tombstones::open(dir.path()).unwrap().add(of("a", 1, &[1])).unwrap();
        let path = dir.path().join(FILE);
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{whole}{}", &whole[..20])).unwrap();
        let mut tombstones = Tombstones::open(dir.path()).unwrap();
        tombstones.add(of("a", 1, &[2])).unwrap();
        assert_eq!(Tombstones::open(dir.path()).unwrap().len(), 2);
        fs::write(&path, format!("{}\n{whole}", &whole[..20])).unwrap();
        assert!(Tombstones::open(dir.path()).err().unwrap().to_string().contains("line 1 is damaged"));
    }
}
