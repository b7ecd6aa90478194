//! Owns how callgrind is asked, and what its answer means. Never compares counts.

use std::process::Command;
use std::{env, fs, io, process};

use crate::PIECE;
use crate::pieces::{Piece, TIMES};

/// How many instructions one of [`TIMES`] runs of a piece takes, if it is run `times` times.
pub(crate) fn count(piece: Piece, times: u64) -> io::Result<f64> {
    let told = env::temp_dir().join(format!("swarm-instructions-{}-{}.out", process::id(), piece.word()));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet", "--collect-atstart=no"]);
    // Only what this function does, and what it calls: threads of the node come and go meanwhile.
    valgrind.arg(format!("--toggle-collect=*pieces::{}", piece.function()));
    valgrind.arg(format!("--callgrind-out-file={}", told.display()));
    valgrind.arg(env::current_exe()?).args([PIECE, piece.word(), &times.to_string()]);
    let ended = valgrind.status().map_err(|trouble| io::Error::other(format!("valgrind: {trouble}")))?;
    let text = fs::read_to_string(&told);
    // It may never have been written.
    let _ = fs::remove_file(&told);
    if !ended.success() {
        return Err(io::Error::other(format!("`{}` under valgrind: {ended}", piece.word())));
    }
    Ok(total(&text?)? as f64 / TIMES as f64)
}

/// The sum that callgrind's file ends with.
fn total(text: &str) -> io::Result<u64> {
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")).and_then(|sum| sum.trim().parse().ok());
    // Nothing is counted if the function has another name than is asked for.
    total.filter(|total| *total > 0).ok_or_else(|| io::Error::other("callgrind has counted nothing"))
}
