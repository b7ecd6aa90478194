use swarm::prelude::*;

struct A;

#[swarm::worker]
impl A {
    #[init]
    fn init(_: &Context<Self>, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8) -> Self {
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
