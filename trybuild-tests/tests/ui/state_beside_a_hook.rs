use swarm::prelude::*;

#[swarm::message]
struct A;

#[swarm::worker(state = Self)]
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
    fn begin(&mut self) -> Handoff {
        Handoff::Ignore
    }
}

fn main() {
    drop(AClient::register("a", 1));
    drop(AClient::at("a").fine(1));
}
