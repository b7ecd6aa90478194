//! What it costs to write a name into the directory and to take it out again, on a node without replicas elsewhere: the machine's
//! work, its start of a worker, and the hops to and from it. `cargo bench -p swarm --bench registry`

use std::cell::Cell;

use criterion::{Criterion, Throughput};
use swarm::Swarm;
use swarm::prelude::*;

/// How many names are registered at a time where that is what is measured.
const TOGETHER: u64 = 64;

struct Idle;

#[swarm::worker]
impl Idle {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn here(&self) -> bool {
        true
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let cluster = format!("bench-registry-{}", std::process::id());
    let builder = Swarm::builder().cluster(cluster).discovery(Seeds::new(None::<String>));
    let swarm = runtime.block_on(builder.start())?;
    runtime.block_on(IdleClient::register("there", ()).on(&swarm))?;

    let next = Cell::new(0_u64);
    let name = || {
        next.set(next.get() + 1);
        format!("idle/{}", next.get())
    };
    let mut group = criterion.benchmark_group("registry");
    group.bench_function("register and unregister", |bench| {
        bench.iter(|| runtime.block_on(once(&swarm, name())));
    });
    group.throughput(Throughput::Elements(TOGETHER));
    group.bench_function("register and unregister, 64 at a time", |bench| {
        bench.iter(|| {
            runtime.block_on(async {
                let all: Vec<_> = (0..TOGETHER).map(|_| tokio::spawn(together(swarm.clone(), name()))).collect();
                for one in all {
                    one.await.expect("it does not panic");
                }
            });
        });
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("whereis", |bench| {
        bench.iter(|| runtime.block_on(swarm.whereis("there").into_future()).expect("the node runs"));
    });
    group.finish();
    criterion.final_summary();
    Ok(())
}

async fn once(swarm: &Swarm, name: String) {
    IdleClient::register(name.as_str(), ()).on(swarm).await.expect("nobody else has the name");
    swarm.unregister(name).await.expect("the node runs");
}

async fn together(swarm: Swarm, name: String) {
    once(&swarm, name).await;
}
