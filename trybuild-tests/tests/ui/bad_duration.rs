use swarm::prelude::*;

struct A;

#[swarm::worker]
impl A {
    #[init]
    fn init(_: &Context<Self>, opening: u64) -> Self {
        let _ = opening;
        Self
    }

    #[call]
    fn fine(&self, number: u64) -> u64 {
        number
    }

    #[call(timeout = "soon")]
    fn one(&self) {}

    #[call(timeout = "0ms")]
    fn two(&self) {}
}

fn main() {
    drop(AClient::at("a").one());
    drop(AClient::at("a").two());
}
