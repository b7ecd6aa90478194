use swarm::prelude::*;

#[swarm::message(name = "m")]
struct M(u64);

#[swarm::message(name = "m")]
struct N(u64);

struct A;

#[swarm::worker]
impl A {
    #[init]
    fn init(_: &Context<Self>) -> Self {
        Self
    }

    #[call(M)]
    fn one(&self, m: M) -> u64 {
        m.0
    }

    #[call(N)]
    fn two(&self, n: N) -> u64 {
        n.0
    }
}

fn main() {}
