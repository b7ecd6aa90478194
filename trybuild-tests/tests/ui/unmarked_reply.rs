use swarm::prelude::*;

struct Plain;

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

    #[call]
    fn plain(&self) -> Plain {
        Plain
    }
}

fn main() {
    drop(AClient::register("a", 1));
    drop(AClient::at("a").fine(1));
}
