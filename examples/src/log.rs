//! Owns where the programs of this crate log: to their standard error, so that their standard output is theirs.

use tracing_subscriber::EnvFilter;

/// Begins to log what `RUST_LOG` asks for, else the story of the cluster that is told at `info`.
pub fn to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
}
