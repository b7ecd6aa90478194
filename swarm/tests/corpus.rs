//! The corpora of the fuzz targets, replayed: what the fuzzers start from, and what they have found.

#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use peak_alloc::PeakAlloc;
use targets::TARGETS;

/// Counts what is in use, so that it is seen what an input costs.
#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// What a target has in use for itself, whatever the input is: buffers to read into, directories, a membership.
const BYTES_ALWAYS: usize = 8 << 20;

/// So many bytes an input may take for each of its own. The targets hold several forms of it at once, and repeat parts of it
/// to make long frames; what none may do is take memory for what is only announced.
const BYTES_A_BYTE: usize = 1 << 10;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

fn inputs(target: &str) -> Vec<PathBuf> {
    let dir = corpus(target);
    let files =
        fs::read_dir(&dir).unwrap_or_else(|error| panic!("{} has the corpus of `{target}`: {error}", dir.display()));
    let mut files: Vec<_> = files.map(|file| file.expect("the directory can be read").path()).collect();
    // What a fuzzer adds on this machine is not the corpus.
    files.retain(|file| {
        file.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            name.starts_with("seed-") || name.starts_with("found-")
        })
    });
    files.sort();
    files
}

/// One test, since what is in use is counted for the whole process.
#[test]
fn every_input_is_survived_within_its_memory() {
    for target in TARGETS {
        let inputs = inputs(target.name);
        assert!(
            !inputs.is_empty(),
            "`{}` has no corpus: `cargo run --bin seeds` in swarm/fuzz writes one",
            target.name
        );
        for input in inputs {
            let bytes = fs::read(&input).expect("the file can be read");
            println!("{}", input.display());
            let before = ALLOCATED.current_usage();
            ALLOCATED.reset_peak_usage();
            targets::run(target.name, &bytes);
            let most = ALLOCATED.peak_usage().saturating_sub(before);
            let limit = BYTES_ALWAYS + BYTES_A_BYTE * bytes.len();
            assert!(most <= limit, "{} takes {most} bytes of memory, above {limit}", input.display());
        }
    }
}

/// Each target has an entry for the fuzzer, and each entry a target.
#[test]
fn the_fuzzers_know_all_targets() {
    let manifest = include_str!("../fuzz/Cargo.toml");
    let entries: Vec<_> = manifest.lines().filter_map(|line| line.strip_prefix("name = ")).skip(2).collect();
    let names: Vec<_> = TARGETS.iter().map(|target| format!("\"{}\"", target.name)).collect();
    assert_eq!(entries, names);
}
