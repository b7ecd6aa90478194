//! What each look-up of an owner costs, and what a member more costs the ring. `cargo bench -p swarm-net --bench ring`

use std::hint::black_box;
use std::net::SocketAddr;

use criterion::{BenchmarkId, Criterion};
use swarm_net::node::NodeId;
use swarm_net::ring::Ring;

/// Members of clusters that are small, large, and as large as is simulated.
const SIZES: [u16; 3] = [3, 100, 1_000];

/// How many copies of a name's record there are by default.
const REPLICAS: usize = 3;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    look_up(&mut criterion);
    join(&mut criterion);
    criterion.final_summary();
}

fn members(count: u16) -> Vec<(NodeId, u16)> {
    let member = |i: u16| (NodeId::new(SocketAddr::from(([127, 0, 0, 1], i)), u64::from(i) << 17 | 1), 100);
    (1..=count).map(member).collect()
}

/// Hashes that are spread as those of names are.
fn hashes() -> impl Iterator<Item = u64> {
    (0_u64..).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn look_up(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring");
    for size in SIZES {
        let ring = Ring::new(Ring::PARTITIONS, &members(size));
        group.bench_with_input(BenchmarkId::new("owner", size), &ring, |bench, ring| {
            let mut hashes = hashes();
            bench.iter(|| ring.owner(ring.partition_of(hashes.next().unwrap_or_default())));
        });
        group.bench_with_input(BenchmarkId::new("replicas", size), &ring, |bench, ring| {
            let mut hashes = hashes();
            bench.iter(|| {
                let partition = ring.partition_of(hashes.next().unwrap_or_default());
                ring.preference(partition).take(REPLICAS).map(black_box).count()
            });
        });
    }
}

fn join(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring");
    for size in SIZES {
        let (ring, more) = (Ring::new(Ring::PARTITIONS, &members(size)), members(size + 1));
        group.bench_function(BenchmarkId::new("join", size), |bench| bench.iter(|| ring.with_members(&more)));
    }
}
