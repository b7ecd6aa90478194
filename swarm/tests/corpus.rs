//! The corpora of the fuzz targets, replayed: what the fuzzers start from, and what they have found.

#[expect(unreachable_pub, reason = "the crate of the fuzz targets has it, too, and there it is public")]
#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use peak_alloc::PeakAlloc;
use targets::{TARGETS, Target};

/// Counts what is in use, so that it is seen what an input costs.
#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

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

/// One test, since what is in use is counted for the whole process. With `WRITE_SEEDS` the corpora are given the seeds anew.
#[test]
fn every_input_is_survived_within_its_memory() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        if std::env::var_os("WRITE_SEEDS").is_some() {
            write(target.name, &seeds);
        }
        // What is encoded today may differ from what was when the corpus was made.
        seeds.iter().for_each(|seed| replay(target, "a new seed", seed));
        let inputs = inputs(target.name);
        assert!(!inputs.is_empty(), "`{}` has no corpus: run this test with WRITE_SEEDS=1", target.name);
        for input in inputs {
            replay(target, &input.display().to_string(), &fs::read(&input).expect("the file can be read"));
        }
    }
}

fn replay(target: &Target, what: &str, bytes: &[u8]) {
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    println!("{}: {what}, {} bytes", target.name, bytes.len());
    (target.run)(bytes);
    let most = ALLOCATED.peak_usage().saturating_sub(before);
    println!("{}: took {most} bytes of memory", target.name);
    let (always, for_each_byte) = target.room;
    let limit = always + for_each_byte * bytes.len();
    assert!(most <= limit, "{what} of `{}` takes {most} bytes of memory, above {limit}", target.name);
}

fn write(target: &str, seeds: &[Vec<u8>]) {
    let dir = corpus(target);
    fs::create_dir_all(&dir).expect("the directory can be made");
    for (i, seed) in seeds.iter().enumerate() {
        fs::write(dir.join(format!("seed-{i}")), seed).expect("the file can be written");
    }
}

/// Each target has an entry for the fuzzer, and each entry a target.
#[test]
fn the_fuzzers_know_all_targets() {
    let manifest = include_str!("../fuzz/Cargo.toml");
    let entries: Vec<_> = manifest.lines().filter_map(|line| line.strip_prefix("name = ")).skip(1).collect();
    let names: Vec<_> = TARGETS.iter().map(|target| format!("\"{}\"", target.name)).collect();
    assert_eq!(entries, names);
}
