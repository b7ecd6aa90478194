//! Owns the Unix socket of a node: where it is made, who may use it, what becomes of one that a dead node has left behind. Never
//! removes anything but a socket that nobody listens at, and never one that is not its own.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

use crate::timer::Timers;

/// How often, and how many times, the lock on the directory is tried. Whoever has it needs a few system calls.
const LOCK_EVERY: Duration = Duration::from_millis(5);
const LOCK_TRIES: u32 = 200;

/// The longest part of a file's name that comes from the cluster's: a path of a socket has 107 bytes at most.
const CLUSTER_BYTES_MAX: usize = 40;

/// The name of the superuser, who may do everything.
const ROOT: u32 = 0;

/// The socket of a node, which goes when this is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    made: Metadata,
}

/// Where sockets are made and looked for if nothing is said: `$XDG_RUNTIME_DIR/swarm`, or `swarm-USER` in the directory for
/// temporary files.
pub(super) fn default_dir() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    match set("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute()) {
        Some(dir) => dir.join("swarm"),
        None => {
            let user = set("USER").or_else(|| set("LOGNAME")).unwrap_or_else(|| "user".into());
            std::env::temp_dir().join(format!("swarm-{}", tame(&user.to_string_lossy())))
        }
    }
}

/// The socket of a node of this cluster that listens at this port, in the default directory, which is made if it is not there.
pub(super) fn default_path(cluster: &str, port: u16) -> io::Result<PathBuf> {
    let dir = default_dir();
    match DirBuilder::new().mode(0o700).create(&dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let found = dir.symlink_metadata()?;
    if !found.is_dir() || found.mode() & 0o077 != 0 {
        let text =
            format!("{} is open to other users, or no directory: remove it, or name another path", dir.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(dir.join(format!("{}-{port}.sock", tame(cluster))))
}

/// As much of a text as may stand in a file's name.
fn tame(text: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '_' };
    text.chars().map(letter).take(CLUSTER_BYTES_MAX).collect()
}

impl Socket {
    /// Makes a socket that only this user can connect to. One that is there already is replaced if nobody listens at it.
    pub(super) async fn open(path: PathBuf, timers: &Timers) -> io::Result<Self> {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Held to the end of this function: two nodes that find the same dead socket must not remove each other's new one.
        let _lock = lock(dir, timers).await;
        remove_if_dead(&path).await?;
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let made = path.symlink_metadata()?;
        Ok(Self { listener, path, made })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The next connection of this user, or of the superuser. Who came in before the socket's mode was set is turned away here.
    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let user = stream.peer_cred()?.uid();
            if user == self.made.uid() || user == ROOT {
                return Ok(stream);
            }
            tracing::warn!(user, path = %self.path.display(), "another user has tried the socket for operators");
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let same = |found: Metadata| (found.dev(), found.ino()) == (self.made.dev(), self.made.ino());
        if self.path.symlink_metadata().is_ok_and(same) {
            // If that fails the next node at this path removes it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The lock on a directory, if it can be had: where it cannot, only the race between two starting nodes is not kept out.
async fn lock(dir: &Path, timers: &Timers) -> Option<File> {
    let dir = File::open(dir).ok()?;
    for _ in 0..LOCK_TRIES {
        match dir.try_lock() {
            Ok(()) => return Some(dir),
            Err(std::fs::TryLockError::WouldBlock) => timers.delay(LOCK_EVERY).await,
            Err(std::fs::TryLockError::Error(_)) => return None,
        }
    }
    None
}

async fn remove_if_dead(path: &Path) -> io::Result<()> {
    let found = match path.symlink_metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let taken = |text: &str| Err(io::Error::new(io::ErrorKind::AddrInUse, format!("{} {text}", path.display())));
    if !found.file_type().is_socket() {
        return taken("is there and is no socket: remove it, or name another path");
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "replacing the socket that a dead node has left behind");
            std::fs::remove_file(path)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(_) | Err(_) => taken("is the socket of a process that lives: stop it, or name another path"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_cluster_leads_nowhere_else() {
        assert_eq!(tame("../bank\0/ü"), ".._bank___");
        assert_eq!(tame(&"b".repeat(200)).len(), CLUSTER_BYTES_MAX);
    }
}
