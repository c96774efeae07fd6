//! Rule files on disk.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use lapwing_detector::RuleText;

/// A folder may hold this many rule files, and a file this many bytes.
const MAX_FILES: usize = 2_000;
const MAX_BYTES: u64 = 4 << 20;

/// Reads a file, or every `.yml` and `.yaml` file below a folder in the order of their names.
pub fn read(path: &Path) -> Result<Vec<RuleText>> {
    let mut files = Vec::new();
    collect(path, &mut files)?;
    files.sort();
    files.iter().map(|file| read_file(file)).collect()
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let kind = fs::metadata(path).with_context(|| format!("read the rules in {}", path.display()))?;
    if kind.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| format!("read the rules in {}", path.display()))? {
        let entry = entry?.path();
        let is_rules = entry.extension().is_some_and(|extension| extension == "yml" || extension == "yaml");
        if entry.is_dir() {
            collect(&entry, files)?;
        } else if is_rules {
            files.push(entry);
        }
        ensure!(
            files.len() <= MAX_FILES,
            "{} holds more than {MAX_FILES} rule files; name a smaller folder",
            path.display()
        );
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<RuleText> {
    let name = path.display().to_string();
    let size = fs::metadata(path).with_context(|| format!("read {name}"))?.len();
    ensure!(size <= MAX_BYTES, "{name} is larger than {MAX_BYTES} bytes; split it");
    let text = fs::read_to_string(path).with_context(|| format!("read {name} as text"))?;
    Ok(RuleText { name, text })
}
