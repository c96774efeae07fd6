//! The name of this process among those of its service, the same after it is started again.
//!
//! The names lie in a folder, each in a file that is locked while a process goes by it. Several processes may share
//! the folder; each takes the first name that is free, so that one which follows a killed one takes its name.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// How many processes may share a folder.
const MAX_PROCESSES: usize = 64;

/// A name that no other process goes by while this value lives.
#[derive(Debug)]
pub struct Instance {
    name: String,
    _locked: File,
}

impl Instance {
    /// Takes the first free name in the folder, or makes one.
    pub fn claim(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        for slot in 0..MAX_PROCESSES {
            let path = folder.join(format!("instance-{slot}"));
            let claimed = Self::lock(&path).with_context(|| format!("take the name in {}", path.display()))?;
            if let Some(instance) = claimed {
                return Ok(instance);
            }
        }
        bail!("{MAX_PROCESSES} processes share {} already; give this one a data.dir of its own", folder.display())
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn lock(path: &Path) -> Result<Option<Self>> {
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut name = String::new();
        file.read_to_string(&mut name)?;
        if name.is_empty() {
            let mut entropy = [0; 16];
            getrandom::fill(&mut entropy).context("draw random bytes")?;
            name = format!("{:032x}", u128::from_be_bytes(entropy));
            file.write_all(name.as_bytes())?;
            file.sync_all()?;
        }
        Ok(Some(Self { name, _locked: file }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_is_taken_once_at_a_time_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let first = Instance::claim(folder.path()).unwrap();
        let second = Instance::claim(folder.path()).unwrap();
        assert_ne!(first.name(), second.name());
        let name = first.name().to_owned();
        drop(first);
        assert_eq!(Instance::claim(folder.path()).unwrap().name(), name);
    }
}
