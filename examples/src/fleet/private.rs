//! Owns what keeps two runs on one machine apart, and where the processes of a run log. Never reuses either.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The names that only one run has.
#[derive(Clone, Debug)]
pub struct Private {
    /// Its cluster.
    pub cluster: String,
    /// The port of its beacons.
    pub beacon_port: u16,
}

impl Private {
    /// By the process and the time: two runs differ in both, and the cluster's name decides if their ports do not.
    pub fn draw(program: &str) -> Self {
        let pid = std::process::id();
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
        // The upper half of the ports that IANA leaves to private use, so that nothing well known hears the beacon.
        let beacon_port = 57_344 + ((u64::from(pid) * 7 + u64::from(nanos)) % 8_192) as u16;
        Self { cluster: format!("{program}-{pid}-{nanos:x}"), beacon_port }
    }

    /// Where its processes log.
    pub fn logs(&self) -> PathBuf {
        std::env::temp_dir().join(&self.cluster)
    }
}

/// The directory of the processes' logs: removed in the end, unless somebody should read them.
#[derive(Debug)]
pub struct Logs {
    path: PathBuf,
    keep: bool,
}

impl Logs {
    /// Makes the directory.
    pub fn new(path: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&path)?;
        Ok(Self { path, keep: false })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it for somebody to read, and says so.
    pub fn keep(&mut self) {
        if !self.keep {
            self.keep = true;
            println!("the nodes' logs are in {}", self.path.display());
        }
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        if !self.keep {
            // Left behind they are a few kilobytes in the directory for temporary files.
            let _removed = std::fs::remove_dir_all(&self.path);
        }
    }
}
