use swarm::prelude::*;

struct A;

#[swarm::worker]
impl A {
    #[init]
    fn init(&self, _: &Context<Self>, opening: u64) -> Self {
        let _ = opening;
        Self
    }

    #[call]
    fn fine(&self, number: u64) -> u64 {
        number
    }


}

fn main() {
    drop(AClient::register("a", 1));
    drop(AClient::at("a").fine(1));
}
