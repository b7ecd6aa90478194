//! Owns the stored counts and the file that they stand in. Never counts anything.

use std::fmt::Write;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use crate::pieces::Piece;

/// By which part a count may be off before somebody has to look at it.
pub(crate) const TOLERANCE: f64 = 0.05;

const HEAD: &str = "\
# Instructions of each piece, as callgrind counts them. Never written by hand, but by
# cargo bench -p swarm --bench instructions -- --renew
";

/// What was counted, and with what the program had been made.
pub(crate) struct Baseline {
    pub(crate) toolchain: String,
    pub(crate) counts: Vec<(Piece, f64)>,
}

impl Baseline {
    fn path() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/baseline.txt")
    }

    pub(crate) fn read() -> io::Result<Self> {
        let text = fs::read_to_string(Self::path())?;
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let toolchain = lines.next().ok_or_else(|| io::Error::other("the baseline is empty"))?.to_owned();
        Ok(Self { toolchain, counts: lines.map(line).collect::<io::Result<_>>()? })
    }

    pub(crate) fn write(&self) -> io::Result<()> {
        let mut text = format!("{HEAD}{}\n", self.toolchain);
        for (piece, count) in &self.counts {
            writeln!(text, "{} {count:.1}", piece.word()).map_err(io::Error::other)?;
        }
        print!("{text}");
        fs::write(Self::path(), text)
    }

    pub(crate) fn of(&self, piece: Piece) -> io::Result<f64> {
        let stored = self.counts.iter().find(|(stored, _)| *stored == piece).map(|(_, count)| *count);
        stored.ok_or_else(|| io::Error::other(format!("`{}` has no stored count: renew the baseline", piece.word())))
    }
}

fn line(line: &str) -> io::Result<(Piece, f64)> {
    let strange = || io::Error::other(format!("`{line}` is no line of a baseline"));
    let (piece, count) = line.split_once(' ').ok_or_else(strange)?;
    let count = count.parse().ok().filter(|count: &f64| count.is_finite() && *count > 0.0).ok_or_else(strange)?;
    Ok((piece.parse()?, count))
}

/// What decides, beside the source, which instructions are run: the compiler, its target, and the C library, whose allocator and
/// copying are counted, too.
pub(crate) fn toolchain() -> io::Result<String> {
    let rustc = said(Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-vV"))?;
    let version = rustc.lines().next().unwrap_or_default();
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let libc = said(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    Ok(format!("{version}, {host}, {}", libc.trim()))
}

fn said(command: &mut Command) -> io::Result<String> {
    let output = command.output().map_err(|trouble| io::Error::other(format!("{command:?}: {trouble}")))?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{command:?}: {}", output.status)));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}
