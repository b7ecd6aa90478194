//! Owns how much memory a process has, as the kernel says. Never looks into the allocator: its rounding, its slack and what
//! registering has left in it count, since a machine must have them too.

use std::fs;
use std::io;

/// The size of a page on every machine that this is measured on.
const PAGE_BYTES: u64 = 4096;

/// The resident memory of this process in bytes.
///
/// # Errors
/// If the kernel does not say it as Linux does.
pub fn resident() -> io::Result<u64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.map(|pages| pages * PAGE_BYTES).ok_or_else(|| io::Error::other("/proc/self/statm is not understood"))
}
