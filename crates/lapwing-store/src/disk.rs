//! The disk below the store: how much room it has.

use std::io;
use std::path::Path;

/// Asks how many bytes may still be written below a path.
pub(crate) type FreeBytes = Box<dyn Fn(&Path) -> io::Result<u64> + Send>;

/// What the file system says.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
