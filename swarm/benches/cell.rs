//! What it costs to take a worker out of its cell, run it and put it back, with all that a call and a cast do around it on their
//! own node: the look-up of the name, the deadline, the guards. `cargo bench -p swarm --bench cell`

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use criterion::Criterion;
use swarm::Swarm;
use swarm::prelude::*;

struct Account {
    sum: u64,
}

#[swarm::worker]
impl Account {
    #[init]
    fn init() -> Self {
        Self { sum: 0 }
    }

    #[call]
    fn add(&mut self, by: u64) -> u64 {
        self.sum = self.sum.wrapping_add(by);
        self.sum
    }

    #[call]
    async fn add_ready(&mut self, by: u64) -> u64 {
        std::future::ready(()).await;
        self.add(by)
    }

    #[cast]
    fn note(&mut self, by: u64) {
        self.sum = self.sum.wrapping_add(by);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let _in_it = runtime.enter();
    let builder =
        Swarm::builder().cluster(format!("bench-cell-{}", std::process::id())).discovery(Seeds::new(None::<String>));
    let swarm = runtime.block_on(builder.start())?;
    runtime.block_on(AccountClient::register("acct/42", ()).on(&swarm))?;
    let account = swarm.at::<Account>("acct/42");

    let mut group = criterion.benchmark_group("cell");
    group.bench_function("call", |bench| bench.iter(|| at_once(account.add(1))));
    group.bench_function("call, async and ready", |bench| bench.iter(|| at_once(account.add_ready(1))));
    group.bench_function("cast", |bench| bench.iter(|| account.note(1).expect("its mailbox is empty")));
    group.finish();
    criterion.final_summary();
    Ok(())
}

/// The answer of a call that is over when it has been polled once, as it is to an idle worker of this node.
fn at_once<T>(call: impl Future<Output = Result<T, swarm::CallError>>) -> T {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.expect("the worker is there"),
        Poll::Pending => panic!("the worker was not idle"),
    }
}
