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

    #[cast(timeout = "1s")]
    fn count(&self) {}
}

fn main() {
    let _ = AClient::at("a").count();
}
