//! Owns the certificate by which the nodes of some rows protect their connections. Never outlives this program, unless that is killed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// By which a node is told of its certificate, its key, the CA, and the name that certificates bear.
pub(crate) const TLS: [&str; 4] = ["SWARM_TLS_CERT", "SWARM_TLS_KEY", "SWARM_TLS_CA", "SWARM_TLS_NAME"];
const NAME: &str = "compare.swarm";
const CERTIFICATE: &str = "node.pem";
const KEY: &str = "node.key";

/// One for all nodes, which is its own CA, in files.
pub(crate) struct Certificate(PathBuf);

impl Certificate {
    pub(crate) fn mint() -> io::Result<Self> {
        let minted = rcgen::generate_simple_self_signed([NAME.to_owned()]).map_err(io::Error::other)?;
        let files = Self(std::env::temp_dir().join(format!("compare-{}", std::process::id())));
        fs::create_dir_all(&files.0)?;
        fs::write(files.0.join(CERTIFICATE), minted.cert.pem())?;
        // A node refuses a key that others may read.
        let mut key = File::options().write(true).create_new(true).mode(0o600).open(files.0.join(KEY))?;
        key.write_all(minted.signing_key.serialize_pem().as_bytes())?;
        Ok(files)
    }

    /// What a node's environment says of it.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&'static str, OsString)> {
        let file = |name| self.0.join(name).into_os_string();
        TLS.into_iter().zip([file(CERTIFICATE), file(KEY), file(CERTIFICATE), NAME.into()])
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = fs::remove_dir_all(&self.0);
    }
}
