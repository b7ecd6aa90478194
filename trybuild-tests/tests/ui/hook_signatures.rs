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

    #[begin_handoff]
    fn begin(&mut self) {}

    #[end_handoff]
    fn end(&mut self) {}

    #[die]
    fn die(&mut self, _: Die) -> u64 {
        1
    }
}

fn main() {
    drop(AClient::register("a", 1));
    drop(AClient::at("a").fine(1));
}
