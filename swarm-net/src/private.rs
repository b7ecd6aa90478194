//! Owns how a file is read that nobody but its owner may read. Never reads one that others can, as far as the system tells, nor more
//! of it than was asked for.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

/// Why a private file was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The system reports an error.
    System(io::Error),
    /// Others than its owner can read it.
    Mode(u32),
    /// It is longer than what is looked for can be.
    TooLong,
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// The whole file, if it has at most so many bytes. Wiped from memory when it is dropped.
pub(crate) fn read(path: &Path, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, Unread> {
    let file = File::open(path)?;
    closed(&file)?;
    // Large enough from the beginning, so that no piece stays behind where the buffer was before it grew.
    let mut bytes = Zeroizing::new(Vec::with_capacity(bytes_max + 1));
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max { Err(Unread::TooLong) } else { Ok(bytes) }
}

/// Whether nobody but the owner can read an open file.
#[cfg(unix)]
fn closed(file: &File) -> Result<(), Unread> {
    use std::os::unix::fs::PermissionsExt;

    let mode = file.metadata()?.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(Unread::Mode(mode)) }
}

/// Elsewhere access is not a matter of three digits; what the file's directory allows is left to its owner.
#[cfg(not(unix))]
fn closed(_: &File) -> Result<(), Unread> {
    Ok(())
}
