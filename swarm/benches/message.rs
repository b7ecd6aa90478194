//! What it costs to write a message, to validate it where it lies, and to take it out. `cargo bench -p swarm --bench message`

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use swarm::message::{Checked, decode, encode};

/// A small message, and one of a kilobyte, as bytes and as numbers.
const SIZES: [usize; 2] = [32, 1_024];

/// As handlers get them: an amount and a reason, with more or less beside it.
#[swarm::message]
struct Entry {
    cents: u64,
    memo: String,
    bytes: Vec<u8>,
    parts: Vec<u64>,
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("message");
    for size in SIZES {
        let entry = Entry {
            cents: 500,
            memo: "a memo, not short".to_owned(),
            bytes: vec![0x5a; size],
            parts: vec![7; size / size_of::<u64>()],
        };
        let payload = encode(&entry);
        group.bench_function(BenchmarkId::new("encode", size), |bench| bench.iter(|| encode(black_box(&entry))));
        group.bench_function(BenchmarkId::new("access", size), |bench| {
            // The payload is shared, not copied: what is measured is the validation.
            bench.iter(|| Checked::<Entry>::new(payload.clone()).is_ok());
        });
        group.bench_function(BenchmarkId::new("decode", size), |bench| {
            bench.iter(|| decode::<Entry>(black_box(&payload)));
        });
    }
    group.finish();
    criterion.final_summary();
}
