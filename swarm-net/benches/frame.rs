//! What it costs to make a frame, and to cut frames out of what a read brought. `cargo bench -p swarm-net --bench frame`

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use swarm_net::wire::{Frame, FrameRef, HEAD_BYTES, KIND_UPPER_MIN, Progress, Reassembly, Scratch, Sink, WireError};

/// Bodies of a small call with its name, and of one with a kilobyte.
const BODIES: [usize; 2] = [64, 1_088];

/// How many frames one read brings at load: a part of what 64 callers have under way.
const FRAMES: usize = 50;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    encode(&mut criterion);
    decode(&mut criterion);
    criterion.final_summary();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    for bytes in BODIES {
        let body = vec![0x5a; bytes];
        group.throughput(Throughput::Elements(1));
        group.bench_with_input(BenchmarkId::new("encode", bytes), &body, |bench, body| {
            bench.iter(|| Frame::new(KIND_UPPER_MIN, black_box([7; HEAD_BYTES]), &[body]));
        });
    }
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    for bytes in BODIES {
        let frame = Frame::new(KIND_UPPER_MIN, [7; HEAD_BYTES], &[&vec![0x5a; bytes]]);
        let stream = frame.bytes().repeat(FRAMES);
        group.throughput(Throughput::Elements(FRAMES as u64));
        group.bench_with_input(BenchmarkId::new("decode", bytes), &stream, |bench, stream| {
            let (mut reassembly, mut scratch) = (Reassembly::default(), Scratch::default());
            bench.iter(|| {
                let (mut source, mut sink) = (stream.as_slice(), Counting::default());
                let progress = reassembly.read(&mut source, &mut scratch, &mut sink);
                assert!(matches!(progress, Ok(Progress::Bytes(read)) if read == stream.len()));
                assert_eq!(black_box(sink.frames), FRAMES);
            });
        });
    }
}

#[derive(Default)]
struct Counting {
    frames: usize,
    bytes: usize,
}

impl Sink for Counting {
    fn body_bytes_max(&self, _kind: u8) -> Option<u32> {
        Some(1 << 20)
    }

    fn frame(&mut self, frame: FrameRef<'_>) -> Result<(), WireError> {
        self.frames += 1;
        self.bytes += frame.body.len();
        Ok(())
    }
}
